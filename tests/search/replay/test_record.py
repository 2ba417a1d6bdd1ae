import json

import numpy as np
import pytest
from typer.testing import CliRunner

from search.cli.app import app
from search.errors import UserError
from search.journal.candidates import Candidates, standing
from search.journal.journal import Journal, read_events
from search.replay.pool import pool_of
from search.replay.record import record_table
from search.replay.table import RecordedTable
from trainables.evaluation.counts import BINS, Counts, ScoreCounts

CONFIG = """name = "made"
[data]
name = "compas"
group = "sex"
split_seed = 7
[search]
methods = ["adv_ft"]
scheduler = "none"
recording = {recording}
"""
FACTS = {
    **{"name": "made", "data": "compas", "seed": 3, "group": "sex", "group_names": ["F", "M"]},
    **{"classes": ["no", "yes"], "crossing_to_group": [1, 0, 0], "sparsity": True},
    **{"attributes": {"sex": ["M", "F"]}, "crossing_priors": [[0.2, 0.2], [0.2, 0.2], [0.1, 0.1]]},
    "objective": {
        **{"performance": "balanced_accuracy", "bias": "eod"},
        **{"tolerance": 0.05, "margin": 0.02},
    },
    "reference": [0.5, 0.05, 0.0],
    "correction": {"name": "threshold"},
}
# Rows of label 0 and of label 1 that are predicted positive, of 10 each, by crossing.
TUNE, TEST = [(2, 8), (4, 9), (0, 9)], [(1, 7), (3, 6), (5, 5)]
PERFORMANCE, BIAS = (24 / 30 + 26 / 30) / 2, 18 / 20 - 8 / 10


def decided(positives):
    return Counts(np.array([[[10 - n, n], [10 - p, p]] for n, p in positives]))


def scores(positives):
    """Negative at bin 100, positive at bin 900: the same as `decided` at every index between."""
    histogram = np.zeros((3, 2, BINS), dtype=np.int64)
    for crossing, by_label in enumerate(positives):
        for label, positive in enumerate(by_label):
            histogram[crossing, label, [100, 900]] = 10 - positive, positive
    return ScoreCounts(histogram)


def report(trial, epoch, counted, candidate=None, dropped=(), performance=PERFORMANCE):
    return {
        **{"trial": trial, "epoch": epoch, "stage": 0, "role": "recovery", "name": "adversarial"},
        **{"stage_epoch": epoch, "stage_epochs": 2, "final_stage": True, "last": epoch == 2},
        **{"losses": {}, "charged": 60 * epoch, "sparsity": 0.0, "live": 1.0, "seconds": 0.1},
        "counts": {"tune": counted(TUNE).to_dict(), "test": counted(TEST).to_dict()},
        "decision": {"kind": "threshold", "index": 500, "threshold": 0.5, "trivial": False},
        **{"performance": performance, "performance_se": 0.05, "bias": BIAS},
        **{"bias_interval": [0.0, None], "bias_upper": 0.2},
        **{"feasible": False, "beats_trivial": True},
        **{"candidate": candidate, "dropped": list(dropped)},
    }


@pytest.fixture
def recording(tmp_path):
    def write(*reports, recording=True, ended=("t0001",), status="finished"):
        folder = tmp_path / "run"
        folder.mkdir()
        (folder / "config.toml").write_text(CONFIG.format(recording=json.dumps(recording)))
        journal = Journal(folder)
        journal.append({"event": "experiment", **FACTS})
        learning = {"lr": 0.02, "slope": 20.0, "delta": 0.02, "bias_from": "critic"}
        for trial in ("t0001", "t0002"):
            settings = {"recovery": {**learning, "epochs": 2}}
            spec = {"trial": trial, "settings": settings}
            journal.append(
                {"event": "trial_start", "trial": trial, "method": "adv_ft", "spec": spec}
            )
        for one in reports:
            journal.append({"event": "report", **one})
        for trial in ended:
            journal.append(
                {"event": "trial_end", "trial": trial, "status": status, "reason": None}
            )
        journal.close()
        return folder

    return write


TWO = (report("t0001", 1, scores, "aa"), report("t0001", 2, decided, "bb", ["aa"]))


def test_a_table_holds_decided_counts_by_group_whether_reports_hold_scores_or_decisions(recording):
    table = record_table(recording(*TWO, report("t0002", 1, decided)))

    by_group = {"tune": [(4 + 0, 9 + 9, 20), (2, 8, 10)], "test": [(8, 11, 20), (1, 7, 10)]}
    for split, groups in by_group.items():
        expected = [[[rows - n, n], [rows - p, p]] for n, p, rows in groups]
        assert table.counts[split].tolist() == [expected, expected]


def test_what_left_no_candidate_was_not_counted_on_test(recording):
    first = report("t0001", 1, decided)
    del first["counts"]["test"]
    table = record_table(recording(first, report("t0001", 2, decided, "bb")))

    assert [counts.sum() for counts in table.counts["test"]] == [0, 60]


def test_a_table_knows_its_search_and_leaves_out_trials_that_did_not_end(recording):
    header = record_table(recording(*TWO, report("t0002", 1, decided))).header

    assert [(one.trial, one.status) for one in header.trials] == [("t0001", "finished")]
    assert header.trials[0].settings["recovery.lr"] == 0.02
    assert header.trials[0].settings.keys() == header.spaces["adv_ft"].ranges.keys()
    assert (header.seed, header.split_seed, header.reference) == (3, 7, (0.5, 0.05, 0.0))
    assert header.stages == {"adv_ft": (("recovery", "adversarial"),)}


