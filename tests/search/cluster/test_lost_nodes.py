"""A search on a cluster of several machines that loses two of them half-way, and gains one."""

import json
import re
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from search.journal.journal import read_events
from search.runs.folder import RunFolder
from tests.search.cluster.scenario_nodes import isolated, possible
from tests.search.engine.undisturbed import run_through, timeless

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not possible(), reason="network namespaces need privileges"),
]

TRIALS, EPOCHS = 6, 1 + 16


def words(trials, epochs):
    """What to search: so many trials of so many epochs."""
    settings = [
        *["search.methods=['magnitude_retrain']", f"search.trials={trials}"],
        *["search.sampler='random'", "search.scheduler='none'", "search.time_limit='30m'"],
        *["search.concurrent=2", "dense.max_epochs=10", "objective.tolerance=0.6"],
        *[f"space.magnitude_retrain.recovery.epochs={epochs - 1}", "tracking.enabled=false"],
    ]
    return ["quick", *(word for one in settings for word in ("--set", one))]


def events(folder):
    return list(read_events(folder / "journal.jsonl"))


def played(scenario, home, **facts):
    """What a scenario found out, and what fairfront said meanwhile."""
    sockets = Path(tempfile.mkdtemp(prefix="ff"))
    done = isolated(home / "home", sockets, scenario, **facts)
    shutil.rmtree(sockets, ignore_errors=True)
    said = next(home.rglob("said.txt"), None)
    shown = "" if said is None else said.read_text()
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-3000:]}\n{shown[-3000:]}"
    return json.loads(done.stdout.strip().splitlines()[-1]), shown


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """The folder of a search that lost two machines."""
    home = tmp_path_factory.mktemp("nodes")
    folder = home / "run"
    outcome, said = played(
        "lost_machines", home, folder=str(folder), words=words(TRIALS, EPOCHS), at=8
    )
    assert outcome["code"] == 0, said[-3000:]
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
    assert not list(searched.glob("checkpoints/*"))  # the folder comes with the first one


def test_a_machine_that_does_not_see_the_runs_folder_ends_the_search_in_one_line(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    trials, each = 3, 3 * EPOCHS  # or the first search is over before the blind machine is there

    outcome, said = played(
        "blind_machine", tmp_path, folder=str(shared), words=words(trials, each)
    )

    assert outcome == {"codes": [2, 2, 0], "early": False}
    assert f"does not see the run's folder {shared}/late" in said
    assert re.search(r"out: \S+/early must lie on a path that all .* \(10\.99\.0\.3\)", said)
    found = events(shared / "late")
    ends = sorted((e["trial"], e["status"]) for e in found if e["event"] == "trial_end")
    assert ends == [(f"t{number:04d}", "finished") for number in range(1, trials + 1)]
    epochs = Counter((e["trial"], e["epoch"]) for e in found if e["event"] == "report")
    assert set(epochs.values()) == {1}
    assert len(epochs) == trials * each
