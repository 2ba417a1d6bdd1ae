"""Batches of rows that no weight learns from, to see what a critic knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from trainables.data.batches import Batch, TrialData

BATCHES = 8
LEAST = -1.0  # of what is explained: a critic that knows nothing may be wrong without limit


def held_out(data: TrialData, size: int, generator: torch.Generator) -> Iterator[Batch]:
    """Batches of `size` rows of held_back in which cells are as frequent as in debias.

    Rows are drawn with replacement. Cells that held_back has none of are left out.
    """
    debias, part = data.part("debias"), data.part("held_back")
    wanted, there = (
        torch.bincount(
            (one.groups * data.n_classes + one.labels).cpu(),
            minlength=data.n_groups * data.n_classes,
        )
        for one in (debias, part)
    )
    cell = (part.groups * data.n_classes + part.labels).cpu()
    chances = (wanted / there.clamp_min(1))[cell]
    size = min(size, len(debias))
    rows = torch.multinomial(chances, BATCHES * size, replacement=True, generator=generator)
    return data.batches_of("held_back", rows, BATCHES * [size])


def explained(values: Sequence[float], predicted: Sequence[float]) -> float:
    """1 - the squared errors over those of the values' own mean, and at least -1."""
    mean = sum(values) / len(values)
    of_mean = sum((value - mean) ** 2 for value in values)
    errors = sum((value - one) ** 2 for value, one in zip(values, predicted, strict=True))
    return max(LEAST, 1.0 - errors / max(of_mean, 1e-12))
