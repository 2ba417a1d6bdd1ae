"""Which ended trials samplers are shown when there are many."""

import random

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState, create_trial

from search.samplers.window import InformativeTrials, Window

UP_DOWN = [True, False]  # performance up, bias down


def chosen(trials, size, maximize=UP_DOWN):
    informative = InformativeTrials(maximize)
    for number, values, violation in trials:
        informative.add(number, values, violation)
    return informative.choose(size)


def made(number, seed=0):
    """Trials with three objectives' worth of noise; half of them are infeasible."""
    draw = np.random.default_rng(seed)
    return [
        (index, draw.uniform(size=2).tolist(), float(draw.uniform(-1, 1)))
        for index in range(number)
    ]


def test_few_trials_are_all_chosen():
    assert chosen(made(20), 20) == list(range(20))


@pytest.mark.parametrize("number", [21, 100, 1000])
def test_of_many_trials_exactly_as_many_are_chosen_as_there_is_room_for(number):
    numbers = chosen(made(number), 20)

    assert len(numbers) == len(set(numbers)) == 20
    assert numbers == sorted(numbers)


def test_the_choice_does_not_depend_on_the_order_in_which_trials_ended():
    trials = made(300)
    shuffled = random.Random(1).sample(trials, len(trials))

    assert chosen(trials, 40) == chosen(shuffled, 40)


def test_the_front_the_closest_and_the_newest_are_among_the_chosen():
    trials = made(400)
    numbers = set(chosen(trials, 80))

    feasible = [(number, up, down) for number, (up, down), bad in trials if bad <= 0]
    front = {
        number
        for number, up, down in feasible
        if not any(u >= up and d <= down and (u, d) != (up, down) for _, u, d in feasible)
    }
    closest = sorted((bad, number) for number, _, bad in trials if bad > 0)[:20]
    assert 2 <= len(front) <= 20
    assert front <= numbers
    assert {number for _, number in closest} <= numbers
    assert set(range(388, 400)) <= numbers


def test_of_one_objective_the_best_are_chosen():
    trials = [(number, [float(number % 101)], -1.0) for number in range(303)]

    best = {number for number, (value,), _ in trials if value >= 98}
    assert best <= set(chosen(trials, 60, [True]))


def test_a_front_that_is_too_long_is_thinned_without_losing_its_ends():
    """400 trials on one line, all of them non-dominated."""
    trials = [(number, [number / 400, number / 400], -1.0) for number in range(400)]

    numbers = chosen(trials, 40)

    assert len(numbers) == 40
    assert {0, 399} <= set(numbers)


def told(study, values, violation, state=TrialState.COMPLETE):
    distribution = optuna.distributions.FloatDistribution(0, 1)
    study.add_trial(
        create_trial(
            state=state,
            params={"x": 0.5},
            distributions={"x": distribution},
            values=values if state == TrialState.COMPLETE else None,
            constraints={"bias": violation},
        )
    )


def test_a_study_shows_pending_trials_and_no_failed_ones():
    study = optuna.create_study(directions=["maximize", "minimize"], storage=Window(5))
    told(study, [0.0, 0.0], -1.0, TrialState.FAIL)
    for number in range(20):
        told(study, [number / 20, 0.5], -1.0)
    first, second = study.ask(), study.ask()
    study.tell(second, state=TrialState.FAIL)

    states = [trial.state for trial in study.trials]
    assert states == [TrialState.COMPLETE] * 5 + [TrialState.RUNNING]
    assert study.trials[-1].number == first.number
    assert study.get_trials(states=(TrialState.FAIL,)) == []
    study.tell(first, [2.0, 0.0])
    assert len(study.trials) == 5
    assert first.number in [trial.number for trial in study.trials]


def test_without_a_size_every_ended_trial_is_shown():
    study = optuna.create_study(directions=["maximize", "minimize"], storage=Window(None))
    for number in range(50):
        told(study, [number / 50, 0.5], 1.0)

    assert len(study.trials) == 50
