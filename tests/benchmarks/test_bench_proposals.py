"""Process CPU time of one proposal and of telling its end, by sampler and trials on record."""

from __future__ import annotations

import math
import time
from functools import cache

import numpy as np
import optuna
import pytest

from search.engine.study import MethodStudy, Target
from search.journal.record import TrialRecord
from search.samplers import SAMPLERS
from search.samplers.sampling import Sampling
from spaces.space import Choice, Float, Int, Space

ON_RECORD = (100, 1_000, 5_000)
PROPOSALS = {"gp": 4}  # measured at each, after one to warm up
MORE = 12
PENDING = 4
FLAT = 1.5  # a proposal at 5,000 trials against one at 1,000
LIMIT = {"gp": 5.0}  # seconds of CPU at 5,000 trials; about half of it on an idle machine
OTHERS = 0.1

SPACE = Space(
    {
        "pruner.sparsity": Float(0.5, 0.99),
        "pruner.batches": Int(1, 32, log=True),
        "recovery.lr": Float(1e-5, 1e-2, log=True),
        "recovery.slope": Float(1.0, 50.0, log=True),
        "recovery.delta": Float(0.0, 0.05),
        "recovery.bias_from": Choice(("critic", "soft")),
    }
)


def ended(trial, settings, noise):
    """Sparser nets perform worse; bias and performance disagree about the learning rate."""
    sparsity, lr = settings["pruner"]["sparsity"], (math.log10(settings["recovery"]["lr"]) + 5) / 3
    performance = 0.8 - 0.2 * sparsity**2 - 0.3 * (lr - 0.6) ** 2 + noise.normal(0, 0.005)
    bias = abs(0.15 * (0.3 + sparsity) - 0.1 * lr - settings["recovery"]["delta"])
    bias += abs(noise.normal(0, 0.01))
    report = {
        **{"performance": performance, "bias": bias, "sparsity": sparsity, "dropped": []},
        **{"feasible": bias < 0.03, "beats_trivial": True, "candidate": f"{trial}-1"},
    }
    status = "stopped" if bias > 0.1 else "finished"
    return TrialRecord(trial, "adv_ft", {"settings": settings}, [report], status)


@cache
def drawn(number):
    """Settings all over the space."""
    study = MethodStudy(SPACE, Sampling("random", 1, number), Target(0.03))
    return [study.ask(f"d{index}") for index in range(number)]


def with_trials(name, number):
    """A study that `number` trials have been told to, spread over the space, some pending."""
    study = MethodStudy(SPACE, Sampling(name, 0, number), Target(0.03))
    noise = np.random.default_rng(0)
    for index, settings in enumerate(drawn(number + PENDING)):
        study.adopt(f"d{index}", settings)
        if index < number:
            study.tell(ended(f"d{index}", settings, noise))
    return study, noise


def seconds(name, number):
    """Median CPU seconds of one ask and tell."""
    study, noise = with_trials(name, number)
    taken = []
    for index in range(PROPOSALS.get(name, MORE) + 1):
        begin = time.process_time()
        settings = study.ask(f"t{index}")
        asked = time.process_time() - begin
        end = ended(f"t{index}", settings, noise)
        begin = time.process_time()
        study.tell(end)
        taken.append(asked + time.process_time() - begin)
    return float(np.median(taken[1:]))


@pytest.mark.benchmark
def test_a_proposal_takes_no_longer_with_thousands_of_trials_on_record(capsys):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    table = {name: [seconds(name, number) for number in ON_RECORD] for name in SAMPLERS}

    with capsys.disabled():
        print(f"\nCPU ms per ask and tell    {''.join(f'{n:>9,}' for n in ON_RECORD)} trials")
        for name, row in table.items():
            print(f"{name:26} {''.join(f'{1e3 * one:9.1f}' for one in row)}")
    for name, (_, thousand, thousands) in table.items():
        assert thousands <= FLAT * thousand + 0.005, name
        assert thousands <= LIMIT.get(name, OTHERS), name
