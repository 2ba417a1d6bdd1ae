"""What every sampler in the registry must do."""

from __future__ import annotations

from typing import Any

import pytest

from search.engine.study import MethodStudy, Target
from search.journal.record import TrialRecord
from search.samplers import SAMPLERS
from search.samplers.sampling import Sampling
from spaces.space import Choice, Float, Int, Space

SPACE = Space(
    {
        "pruner.sparsity": Float(0.5, 0.99),
        "recovery.lr": Float(1e-5, 1e-2, log=True),
        "recovery.epochs": Int(5, 60),
        "recovery.bias_from": Choice(("critic", "soft")),
    },
    published={"pruner.sparsity": 0.9, "recovery.lr": 1e-4, "recovery.epochs": 30},
)
ENDS = ("finished", "stopped", "failed")


def ended(trial: str, settings: dict[str, Any], status: str) -> TrialRecord:
    """A trial of one report; its bias falls with the learning rate."""
    report = {
        "performance": settings["pruner"]["sparsity"],
        "bias": 100 * settings["recovery"]["lr"],
        "sparsity": settings["pruner"]["sparsity"],
        "candidate": f"{trial}-1",
        "feasible": 100 * settings["recovery"]["lr"] < 0.03,
        "beats_trivial": True,
        "dropped": [],
    }
    spec = {"settings": settings}
    return TrialRecord(trial, "adv_ft", spec, [report], status)  # type: ignore[arg-type]


def proposals(name: str, seed: int) -> list[dict[str, Any]]:
    """What a study proposes while trials finish, are stopped and fail in turn."""
    number = 8 if name == "gp" else 12  # those that it models, from the sixth on, take a second
    study = MethodStudy(SPACE, Sampling(name, seed, number), Target(0.03, sparsity=True))
    proposed = []
    for index in range(number):
        trial = f"t{index:04d}"
        settings = study.ask(trial)
        proposed.append(settings)
        study.tell(ended(trial, settings, ENDS[index % 3]))
    return proposed


@pytest.fixture(scope="module", params=SAMPLERS)
def sampler(request: pytest.FixtureRequest) -> tuple[str, list[dict[str, Any]]]:
    """A sampler's name, and what it proposes with seed 3."""
    return request.param, proposals(request.param, seed=3)


def test_a_sampler_tries_the_published_settings_first_and_stays_inside_the_ranges(sampler):
    _, proposed = sampler

    assert proposed[0]["pruner"] == {"sparsity": 0.9}
    assert proposed[0]["recovery"]["lr"] == 1e-4
    for settings in proposed:
        for dotted, one in SPACE.ranges.items():
            role, key = dotted.split(".")
            assert one.contains(settings[role][key])


def test_a_sampler_proposes_the_same_for_the_same_seed_and_else_something_new(sampler):
    name, proposed = sampler

    assert proposals(name, seed=3) == proposed
    assert proposals(name, seed=4)[1:] != proposed[1:]
