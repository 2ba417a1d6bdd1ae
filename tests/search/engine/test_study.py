"""Studies: what they propose, and what they are told of how trials ended."""

import pytest
from optuna.trial import TrialState

from search.engine.study import MethodStudy, Target, best_report
from search.journal.record import TrialRecord
from search.samplers.sampling import Sampling
from spaces.space import Choice, Float, Int, Space

SPACE = Space(
    {"pruner.sparsity": Float(0.0, 1.0), "recovery.epochs": Int(1, 9)},
    published={"pruner.sparsity": 0.9},
)
TARGET = Target(limit=0.03, sparsity=True)


def random_study(space=SPACE, target=TARGET):
    return MethodStudy(space, Sampling("random", 0, 20), target)


def report(
    performance=0.8,
    bias=0.02,
    sparsity=0.5,
    candidate="c",
    feasible=True,
    dropped=(),
    beats_trivial=True,
):
    values = {"performance": performance, "bias": bias, "sparsity": sparsity}
    said = {"candidate": candidate, "feasible": feasible, "beats_trivial": beats_trivial}
    return {**values, **said, "dropped": list(dropped)}


def ended(trial, status, *reports, settings=None):
    return TrialRecord(trial, "adv_ft", {"settings": settings}, list(reports), status)


def told(study):
    return study._study.trials


def violation(trial):
    (value,) = trial.constraints.values()
    return value


def test_the_published_settings_come_first_what_they_leave_open_is_drawn():
    first, second = (random_study().ask(trial) for trial in ("t1", "t2"))

    assert first["pruner"] == second["pruner"] == {"sparsity": 0.9}
    assert 1 <= first["recovery"]["epochs"] <= 9


def test_published_settings_are_proposed_once():
    study = random_study()

    sparsities = [study.ask(f"t{n}")["pruner"]["sparsity"] for n in range(5)]

    assert sparsities[0] == 0.9
    assert len(set(sparsities)) == 5


@pytest.mark.parametrize(
    ("status", "reports", "state", "values", "violated_by"),
    [
        ("finished", [report()], TrialState.COMPLETE, [0.8, 0.02, 0.5], -0.01),
        (
            "finished",  # the best feasible candidate stands for the trial, not its last report
            [
                report(),
                report(0.7, 0.01, candidate="d"),
                report(0.9, 0.2, candidate="e", feasible=False),
            ],
            TrialState.COMPLETE,
            [0.8, 0.02, 0.5],
            -0.01,
        ),
        (
            "finished",
            [report(0.9, 0.2, feasible=False), report(0.7, 0.1, feasible=False, candidate="d")],
            TrialState.COMPLETE,
            [0.7, 0.1, 0.5],
            0.07,
        ),
        (
            "finished",  # where the bias is not estimable it counts as the worst
            [report(bias=None, candidate=None, feasible=False)],
            TrialState.COMPLETE,
            [0.8, 1.0, 0.5],
            1.0,
        ),
        (
            "finished",  # no better than a constant prediction, which is perfectly fair
            [report(0.5, 0.0, candidate=None, beats_trivial=False)],
            TrialState.COMPLETE,
            [0.5, 0.0, 0.5],
            0.03,
        ),
        (
            "stopped",
            [report(), report(0.9, 0.13, feasible=False)],
            TrialState.COMPLETE,
            [0.9, 0.13, 0.5],
            0.10,
        ),
        (
            "stopped",  # for its performance: its bias would be fair enough
            [report(0.6, 0.001)],
            TrialState.COMPLETE,
            [0.6, 0.001, 0.5],
            0.03,
        ),
        ("stopped", [report(bias=None)], TrialState.COMPLETE, [0.8, 1.0, 0.5], 1.0),
        ("failed", [report()], TrialState.FAIL, None, None),
        ("failed", [], TrialState.FAIL, None, None),
    ],
)
def test_a_study_is_told_how_a_trial_ended(status, reports, state, values, violated_by):
    study = random_study()
    study.ask("t1")

    study.tell(ended("t1", status, *reports))

    (trial,) = study._study._storage._studies[0].trials  # samplers are not shown failed ones
    assert trial.state == state
    if values is not None:
        assert trial.values == values
    if violated_by is not None:
        assert violation(trial) == pytest.approx(violated_by)


