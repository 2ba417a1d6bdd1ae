"""A search whose workers share discoveries, while one of them is stopped in the middle of one."""

import shutil

import pytest

from search.config.config import Config
from search.engine.experiment import resume, run
from search.journal.journal import read_events
from search.schedulers import SCHEDULERS
from search.schedulers.policy import Verdict

EPOCHS = 30  # long enough for the second worker to come while the first still computes
CONFIG = Config.load(
    "quick",
    [
        *["data.args={target='odd'}", "dense.max_epochs=2", "dense.check_every=1"],
        *["objective.performance='balanced_accuracy'", "objective.bias='aod'"],
        *["objective.tolerance=0.6", "tracking.enabled=false", "search.time_limit='300s'"],
        *["search.methods=['prune_as_is', 'prune_advft']", "search.shared_pruners=1"],
        *["search.trials=4", "search.concurrent=2", "space={}"],
        f"space.pruner.mask_discovery.epochs={EPOCHS}",
        "space.recovery.adversarial.epochs=2",
    ],
)


class StopsTheFirst:
    """Stops the trial that is first to make its third report: it computes, others wait for it."""

    stopped = None

    def saw(self, trial):
        """Remembers nothing."""

    def decide(self, trial):
        if trial.epoch != 3 or self.stopped not in (None, trial.trial):
            return None
        self.stopped = trial.trial
        return Verdict("to see who goes on")


def of_kind(folder, kind):
    return [event for event in read_events(folder / "journal.jsonl") if event["event"] == kind]


def last_reports(folder):
    return {event["trial"]: event for event in of_kind(folder, "report")}


@pytest.mark.slow
def test_a_discovery_whose_trial_is_stopped_is_taken_over_and_shared(tmp_path, monkeypatch):
    policy = StopsTheFirst()
    monkeypatch.setitem(SCHEDULERS, "bias_tolerance", lambda stopping: policy)

    run(CONFIG, out=tmp_path / "run")

    ends = {end["trial"]: end["status"] for end in of_kind(tmp_path / "run", "trial_end")}
    assert ends.pop(policy.stopped) == "stopped"
    assert set(ends.values()) == {"finished"}
    (end,) = of_kind(tmp_path / "run", "search_end")
    last = last_reports(tmp_path / "run")
    assert last[policy.stopped]["spent"] == last[policy.stopped]["charged"]
    rows = last[policy.stopped]["charged"] // 3
    recovered = sum(report["name"] == "adversarial" for report in last.values())
    assert recovered in (2, 3)  # prune_as_is has nothing to search: it is one trial of the four
    # The stopped trial's three epochs, one whole discovery, and the recoveries.
    assert end["spent"] == rows * (3 + EPOCHS + 2 * recovered)
    assert end["charged"] == sum(report["charged"] for report in last.values()) > end["spent"]
    losses = {}
    for report in of_kind(tmp_path / "run", "report"):
        if report["stage"] == 0:
            losses.setdefault(report["stage_epoch"], []).append(report["losses"])
    assert all(one == told[0] for told in losses.values() for one in told)

    shutil.rmtree(tmp_path / "run" / "stages")  # a resumed search computes anew what is gone
    resume(tmp_path / "run", trials=5)
    added = last_reports(tmp_path / "run")["t0005"]
    assert added["spent"] == added["charged"]
