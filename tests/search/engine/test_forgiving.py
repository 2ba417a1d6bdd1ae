"""How often a trial may lose its worker."""

from types import SimpleNamespace

import pytest

from search.engine import ray_scheduler
from search.engine.ray_scheduler import DEATHS, Forgiving


class Ray:
    """As much of Tune's trial as counts its deaths."""

    def __init__(self, name="t1"):
        self.config = {"trial": name}
        self.max_failures = DEATHS
        self.num_failures = 0

    def die(self, forgiving):
        """Whether it is started again; Tune asks before it tells the scheduler."""
        self.num_failures += 1
        if self.num_failures > self.max_failures:
            return False
        forgiving.died(self)
        return True


@pytest.fixture
def lost(monkeypatch):
    """How many machines are gone; tests change it."""
    gone = SimpleNamespace(machines=3)  # before the search began
    monkeypatch.setattr(ray_scheduler, "lost_machines", lambda: gone.machines)
    return gone


@pytest.fixture
def record():
    return SimpleNamespace(trials={"t1": SimpleNamespace(epoch=0)})


def test_a_trial_that_dies_at_the_same_place_is_given_up(lost, record):
    forgiving, trial = Forgiving(record), Ray()

    assert [trial.die(forgiving) for _ in range(DEATHS + 1)] == [True] * DEATHS + [False]


def test_a_trial_that_gets_on_is_forgiven_any_number_of_deaths(lost, record):
    forgiving, trial = Forgiving(record), Ray()

    for epoch in range(1, 20):
        record.trials["t1"].epoch = epoch
        forgiving.reported(trial)
        assert trial.die(forgiving)


def test_an_epoch_that_is_only_repeated_is_no_progress(lost, record):
    forgiving, trial = Forgiving(record), Ray()
    record.trials["t1"].epoch = 5
    forgiving.reported(trial)

    for _ in range(DEATHS):
        assert trial.die(forgiving)
        forgiving.reported(trial)  # a report that is on record already
    assert not trial.die(forgiving)


def test_a_lost_machine_is_not_held_against_a_trial(lost, record):
    forgiving, trial = Forgiving(record), Ray()

    for _ in range(20):
        lost.machines += 1
        assert trial.die(forgiving)
    assert [trial.die(forgiving) for _ in range(DEATHS + 1)] == [True] * DEATHS + [False]
