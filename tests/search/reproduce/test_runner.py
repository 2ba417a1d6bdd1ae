"""A tiny table on digits from its definition to its files, and what happens when it is cut off."""

import json
import shutil
from types import SimpleNamespace

import pytest

from search.cluster.connect import connected
from search.errors import UserError
from search.journal.journal import read_events
from search.journal.opening_ledger import ledger_path
from search.reproduce import runner as running
from search.reproduce.plan import Options, Plan
from search.reproduce.reproduction import reproduce
from search.reproduce.runner import is_complete
from search.reproduce.table_state import stored_options
from search.reproduce.tables import load_table

DEFINITION = """
title = "Tiny"
seeds = 1
trials = 2

[[columns]]
name = "odd"
experiment = "quick"
set = [
    "data.args={target='odd'}", "dense.max_epochs=2", "dense.check_every=1",
    "objective.performance='balanced_accuracy'", "objective.bias='aod'",
    "objective.tolerance=0.3", "objective.sparsity=false", "space={}", "search.concurrent=1",
    "space.recovery.adversarial.epochs=2", "space.recovery.adversarial.bias_from='soft'",
    "search.time_limit='1h'",
]

[[rows]]
name = "Baseline"
reference = "dense net"

[[rows]]
name = "Adv.Ft"
method = "adv_ft"

[[rows]]
name = "Fair threshold"
method = "dense_threshold"
"""
SEARCHES = ["published-odd-seed0", "tuning-odd"]  # there in any case


@pytest.fixture(scope="module", autouse=True)
def one_ray():
    """All that this module starts shares one Ray."""
    with connected(None, cpus=2, gpus=False):
        yield


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("definition") / "tiny.toml"
    path.write_text(DEFINITION, encoding="utf-8")
    return load_table(str(path))


@pytest.fixture(scope="module")
def made(table, tmp_path_factory):
    """The table, cut off in its second search and then gone on with."""
    out, heard = tmp_path_factory.mktemp("out") / "table", []

    def cut_off(event):
        heard.append(event)
        if event["event"] == "report" and sum(e["event"] == "step" for e in heard) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reproduce(table, Options.of(table), out, tell=cut_off)
    first = (out / "runs" / SEARCHES[0] / "journal.jsonl").read_bytes()
    assert not is_complete(out / "runs" / SEARCHES[1])
    again = []
    results = reproduce(table, Options.of(table), out, tell=again.append)
    return SimpleNamespace(out=out, results=results, first=first, again=again)


def test_what_had_ended_before_the_interruption_is_not_run_again(made):
    steps = [event for event in made.again if event["event"] == "step"]

    assert (made.out / "runs" / SEARCHES[0] / "journal.jsonl").read_bytes() == made.first
    assert [event["done"] for event in steps[:2]] == [True, False]
    for name in SEARCHES:
        assert is_complete(made.out / "runs" / name)


def test_every_cell_holds_each_seed_s_network_as_it_is_on_test(made):
    (column,) = made.results["columns"].values()
    rows = {row["name"]: row["cells"]["odd"] for row in made.results["rows"]}
    seeds = [one["seed"] for one in rows["Adv.Ft"]["published"]["entries"]]

    assert column["openings"] == [1]
    assert seeds == [0]
    assert rows["Baseline"]["published"]["against_first_row"] is None
    assert rows["Adv.Ft"]["published"]["against_first_row"]["pairs"] == 1
    assert 0.5 < rows["Baseline"]["published"]["performance"]["mean"] <= 1.0
    assert rows["Fair threshold"]["tuned"] == rows["Fair threshold"]["published"]
    assert rows["Adv.Ft"]["tuned"] is not None


def test_test_was_opened_once_after_all_training_and_what_was_looked_at_named_before(made):
    entries = [json.loads(line) for line in ledger_path().read_text().splitlines()]
    own = [entry for entry in entries if entry["name"] == "tiny"]
    ends = [
        event["time"]
        for folder in (made.out / "runs").iterdir()
        for event in read_events(folder / "journal.jsonl")
    ]

    assert len(own) == 1
    assert own[0]["time"] >= max(ends)
    assert (made.out / "chosen.json").stat().st_mtime <= own[0]["time"] + 0.01


def test_the_networks_were_chosen_on_tune_alone(made):
    chosen = json.loads((made.out / "chosen.json").read_text())["odd"]
    for run in chosen:
        journal = made.out / "runs" / f"{run['kind']}-odd-seed{run['seed']}" / "journal.jsonl"
        for one in run["chosen"]:
            reports = [
                event
                for event in read_events(journal)
                if event["event"] == "report" and event["candidate"] == one["candidate"]
            ]
            assert reports[-1]["performance"] == one["tune"]["performance"]


def test_all_files_are_there(made):
    names = {path.name for path in made.out.iterdir()}

    assert {"table.md", "table.html", "results.json", "table.json", "figure-odd.png"} <= names
    text = (made.out / "table.md").read_text("utf-8")
    assert "| *Adv.Ft* (ours)<sup>2</sup> |" in text
    assert "2. Adv.Ft: \N{DAGGER} recovery.epochs 2 (90)" in text


def test_a_folder_goes_on_as_it_was_begun_and_refuses_other_options(made, table):
    assert stored_options(made.out, table) == Options.of(table)
    with pytest.raises(UserError, match="was begun with trials = 2, got 5"):
        reproduce(table, Options.of(table, trials=5), made.out)
    other = table.model_copy(update={"name": "other"})
    with pytest.raises(UserError, match="holds another table than other"):
        stored_options(made.out, other)


def test_a_folder_of_something_else_is_left_alone(table, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(UserError, match="must be a new folder or one of this command"):
        reproduce(table, Options.of(table), tmp_path)


def test_a_search_that_was_cut_off_before_its_dense_net_starts_anew(tmp_path, monkeypatch):
    folder, started = tmp_path / "run", []
    folder.mkdir()
    (folder / "config.toml").write_text("half a fi")
    monkeypatch.setattr(running, "run", lambda config, *, out, on_event: started.append(out))

    running._run_or_resume(running.TableSearch("tuning", None, 0, folder, None), print)

    assert started == [folder]
    assert not folder.exists()  # `run` refuses a folder that holds anything
    assert (tmp_path / "run.cut-off-1" / "config.toml").read_text() == "half a fi"


def test_a_search_whose_journal_is_damaged_is_left_as_it_is(made, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    shutil.copytree(made.out / "runs" / SEARCHES[0], folder)
    lines = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "journal.jsonl").write_bytes(
        lines[0][:40] + b"?" + lines[0][41:] + b"".join(lines[1:])
    )
    monkeypatch.setattr(running, "run", lambda *_, **__: pytest.fail("started anew"))

    with pytest.raises(UserError, match=r"resume .* --repair"):
        running._run_or_resume(running.TableSearch("tuning", None, 0, folder, None), print)

    assert (folder / "front.json").exists()


def test_folders_are_named_by_kind_column_and_seed(table, tmp_path):
    plan = Plan(table, Options.of(table), tmp_path)

    assert plan.folder("tuned", table.columns[0], 1) == tmp_path / "runs" / "tuned-odd-seed1"
