"""Twenty kills of a small search's parts: nothing lost, nothing twice, and a death is told."""

from collections import Counter

import pytest

from search.journal.journal import read_events
from search.runs.folder import RunFolder
from tests.chaos.torment import torment
from tests.search.engine.kill_script import EPOCHS
from tests.search.engine.undisturbed import run_through, timeless

pytestmark = pytest.mark.slow

KILLS = 20


@pytest.fixture(scope="module", params=[3])
def tormented(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tormented") / "run"
    victim, code = torment(folder, KILLS, request.param)
    assert code == 0, victim.said.read_text()[-2000:]
    return victim


def test_every_trial_is_started_and_finished_once_and_reports_each_epoch_once(tormented):
    events = list(read_events(tormented.folder / "journal.jsonl"))

    starts = [e["trial"] for e in events if e["event"] == "trial_start"]
    ends = {e["trial"]: e["status"] for e in events if e["event"] == "trial_end"}
    epochs = Counter((e["trial"], e["epoch"]) for e in events if e["event"] == "report")
    assert len(starts) == len(set(starts))
    assert ends == dict.fromkeys(starts, "finished")
    assert epochs == {(name, epoch): 1 for name in starts for epoch in range(1, EPOCHS + 1)}


def test_what_is_reported_is_what_an_undisturbed_search_reports(tormented, tmp_path):
    expected, kept = run_through(RunFolder(tormented.folder), tmp_path)

    reports = {name: [] for name in expected}
    for event in read_events(tormented.folder / "journal.jsonl"):
        if event["event"] == "report":
            reports[event["trial"]].append(timeless(event))
    assert reports == expected
    assert {path.stem for path in (tormented.folder / "candidates").iterdir()} == kept


def test_a_driver_whose_ray_died_says_so_in_one_line(tormented):
    for _, code, line in tormented.ends:
        assert code == 1
        assert line.startswith("fairfront: Ray has died on this machine")
        assert line.endswith(f"`fairfront resume {tormented.folder}` goes on")
    assert "Traceback" not in tormented.said.read_text()
