"""A search that is killed again and again, driver or workers, and what becomes of its trials."""

from collections import Counter

import pytest

from search.journal.journal import read_events
from search.runs.folder import RunFolder
from tests.search.engine.kill_script import EPOCHS, torment
from tests.search.engine.undisturbed import run_through, timeless

pytestmark = pytest.mark.slow  # some fifteen starts of Ray in processes of their own

WHAT = {  # what is killed: whether workers, the method, how often, the seed of the moments
    "driver": (False, "magnitude_retrain", 10, 6),
    "worker": (True, "magnitude_retrain", 10, 6),
    "fairgrape": (False, "fairgrape", 2, 0),
}


@pytest.fixture(scope="module", params=WHAT)
def killed(request, tmp_path_factory):
    workers, method, kills, seed = WHAT[request.param]
    folder = tmp_path_factory.mktemp("killed") / "run"
    victim, code = torment(folder, kills, seed, workers=workers, method=method)
    assert len(victim.kills) == kills
    assert code == 0, victim.said.read_text()[-2000:]
    return victim


@pytest.fixture(scope="module")
def events(killed):
    return list(read_events(killed.folder / "journal.jsonl"))


def names(killed):
    return [f"t{number:04d}" for number in range(1, len(killed.kills) + 3)]


def test_what_the_journal_said_at_each_kill_stays_and_is_only_added_to(killed):
    final = killed.journal()

    moments = {len(kill.journal) for kill in killed.kills}
    assert len(moments) > len(killed.kills) / 2
    for kill in killed.kills:
        whole = kill.journal[: kill.journal.rfind(b"\n") + 1]
        # Before its first report a search has done nothing, and is started anew.
        assert final.startswith(whole) or b'"event":"dense"' not in whole, kill.when
    assert (killed.folder / "front.json").exists()


def test_every_trial_is_started_finished_and_counted_once(killed, events):
    assert [e["trial"] for e in events if e["event"] == "trial_start"] == names(killed)
    ends = [(e["trial"], e["status"]) for e in events if e["event"] == "trial_end"]
    assert sorted(ends) == [(name, "finished") for name in names(killed)]
    epochs = Counter((e["trial"], e["epoch"]) for e in events if e["event"] == "report")
    wanted = {(name, epoch): 1 for name in names(killed) for epoch in range(1, EPOCHS + 1)}
    assert epochs == wanted


def test_trials_in_rounds_went_on_from_checkpoints_between_their_rounds(killed):
    if not killed.eager:
        pytest.skip("these trials may be too short to leave a checkpoint")
    gone_on = (killed.folder / "gone_on.txt").read_text().splitlines()

    epochs = [int(line.split()[1]) for line in gone_on]
    assert any(2 <= epoch < EPOCHS for epoch in epochs)  # a round takes two


def test_no_proposal_is_made_twice(events):
    specs = [e["spec"]["settings"] for e in events if e["event"] == "trial_start"]

    assert all(one not in specs[:index] for index, one in enumerate(specs))


def test_all_trials_report_what_undisturbed_ones_report(killed, events, tmp_path):
    """The same specs, run through in this process."""
    expected, kept = run_through(RunFolder(killed.folder), tmp_path)

    reports = {name: [] for name in expected}
    for event in events:
        if event["event"] == "report":
            reports[event["trial"]].append(timeless(event))
    assert reports == expected
    assert kept
    assert {path.stem for path in (killed.folder / "candidates").iterdir()} == kept
