"""How long stages take here: a few batches of each are run and timed, and scaled to an epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import fields, replace

import numpy as np
import torch
from torch import nn

from trainables.data import Prepared
from trainables.data.batches import TrialData
from trainables.data.prepare import Part
from trainables.evaluation.objective import Objective
from trainables.masks import MaskedNet, Masks
from trainables.stage import Context, Settings, derived_seed, seeded
from trainables.trial.judge import Judge
from trainables.trial.spec import Spec
from trainables.trial.workbench import Workbench

BATCHES = 2  # of an epoch that is timed
_CPU = torch.device("cpu")


class Timing:
    """Times stages of trials on the CPU, each kind with its settings once.

    `net` stands for the dense net, trained or not: how long a step takes does not depend on it.
    Times are seconds of `clock`.
    """

    def __init__(
        self,
        prepared: Prepared,
        net: nn.Module,
        objective: Objective,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._prepared = prepared.sealed()
        self._net = net
        self._objective = objective
        self._clock = clock
        self._known: dict[tuple[str, Settings], tuple[float, MaskedNet]] = {}
        self._judged: float | None = None

    def of_training(self, settings: Settings) -> float:
        """Of a dense training that takes all of its epochs, without judging."""
        return self._measured("dense net", settings, ())[0]

    def of_trial(self, spec: Spec) -> float:
        """Of a trial: all epochs of its stages, each judged."""
        left: list[MaskedNet] = []
        seconds = 0.0
        for stage in spec.stages:
            key = (stage.name, stage.settings)
            if key not in self._known:
                taken, epochs, masked = self._measured(stage.name, stage.settings, left)
                self._known[key] = (taken + epochs * self._judging(spec), masked)
            of_stage, masked = self._known[key]
            seconds += of_stage
            left.append(masked)
        return seconds

    def _measured(
        self, name: str, settings: Settings, left: Sequence[MaskedNet]
    ) -> tuple[float, int, MaskedNet]:
        """Seconds of all epochs, their number, and what a few batches have left."""
        part = settings.learns_from
        rows = len(self._prepared.parts[part].labels) if part != "nothing" else 1
        taken = min(rows, BATCHES * int(getattr(settings, "batch_size", rows)))
        data = TrialData(self._beginning(part, taken), _CPU)
        if self._objective.against_dense:
            held_back = len(self._prepared.parts["held_back"].labels)
            data.dense_predictions["held_back"] = np.zeros(held_back, dtype=np.int64)
        seed = derived_seed("timing", name)
        net = self._net
        context = Context(net, net, net, tuple(left), data, self._objective, _CPU, seed)
        with seeded(seed, _CPU):
            run = settings.start(context)
            if run.epochs > 1:
                run.epoch(context.generator("epoch", 0))  # the first one makes buffers
            begin = self._clock()
            run.epoch(context.generator("epoch", 1))
            seconds = self._clock() - begin
        return run.epochs * seconds * rows / taken, run.epochs, run.result().clone()

    def _judging(self, spec: Spec) -> float:
        """Seconds that the network after an epoch takes to be judged."""
        if self._judged is None:
            bench = Workbench.open(self._prepared, self._net, self._objective, device="cpu")
            judge = Judge(spec, bench, None)
            masked = MaskedNet(self._net, Masks.keep_all(self._net))
            for _ in range(2):
                begin = self._clock()
                judge.report(masked, 1, candidate=True)
                self._judged = self._clock() - begin
        return self._judged or 0.0

    def _beginning(self, part: str, rows: int) -> Prepared:
        """The data with no more than the first `rows` of the part."""
        parts = dict(self._prepared.parts)
        if part in parts:
            whole = parts[part]
            parts[part] = Part(
                **{one.name: getattr(whole, one.name)[:rows] for one in fields(Part)}
            )
        return replace(self._prepared, parts=parts)
