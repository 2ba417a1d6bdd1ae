"""One step of each stage of a trial on a few rows: can a network go through them at all?"""

from __future__ import annotations

import copy
import io
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import nn

from trainables.data import Prepared
from trainables.data.batches import TrialData
from trainables.data.prepare import Part
from trainables.evaluation.objective import Objective
from trainables.masks import MaskedNet
from trainables.names import first_line
from trainables.stage import Context, Settings, derived_seed, seeded

ROWS = 4  # of each label in each group
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Rehearsal:
    """The few rows, and what stages are to make of them."""

    prepared: Prepared  # see `excerpt`
    objective: Objective

    def trouble(
        self, net: nn.Module, stages: Sequence[tuple[str, Settings]], *, given: bool = False
    ) -> str | None:
        """What goes wrong where stages, by name and one after the other, work with copies of
        `net`: an epoch of each, its result and its state. None where nothing does.

        A `given` network has no weights from before its training. A loss that is not finite is
        the settings' fault, not the network's.
        """
        data = TrialData(self.prepared, _CPU)
        if self.objective.against_dense:
            rows = len(self.prepared.parts["held_back"])
            data.dense_predictions["held_back"] = np.zeros(rows, dtype=np.int64)
        left: list[MaskedNet] = []
        for position, (name, settings) in enumerate(stages):
            start, dense = (copy.deepcopy(net) for _ in range(2))
            seed = derived_seed("rehearsal", position)
            initial = None if given else start
            context = Context(
                initial, initial, dense.eval(), tuple(left), data, self.objective, _CPU, seed
            )
            try:
                with seeded(seed, _CPU):
                    left.append(_step(context, settings))
            except FloatingPointError:
                return None
            except Exception as error:  # whatever a network's own code raises
                return f"{name}: {first_line(error)}"
        return None


def _step(context: Context, settings: Settings) -> MaskedNet:
    run = settings.start(context)
    run.epoch(context.generator("epoch", 0))
    torch.save(run.state_dict(), io.BytesIO())
    result = run.result().clone()
    result.live_unit_share(context.data.input_shape)
    return result


def excerpt(prepared: Prepared) -> Prepared:
    """The first ROWS rows of each label in each cell of the finest crossing, of every split."""
    parts = {}
    for name, part in prepared.sealed().parts.items():
        cells = part.crossing * len(prepared.classes) + part.labels
        rows = np.sort(
            np.concatenate([np.flatnonzero(cells == one)[:ROWS] for one in np.unique(cells)])
        )
        parts[name] = Part(**{one.name: getattr(part, one.name)[rows] for one in fields(Part)})
    return replace(prepared, parts=parts)
