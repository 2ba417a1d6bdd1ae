"""The rows that pruners look at: all that have a group to prune by, in passes without favour."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from trainables.data.batches import TensorPart, TrialData


class PruningRows:
    """All rows that have a group to prune by, one after the other."""

    def __init__(self, data: TrialData) -> None:
        self._data = data
        self._parts: list[TensorPart] = [data.part(name) for name in data.pruning_groups]
        self._groups = torch.cat(list(data.pruning_groups.values())).cpu()

    def __len__(self) -> int:
        return len(self._groups)

    def members(self, by_group: bool) -> list[Tensor]:
        """The rows of each group, or all of them as one."""
        if not by_group:
            return [torch.arange(len(self))]
        names = self._data.pruning_group_names
        return [(self._groups == group).nonzero().squeeze(1) for group in range(len(names))]

    def of_minorities(self) -> Tensor:
        """The rows of all groups but the largest; of equal ones the first is the largest."""
        counts = torch.bincount(self._groups)
        return (self._groups != int(counts.argmax())).nonzero().squeeze(1)

    def of_classes(self, members: Tensor) -> list[Tensor]:
        """The rows of `members` by class."""
        labels = torch.cat([part.labels for part in self._parts]).cpu()[members]
        return [members[labels == label] for label in range(self._data.n_classes)]

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs as a network gets them, labels and weights of rows."""
        pieces, first = [], 0
        for part in self._parts:
            here = rows
            if len(self._parts) > 1:
                here = rows[(rows >= first) & (rows < first + len(part))] - first
            pieces.append((part.inputs[here], part.labels[here], part.weights[here]))
            first += len(part)
        inputs, labels, weights = (
            column[0] if len(column) == 1 else torch.cat(column)
            for column in zip(*pieces, strict=True)
        )
        return self._data.normalise(inputs), labels, weights


def passes(members: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """`count` of the rows `members` in random orders, each as often as the others or once more."""
    orders = [
        members[torch.randperm(len(members), generator=generator)]
        for _ in range(math.ceil(count / len(members)))
    ]
    return torch.cat(orders)[:count]
