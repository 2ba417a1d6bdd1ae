from dataclasses import replace

import numpy as np
import pytest

from search.cli.replay import TABLES
from search.errors import UserError
from search.replay.pool import coordinates, pool_of
from search.replay.table import COLUMNS, RecordedTable
from spaces.space import Choice, Float, Int, Space
from tests.search.replay.made_table import FAIR, UNFAIR, Made, pool, table
from trainables.evaluation.pairs import tables_of_pairs
from trainables.trial.archive import Entry, Tolerances, admit

SHIPPED = sorted(TABLES.glob("*.npz"))


def test_a_table_is_read_as_it_was_written(tmp_path):
    written = table(Made([UNFAIR, FAIR], test=[FAIR, UNFAIR]), Made([FAIR], lr=0.5, kind="b"))
    written.save(tmp_path / "one.npz")

    read = RecordedTable.load(tmp_path / "one.npz")

    assert read.header == written.header
    assert read.reports.tolist() == [2, 1]
    for name in COLUMNS:
        assert read.columns[name].tolist() == written.columns[name].tolist(), name
    for split in ("tune", "test"):
        assert np.array_equal(read.counts[split], written.counts[split])


def test_reports_of_a_pool_say_their_round_where_there_are_rounds(tmp_path):
    table(Made([UNFAIR] * 4, round_epochs=2), Made([FAIR])).save(tmp_path / "one.npz")

    in_rounds, without = pool_of(RecordedTable.load(tmp_path / "one.npz"), "adv_ft").trials

    assert [report["round"] for report in in_rounds.reports] == [1, 1, 2, 2]
    assert "round" not in without.reports[0]


def test_a_table_that_was_written_before_there_were_rounds_has_none(tmp_path):
    table(Made([UNFAIR] * 2, round_epochs=1)).save(tmp_path / "new.npz")
    with np.load(tmp_path / "new.npz") as stored:
        older = {name: stored[name] for name in stored.files if name != "round"}
    np.savez(tmp_path / "old.npz", **older)

    read = RecordedTable.load(tmp_path / "old.npz")

    assert read.columns["round"].tolist() == [0, 0]
    assert "round" not in pool_of(read, "adv_ft").trials[0].reports[0]


def pairs_of(tables):
    """(reports, labels, predictions, predictions): copies of (2, labels, predictions) tables that
    go together as little as they can: group 0's positives meet group 1's negatives first."""
    pairs = np.zeros((len(tables), 2, 2, 2), dtype=np.int64)
    for counted, of in zip(tables, pairs, strict=True):
        for label in range(2):
            rows, (first, second) = counted[0, label].sum(), counted[:, label, 1]
            of[label, 1, 1] = max(0, first + second - rows)
            of[label, 1, 0], of[label, 0, 1] = first - of[label, 1, 1], second - of[label, 1, 1]
            of[label, 0, 0] = rows - of[label].sum()
    return pairs


def test_pairs_are_read_as_they_were_written_and_older_tables_have_none(tmp_path):
    made = table(Made([UNFAIR, FAIR], test=[FAIR, UNFAIR]), Made([FAIR]))
    made.counts["test"][2] = 0  # left no candidate
    pairs = {split: pairs_of(made.counts[split]) for split in ("tune", "test")}
    written = replace(made, pairs=pairs)
    written.save(tmp_path / "paired.npz")
    made.save(tmp_path / "without.npz")

    read = RecordedTable.load(tmp_path / "paired.npz")
    for split in ("tune", "test"):
        assert np.array_equal(read.pairs[split], pairs[split])
    kept = np.array([True, True, False])
    assert np.array_equal(read.pairs_of(kept)["test"], pairs["test"][:2])
    assert read.pairs_of(np.ones(3, dtype=bool)) is None  # one does not say what they are
    with np.load(tmp_path / "paired.npz") as stored, np.load(tmp_path / "without.npz") as older:
        assert set(stored.files) - set(older.files) == {
            f"pairs_{split}{what}" for split in ("tune", "test") for what in ("", "_cells")
        }
        assert stored["pairs_tune"].shape == (int(pairs["tune"].any(0).sum()), 3)
    assert RecordedTable.load(tmp_path / "without.npz").pairs == {}
    assert RecordedTable.load(tmp_path / "without.npz").pairs_of(kept) is None


def test_pairs_of_other_rows_are_refused(tmp_path):
    made = table(Made([FAIR]), Made([UNFAIR]))
    swapped = pairs_of(made.counts["tune"])[::-1]
    with pytest.raises(ValueError, match="pairs of tune must add up to its counts"):
        replace(made, pairs={"tune": swapped})


