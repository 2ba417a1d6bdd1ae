"""What samplers learn: they leave regions where trials end badly, and replay changes nothing."""

import pytest

from search.engine.study import MethodStudy, Target
from search.journal.record import TrialRecord
from search.samplers import SAMPLERS
from search.samplers.sampling import Sampling, population, startup
from spaces.space import Choice, Float, Int, Space

LEARNING = ("tpe", "nsga2", "nsga3", "gp")
BLIND = ("random", "qmc")
SPACE = Space(
    {
        "pruner.sparsity": Float(0.0, 1.0),
        "recovery.epochs": Int(1, 9),
        "recovery.bias_from": Choice(("critic", "soft")),
    },
    published={"pruner.sparsity": 0.9},
)


def ended(trial, status, performance, bias, sparsity=0.5, settings=None, beats_trivial=True):
    report = {
        **{"performance": performance, "bias": bias, "sparsity": sparsity},
        **{"feasible": bias < 0.03, "beats_trivial": beats_trivial},
        **{"candidate": f"{trial}-1", "dropped": []},
    }
    return TrialRecord(trial, "adv_ft", {"settings": settings}, [report], status)


BAD = {
    # what becomes of trials of the bad half: they look good in all but what ends them
    "infeasible": lambda trial: ended(trial, "finished", 0.95, 0.4),
    "stopped for its bias": lambda trial: ended(trial, "stopped", 0.95, 0.4),
    "stopped for its performance": lambda trial: ended(trial, "stopped", 0.6, 0.001),
    "constant": lambda trial: ended(trial, "finished", 0.5, 0.0, beats_trivial=False),
}


def proposals(name, bad, number):
    """Proposed slopes; above .3 trials end badly, the best good one is at .15."""
    others = {f"recovery.{name}": Float(0.0, 1.0) for name in ("lr", "delta", "beta")}
    space = Space({"recovery.slope": Float(0.0, 1.0), **others})
    study = MethodStudy(space, Sampling(name, 3, number), Target(0.03, sparsity=False))
    proposed = []
    for index in range(number):
        trial = f"t{index}"
        slope = study.ask(trial)["recovery"]["slope"]
        proposed.append(slope)
        good = ended(trial, "finished", 0.8 - abs(slope - 0.15), 0.01)
        study.tell(good if slope < 0.3 else BAD[bad](trial))
    return proposed


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("name", LEARNING)
def test_proposals_leave_the_region_where_trials_end_badly(name, bad):
    number = 12 if name == "gp" else 60
    proposed = proposals(name, bad, number)
    drawn = population(number) if name.startswith("nsga") else startup(number)

    assert sum(slope >= 0.3 for slope in proposed[:drawn]) >= 2  # it was seen
    learned = proposed[drawn:]
    # at random .7 of them would lie there: a third of gp's 8 has p = .01, of the 45 p = 1e-7
    assert sum(slope >= 0.3 for slope in learned) <= len(learned) / 3


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("name", BLIND)
def test_samplers_that_do_not_learn_go_on_over_the_whole_space(name, bad):
    proposed = proposals(name, bad, 64)

    assert 36 <= sum(slope >= 0.3 for slope in proposed) <= 54
    assert len({int(8 * slope) for slope in proposed}) == 8


def test_quasi_random_points_fill_a_space_evenly():
    """Of 64 points of a Sobol sequence each of 64 cells of equal size has one; at random 23 of
    them would be empty."""
    study = MethodStudy(
        Space({"recovery.a": Float(0.0, 1.0), "recovery.b": Float(0.0, 1.0)}),
        Sampling("qmc", 0, 64),
        Target(0.03),
    )
    points = [study.ask(f"t{number}")["recovery"] for number in range(64)]

    assert len({(int(8 * one["a"]), int(8 * one["b"])) for one in points}) == 64


def searched(study, until):
    """The journal of a search with three trials at once: (trial, settings, its end or None)."""
    journal = {}
    for index in range(until):
        trial = f"t{index:03d}"
        settings = study.ask(trial)
        journal[trial] = [settings, None]
        if index >= 2:
            first = f"t{index - 2:03d}" if index % 3 else f"t{index:03d}"  # out of order
            if journal[first][1] is None:
                journal[first][1] = an_end(first, journal[first][0], index)
                study.tell(journal[first][1])
    return journal


def an_end(trial, settings, index):
    sparsity, epochs = settings["pruner"]["sparsity"], settings["recovery"]["epochs"]
    bias = 0.1 * sparsity / epochs
    status = ("finished", "finished", "stopped", "finished", "failed")[index % 5]
    return ended(trial, status, 0.9 - 0.3 * sparsity**2, bias, sparsity, settings)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("until", [0, 1, 13])
def test_a_replayed_study_proposes_what_the_undisturbed_one_proposes_next(name, until):
    if name == "gp":
        until = min(until, 9)  # four told trials, from which on it models each proposal
    live, replayed = (MethodStudy(SPACE, Sampling(name, 0, 16), Target(0.03)) for _ in range(2))
    journal = searched(live, until)
    for trial, (settings, end) in journal.items():  # pending trials are among them
        replayed.adopt(trial, settings)
        if end is not None:
            replayed.tell(end)

    following = [[study.ask(f"n{n}") for n in range(2)] for study in (live, replayed)]

    assert following[0] == following[1]
    earlier = [settings for settings, _ in journal.values()]
    assert not any(settings in earlier for settings in following[0])
    assert following[0][0] != following[0][1]


@pytest.mark.parametrize(
    ("budget", "drawn", "parents"),
    [(1, 4, 6), (20, 5, 7), (60, 15, 12), (1000, 40, 47), (100_000, 40, 50)],
)
def test_startup_and_population_grow_with_the_budget(budget, drawn, parents):
    assert startup(budget) == drawn
    assert population(budget) == parents