def test_without_a_sparsity_objective_a_study_has_two_values():
    study = random_study(target=Target(limit=0.03, sparsity=False))
    study.ask("t1")

    study.tell(ended("t1", "finished", report()))

    assert told(study)[0].values == [0.8, 0.02]


@pytest.mark.parametrize(
    ("optimise", "values"),
    [
        (("bias",), [0.02]),
        (("sparsity", "performance"), [0.8, 0.5]),  # in one order, however they are named
        ((), [0.8, 0.02, 0.5]),
    ],
)
def test_what_is_optimised_can_be_chosen(optimise, values):
    study = random_study(target=Target(0.03, optimise=optimise))
    study.ask("t1")

    study.tell(ended("t1", "finished", report()))

    assert told(study)[0].values == values
    assert violation(told(study)[0]) == pytest.approx(-0.01)


@pytest.mark.parametrize("optimise", [(), ("performance",)])
def test_a_stopped_trial_is_never_among_the_best_however_well_it_did(optimise):
    """Half-trained networks: better in everything than the finished one."""
    study = random_study(target=Target(0.03, optimise=optimise))
    for trial in ("t1", "t2", "t3"):
        study.ask(trial)
    study.tell(ended("t1", "stopped", report(0.99, 0.001, 0.99)))
    study.tell(ended("t2", "stopped", report(0.99, 0.4, 0.99, feasible=False)))
    assert study._study.best_trials == []

    study.tell(ended("t3", "finished", report(0.6, 0.02, 0.1)))

    assert [trial.number for trial in study._study.best_trials] == [2]


def test_settings_are_not_proposed_twice_while_there_are_others():
    study = random_study(Space({"recovery.epochs": Int(1, 4)}))

    proposed = [study.ask(f"t{n}")["recovery"]["epochs"] for n in range(4)]

    assert sorted(proposed) == [1, 2, 3, 4]
    assert 1 <= study.ask("t5")["recovery"]["epochs"] <= 4


@pytest.mark.parametrize("size", [9, 30])
def test_a_small_space_is_gone_through_before_anything_is_proposed_again(size):
    ranges = {
        "pruner.size": Int(1, size),
        "recovery.epochs": Int(1, 9),
        "recovery.on": Choice((True, False)),
    }
    study = random_study(Space(ranges, published={"pruner.size": 4}))

    proposed = [study.ask(f"t{n}") for n in range(size * 18)]

    flat = {(p["pruner"]["size"], p["recovery"]["epochs"], p["recovery"]["on"]) for p in proposed}
    assert len(flat) == size * 18
    assert study.ask("again") in proposed


def test_a_trial_that_was_never_asked_for_is_refused():
    with pytest.raises(KeyError, match="t9"):
        random_study().tell(ended("t9", "finished", report()))


def test_adopted_trials_keep_their_own_settings():
    study = random_study()
    settings = [{"pruner": {"sparsity": s}, "recovery": {"epochs": 3}} for s in (0.9, 0.1, 0.2)]
    for number, adopted in enumerate(settings):
        study.adopt(f"t{number}", adopted)

    assert [trial.params["pruner.sparsity"] for trial in told(study)] == [0.9, 0.1, 0.2]


def test_a_running_trial_can_be_adopted_without_being_told():
    study = random_study()
    study.adopt("t1", {"pruner": {"sparsity": 0.3}, "recovery": {"epochs": 3}})

    study.ask("t2")
    study.tell(ended("t1", "finished", report()))

    assert [t.state for t in told(study)] == [TrialState.COMPLETE, TrialState.RUNNING]


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ([report(0.7), report(0.8, sparsity=0.6), report(0.8, sparsity=0.4)], 1),
        ([report(0.9, 0.2, feasible=False), report(0.6, 0.02)], 1),
        ([report(0.9, 0.2, feasible=False), report(0.6, 0.1, feasible=False)], 1),
        ([report(candidate=None, feasible=False), report(0.5, candidate=None)], 1),
        ([report(0.9, candidate="a"), report(0.8, candidate="b", dropped=["a"])], 1),
    ],
)
def test_the_report_that_stands_for_a_trial(reports, expected):
    named = [
        {**r, "candidate": r["candidate"] and f"{r['candidate']}{i}"}
        for i, r in enumerate(reports)
    ]
    for one in named:
        one["dropped"] = [f"{name}0" for name in one["dropped"]]

    assert best_report(ended("t1", "finished", *named)) is named[expected]
