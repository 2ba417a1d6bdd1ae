"""How long a search would take here, from a few batches of its training and of each method."""

from __future__ import annotations

import copy
import json
import platform
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from statistics import fmean

from torch import nn

from search.journal.digest import json_digest
from search.problem.problem import Problem
from trainables.dense import DENSE
from trainables.files import cache_folder, whole_file
from trainables.learning.fingerprint import network_fingerprint, training_code
from trainables.stage import limited_threads
from trainables.trial.spec import Spec
from trainables.trial.timing import Timing

PATIENCE = 5.0  # seconds, after which no further method is timed


@dataclass(frozen=True)
class Estimate:
    """Seconds on cores that do nothing else, without the start of Ray."""

    dense: float  # at most: training may stop early
    trials: dict[str, float]  # of each method at the settings it begins with, or of listed trials
    untimed: tuple[str, ...] = ()  # stand in `trials` with the mean of the others
    remembered: bool = False  # measured when this was asked for before


def estimate(problem: Problem, net: nn.Module) -> Estimate | None:
    """From a few batches on the CPU, with as many threads as a trial has, run once: the same
    experiment on the same data, machine and code is remembered in the user's cache folder.

    None where a loss was not finite in these.
    """
    path = cache_folder() / "estimates" / f"{_key(problem, net)}.json"
    with suppress(OSError, ValueError, TypeError):
        kept = json.loads(path.read_text(encoding="utf-8"))
        return Estimate(kept["dense"], kept["trials"], tuple(kept["untimed"]), remembered=True)
    found = _measured(problem, net)
    if found is not None:
        with suppress(OSError), whole_file(path) as file:
            file.write_text(json.dumps(asdict(found)), encoding="utf-8")
    return found


def _key(problem: Problem, net: nn.Module) -> str:
    """What such seconds depend on."""
    prepared = problem.prepared
    rows = {name: len(part) for name, part in prepared.parts.items()}
    of_net = network_fingerprint(net, prepared.input_shape)
    machine = (platform.node(), platform.processor(), platform.machine(), training_code())
    return json_digest([problem.config.to_toml(), rows, of_net, *machine])


def _measured(problem: Problem, net: nn.Module) -> Estimate | None:
    config = problem.config
    # With one thread the processor's time is that of a core, whatever else runs on the machine.
    clock = time.process_time if config.resources.cpu == 1 else time.perf_counter
    timing = Timing(problem.prepared, copy.deepcopy(net).eval(), problem.objective, clock)
    trials: dict[str, float] = {}
    untimed = []
    with limited_threads(config.resources.cpu):
        try:
            dense = timing.of_training(DENSE[config.dense.name](**config.dense.settings))
            begin = time.monotonic()
            for name, spec in _named(problem):
                if trials and time.monotonic() - begin > PATIENCE:
                    untimed.append(name)
                else:
                    trials[name] = timing.of_trial(spec)
        except FloatingPointError:
            return None
    mean = fmean(trials.values())
    return Estimate(dense, trials | dict.fromkeys(untimed, mean), tuple(untimed))


def _named(problem: Problem) -> Iterator[tuple[str, Spec]]:
    if problem.config.trials:
        names = (trial.name for trial in problem.config.trials)
        yield from zip(names, problem.listed(), strict=True)
    else:
        yield from ((spec.method, spec) for spec in problem.published())
