"""A task whose classes are sums of another's: one network of joint classes judged on its parts.

The supplement of Lin et al. (FairGRAPE, ECCV 2022) trains one network on 14 joint classes of race
and gender and judges it on genders (two sums of seven probabilities), races (seven sums of two)
and on the joint classes themselves. The largest sum need not hold the largest probability, so the
parts cannot be judged by the decisions of the joint task: they are decided by sums of scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

JOINED_BY = "*"  # as in a grouping: White*Female


@dataclass(frozen=True, eq=False)
class TaskSum:
    """A task made of another's classes, each of which belongs to one of its own."""

    name: str
    classes: tuple[str, ...]  # two: binary, class 1 is the positive one
    of_class: NDArray[np.int64]  # (classes of the other task,) the own class of each

    def __post_init__(self) -> None:
        who, mapping = f"task {self.name!r}", np.asarray(self.of_class)
        if mapping.ndim != 1 or mapping.dtype.kind not in "iu":
            raise ValueError(
                f"{who}: needs one class for each class of the other task, "
                f"got {mapping.dtype} of shape {mapping.shape}"
            )
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            raise ValueError(f"{who}: needs at least two different classes, got {self.classes}")
        if set(mapping.tolist()) != set(range(len(self.classes))):
            raise ValueError(
                f"{who}: each of its {len(self.classes)} classes must be a sum of some, "
                f"got {mapping.tolist()}"
            )
        copied = mapping.astype(np.int64)
        copied.setflags(write=False)
        object.__setattr__(self, "of_class", copied)

    def scores(self, probabilities: ArrayLike) -> NDArray[np.float64]:
        """Summed probabilities of (n, classes of the other task).

        They are (n,), those of class 1, where there are two classes, else (n, classes): what
        `count` takes. Sums of rounded numbers that exceed 1 are cut to it.
        """
        values = np.asarray(probabilities, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.of_class):
            raise ValueError(
                f"task {self.name!r}: needs probabilities (n, {len(self.of_class)}), "
                f"got shape {values.shape}"
            )
        belongs = self.of_class[:, None] == np.arange(len(self.classes))
        sums = np.minimum(values @ belongs.astype(np.float64), 1.0)
        return np.asarray(sums[:, 1] if len(self.classes) == 2 else sums)

    def labels(self, labels: ArrayLike) -> NDArray[np.int64]:
        """(n,) labels of the other task as labels of this one."""
        given = np.asarray(labels)
        if given.size and (given.min() < 0 or given.max() >= len(self.of_class)):
            raise ValueError(
                f"task {self.name!r}: labels lie in [0, {len(self.of_class)}), "
                f"got {given.min()} to {given.max()}"
            )
        return np.asarray(self.of_class[given])


def task_sums(
    classes: Sequence[str], attributes: Mapping[str, Sequence[str]]
) -> dict[str, TaskSum]:
    """The tasks that sums over joint classes make, by name; none where classes are not joint.

    Classes are joint where each is a value of one attribute, joined by `*` to one of another and
    so on, attribute by attribute in one order: `White*Female` of race and sex. `attributes` maps
    names to value names. A sum is named after its attribute, and its classes stand in that
    attribute's order, those left out that no joint class has.
    """
    parts = [tuple(name.split(JOINED_BY)) for name in classes]
    if len({len(part) for part in parts}) != 1 or len(parts[0]) < 2:
        return {}
    sums: dict[str, TaskSum] = {}
    for values in zip(*parts, strict=True):  # of one factor, one for each class
        open_names = {name: known for name, known in attributes.items() if name not in sums}
        name = _attribute_of(set(values), open_names)
        if name is None or len(set(values)) < 2:
            return {}
        own = tuple(value for value in attributes[name] if value in values)
        index = np.array([own.index(value) for value in values], dtype=np.int64)
        sums[name] = TaskSum(name, own, index)
    return sums


def _attribute_of(values: set[str], attributes: Mapping[str, Sequence[str]]) -> str | None:
    """The attribute that has all of the values: of several the one with the fewest others."""
    fitting = [name for name, known in attributes.items() if values <= set(known)]
    return min(fitting, key=lambda name: len(attributes[name]), default=None)