def test_a_thousand_cells_of_thousands_of_reports_are_a_small_file(tmp_path):
    """Ten classes and 1,000 images: 2,000 reports of 1,000 cells, of which few are filled."""
    generator = np.random.default_rng(0)
    made = table(*[Made([FAIR] * 20)] * 100)
    shares = np.full((10, 100), 0.001)  # one in ten is wrong, in any way
    shares[range(10), 11 * np.arange(10)] += 0.9  # both are right
    networks = generator.multinomial(100, shares, size=(100, 10)).reshape(100, 10, 10, 10)
    pairs = np.repeat(networks, 20, axis=0)
    tables = tables_of_pairs(pairs)
    whole = replace(
        made, counts={"tune": tables, "test": tables}, pairs={"tune": pairs, "test": pairs}
    )
    whole.save(tmp_path / "large.npz")

    assert pairs.nbytes > 15e6 > 50 * (tmp_path / "large.npz").stat().st_size
    read = RecordedTable.load(tmp_path / "large.npz")
    assert read.pairs["test"].dtype == np.uint8
    assert np.array_equal(read.pairs["test"], pairs)


def test_performance_and_bias_follow_from_the_counts():
    made = table(Made([UNFAIR], test=[(90, 50, 60)]))

    assert np.column_stack(made.values("tune")).tolist() == pytest.approx(np.array([[0.7, 0.2]]))
    assert np.column_stack(made.values("test")).tolist() == pytest.approx(np.array([[0.65, 0.4]]))


def test_what_is_no_table_is_refused_by_name(tmp_path):
    (tmp_path / "text.npz").write_text("no table")
    np.savez(tmp_path / "other.npz", header=np.zeros(3))
    other = table(Made([FAIR]))
    old = other.header.to_json().replace('"version":1', '"version":7')
    object.__setattr__(other, "header", _Says(old))
    other.save(tmp_path / "old.npz")

    for name, rule in (
        ("missing.npz", "there is no such table"),
        ("text.npz", "must be a table"),
        ("other.npz", "must be a table"),
        ("old.npz", "version must be 1, got 7"),
    ):
        with pytest.raises(UserError, match=rule) as refused:
            RecordedTable.load(tmp_path / name)
        assert name in str(refused.value)


class _Says:
    def __init__(self, text):
        self.to_json = lambda: text


def test_columns_of_another_length_are_refused():
    made = table(Made([FAIR, FAIR]))
    with pytest.raises(ValueError, match="charged must have 2 rows, got 1"):
        RecordedTable(
            made.header,
            made.reports,
            {**made.columns, "charged": made.columns["charged"][:1]},
            made.counts,
        )


def test_a_pool_replays_the_reports_of_the_journal():
    found = pool(Made([UNFAIR, FAIR, (70, 70, 70)], charged=7)).trials[0]

    first, second, third = found.reports
    assert [r["epoch"] for r in found.reports] == [1, 2, 3]
    assert [r["charged"] for r in found.reports] == [7, 14, 21]
    assert [r["last"] for r in found.reports] == [False, False, True]
    assert first["candidate"] == "t0-1" and first["dropped"] == []
    assert second["candidate"] == "t0-2" and second["dropped"] == ["t0-1"]  # feasible goes first
    assert third["candidate"] is None  # of the same bias, but worse
    assert second["bias_interval"] == pytest.approx([0, 0.01])
    assert (second["performance"], second["bias"]) == pytest.approx((0.75, 0))


def test_settings_lie_in_the_unit_cube():
    space = Space(
        {
            "p.lr": Float(0.01, 1.0, log=True),
            "p.n": Int(2, 6),
            "p.kind": Choice(("a", "b")),
        }
    )
    place = coordinates(space, {"p.lr": 0.1, "p.n": 5, "p.kind": "a"})
    other = coordinates(space, {"p.lr": 0.1, "p.n": 5, "p.kind": "b"})

    assert place[:2] == pytest.approx([0.5, 0.75])
    assert np.linalg.norm(np.subtract(place, other)) == pytest.approx(1)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_tables_that_come_with_fairfront_were_written_without_pairs(path):
    assert RecordedTable.load(path).pairs == {}


def test_the_tables_that_come_with_fairfront_are_small():
    assert SHIPPED
    assert sum(path.stat().st_size for path in SHIPPED) < 5e6


def test_recorded_candidates_are_those_that_admit_keeps_for_one_tolerance():
    path = next(path for path in SHIPPED if path.stem == "digits")
    found = pool_of(RecordedTable.load(path), "prune_advft")
    objective = found.header.objective
    own = objective.tolerance
    its_own = Tolerances(own, own, own, objective.margin)
    for one in found.trials:
        archive = []
        for report in one.reports:
            if not (report["final_stage"] and report["beats_trivial"]):
                assert report["candidate"] is None
                continue
            keys = ("performance", "bias", "sparsity", "feasible")
            new = Entry(f"{one.trial}-{report['epoch']}", *(report[key] for key in keys))
            stay = admit(archive, new, sparsity=found.header.sparsity, tolerances=its_own)
            assert (report["candidate"] is None) == (stay is None)
            if stay is not None:
                gone = {old.candidate for old in archive} - {old.candidate for old in stay}
                assert gone == set(report["dropped"])
                archive = [*stay, new]