def test_recorded_reports_are_replayed_as_they_were(recording, tmp_path):
    record_table(recording(*TWO)).save(tmp_path / "made.npz")
    first, second = pool_of(RecordedTable.load(tmp_path / "made.npz"), "adv_ft").trials[0].reports

    assert (first["candidate"], second["candidate"]) == ("t0001-1", "t0001-2")
    assert (first["dropped"], second["dropped"]) == ([], ["t0001-1"])
    for key in ("performance", "bias", "charged", "feasible", "beats_trivial", "last", "role"):
        assert second[key] == pytest.approx(TWO[1][key]), key
    assert second["bias_interval"] == [0.0, None]


@pytest.mark.parametrize("status", ["finished", "failed"])
def test_the_candidates_that_stand_in_a_replay_are_those_that_stand_in_the_journal(
    recording, status
):
    names = {1: "aa", 2: "bb", 3: None, 4: "cc", 5: "dd"}
    dropped = {4: ["aa", "bb"], 5: ["aa"]}  # the last one names a candidate that is gone
    reports = [
        report("t0001", epoch, decided, name, dropped.get(epoch, ()))
        for epoch, name in names.items()
    ]
    folder = recording(*reports, status=status)
    in_journal = Candidates(lambda event: event["epoch"])
    for event in read_events(folder / "journal.jsonl"):
        in_journal.take(event)

    (trial,) = pool_of(record_table(folder), "adv_ft").trials

    replayed = [one["epoch"] for one in standing(trial.reports, trial.status)]
    assert replayed == list(in_journal) == ([4, 5] if status == "finished" else [])


def test_reports_that_do_not_follow_from_their_counts_are_refused(recording):
    with pytest.raises(ValueError, match="do not follow from counts"):
        record_table(recording(report("t0001", 1, decided, performance=0.9)))


def test_a_run_that_is_no_recording_is_refused(recording):
    with pytest.raises(UserError, match="is no recording"):
        record_table(recording(*TWO, recording=False))


def test_a_recording_without_a_trial_that_ended_is_refused(recording):
    with pytest.raises(UserError, match="holds no trial that ended"):
        record_table(recording(*TWO, ended=()))


def test_replay_record_writes_the_table_and_says_how_large_it_is(recording, tmp_path):
    to = tmp_path / "made.npz"
    result = CliRunner().invoke(app, ["replay", "record", str(recording(*TWO)), "--to", str(to)])

    assert result.exit_code == 0, result.output
    assert "1 trials, 2 reports" in result.output
    assert len(RecordedTable.load(to).header.trials) == 1


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [(["nowhere", "--to", "a.npz"], "holds no run"), (["RUN", "--to", "a.csv"], "must be a .npz")],
)
def test_replay_record_refuses_what_it_cannot_read_or_write(recording, arguments, rule):
    run = str(recording(*TWO))
    arguments = [run if argument == "RUN" else argument for argument in arguments]
    result = CliRunner().invoke(app, ["replay", "record", *arguments])

    assert result.exit_code == 2
    assert rule in result.output


def test_by_a_drop_a_table_holds_what_the_dense_net_decided_too(recording, monkeypatch, tmp_path):
    """The dense net has 10 of 10 right in every cell."""

    def beside(positives):
        table = decided(positives).table
        both = np.zeros((3, 2, 2, 2), dtype=np.int64)
        both[:, [0, 1], [0, 1]] = table
        return Counts(table, beside_dense=both)

    # right are 6 + 9 + 10 + 9 of 40 rows of group 0 and 8 + 8 of 20 of group 1
    drops = [0.15, 0.2]
    objective = {**FACTS["objective"], "bias": "accuracy_drop_std"}
    monkeypatch.setitem(FACTS, "objective", objective)
    one = {**report("t0001", 1, beside, "aa"), "bias": float(np.std(drops, ddof=1))}
    table = record_table(recording(one))

    assert table.counts["tune"].shape == (1, 2, 2, 2, 2)
    assert table.values("tune")[1] == pytest.approx([np.std(drops, ddof=1)])
    table.save(tmp_path / "table.npz")
    loaded = RecordedTable.load(tmp_path / "table.npz")
    np.testing.assert_array_equal(loaded.counts["tune"], table.counts["tune"])
    assert loaded.values("test")[1] == pytest.approx(table.values("test")[1])


def test_a_table_keeps_which_rows_are_copies_of_one_object(recording, monkeypatch):
    """Of crossings, which are the groups in the other order; the second report has no pairs."""
    pairs = np.array([[[4, 1], [2, 3]], [[1, 0], [3, 6]]])
    table = np.stack([pairs.sum(2), pairs.sum(1)])  # 0: [[5, 5], [1, 9]], 1: [[6, 4], [4, 6]]
    figures = {"performance": (11 / 20 + 15 / 20) / 2, "bias": 9 / 10 - 6 / 10}
    monkeypatch.setitem(FACTS, "crossing_to_group", [1, 0])
    monkeypatch.setitem(FACTS, "crossing_priors", [[0.25, 0.25]] * 2)

    def counted(of):
        return {"tune": of.to_dict(), "test": of.to_dict()}

    with_pairs = {**report("t0001", 1, decided, "aa"), **figures}
    with_pairs["counts"] = counted(Counts(table, pairs))
    without = {**report("t0001", 2, decided), **figures}
    without["counts"] = {"tune": counted(Counts(table))["tune"]}
    recorded = record_table(recording(with_pairs, without))

    for split in ("tune", "test"):
        assert recorded.pairs[split][0].tolist() == [[[4, 2], [1, 3]], [[1, 3], [0, 6]]]
        assert not recorded.pairs[split][1].any()
    assert recorded.pairs_of(np.array([True, False])) is not None


def test_rows_that_are_no_copies_leave_no_pairs(recording):
    assert record_table(recording(*TWO)).pairs == {}
