"""Studies: what they propose, and what they are told of how trials ended."""

import pytest
from optuna.trial import TrialState

from search.record import TrialRecord
from search.samplers import SAMPLERS, Sampling
from search.studies import MethodStudy, Target, best_report
from spaces.space import Float, Int, Space

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
            [report(), report(0.7, 0.01, candidate="d"), report(0.9, 0.2, feasible=False)],
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


def test_a_trial_that_was_never_asked_for_is_refused():
    with pytest.raises(KeyError, match="t9"):
        random_study().tell(ended("t9", "finished", report()))


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("asked", [0, 1, 2, 7])
def test_a_replayed_study_proposes_what_the_live_one_proposes_next(name, asked):
    def study():
        return MethodStudy(SPACE, Sampling(name, 0, 8), TARGET)

    def end(trial, settings):
        sparsity = settings["pruner"]["sparsity"]
        return ended(trial, "finished", report(sparsity=sparsity), settings=settings)

    live, replayed, proposed = study(), study(), {}
    for trial in (f"t{number}" for number in range(asked)):
        proposed[trial] = live.ask(trial)
        live.tell(end(trial, proposed[trial]))
    for trial, settings in proposed.items():
        replayed.adopt(trial, settings)
        replayed.tell(end(trial, settings))

    following = [study.ask("next") for study in (live, replayed)]

    assert following[0] == following[1]
    assert following[0] not in proposed.values()
    assert [t.params for t in told(replayed)] == [t.params for t in told(live)]


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


@pytest.mark.parametrize("status", ["stopped", "finished"])
def test_tpe_leaves_a_region_where_every_trial_violates_the_tolerance(status):
    """Above .5 every trial is unfair, however well it performs; the best fair one is at .2."""
    space = Space({"recovery.slope": Float(0.0, 1.0)})
    study = MethodStudy(space, Sampling("tpe", 0, 40), Target(0.03, sparsity=False))
    proposed = []
    for number in range(40):
        slope = study.ask(f"t{number}")["recovery"]["slope"]
        proposed.append(slope)
        end = report(0.8 - abs(slope - 0.2), 0.01) if slope < 0.5 else report(0.95, 0.4)
        study.tell(ended(f"t{number}", "finished" if slope < 0.5 else status, end))

    drawn, learned = proposed[:10], proposed[20:]
    assert sum(slope >= 0.5 for slope in drawn) >= 3
    assert sum(slope >= 0.5 for slope in learned) <= 2


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
