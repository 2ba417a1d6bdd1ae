"""A search on a cluster of several machines that loses two of them half-way, and gains one."""

import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from search.journal import read_events
from search.run_folder import RunFolder
from tests.search.scenario_nodes import isolated, possible
from tests.search.undisturbed import run_through, timeless

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not possible(), reason="network namespaces need privileges"),
]

TRIALS, EPOCHS = 6, 1 + 16
SETTINGS = [
    *[
        "search.methods=['magnitude_retrain']",
        f"search.trials={TRIALS}",
        "search.sampler='random'",
    ],
    *["search.scheduler='none'", "search.time_limit='20m'", "dense.max_epochs=10"],
    *[f"space.magnitude_retrain.recovery.epochs={EPOCHS - 1}", "objective.tolerance=0.6"],
    *["tracking.enabled=false"],
]


def events(folder):
    return list(read_events(folder / "journal.jsonl"))


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """The run's folder and what the scenario said of it."""
    home = tmp_path_factory.mktemp("nodes")
    sockets = Path(tempfile.mkdtemp(prefix="ff"))
    words = ["quick", *(word for one in SETTINGS for word in ("--set", one))]
    folder = home / "run"
    done = isolated(home / "home", sockets, "lost_machines", folder=str(folder), words=words, at=8)
    shutil.rmtree(sockets, ignore_errors=True)
    said = home / "said.txt"
    shown = said.read_text()[-3000:] if said.exists() else ""
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-3000:]}\n{shown}"
    outcome = json.loads(done.stdout.strip().splitlines()[-1])
    assert outcome["code"] == 0, shown
    print(outcome)
    return folder


def test_every_trial_is_started_and_finished_once_and_no_report_is_lost_or_doubled(searched):
    found = events(searched)

    names = [f"t{number:04d}" for number in range(1, TRIALS + 1)]
    assert [e["trial"] for e in found if e["event"] == "trial_start"] == names
    ends = sorted((e["trial"], e["status"]) for e in found if e["event"] == "trial_end")
    assert ends == [(name, "finished") for name in names]
    epochs = Counter((e["trial"], e["epoch"]) for e in found if e["event"] == "report")
    assert epochs == {(name, epoch): 1 for name in names for epoch in range(1, EPOCHS + 1)}


def test_every_trial_reports_what_an_undisturbed_one_reports(searched, tmp_path):
    found = [e for e in events(searched) if e["event"] == "report"]
    expected, kept = run_through(RunFolder(searched), tmp_path)

    for trial, reports in expected.items():
        assert [timeless(e) for e in found if e["trial"] == trial] == reports
    assert kept
    assert {path.stem for path in (searched / "candidates").iterdir()} == kept


def test_nothing_is_left_of_the_search_but_its_results(searched):
    assert not list(searched.glob(".probe*"))
    assert not (searched / "data").exists()
    assert not list((searched / "checkpoints").iterdir())
