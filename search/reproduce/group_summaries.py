"""Quantities of a table that sum up values by group, beside the measures that searches know.

FairGRAPE (Lin, Kim, Joo, ECCV 2022) prints Diff, the gap of two accuracies (tables 3 and 5); its
supplement false negative and false positive rates of everybody (table 1), and mean and deviation
of average precisions over groups, with the deviation of their changes (table 2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ByGroup = Mapping[str, Sequence[float | None]]  # name of `BY_GROUP`, or ap -> one for each group


@dataclass(frozen=True)
class OfNetwork:
    """What is known of a network on test."""

    by_group: ByGroup
    everybody: Mapping[str, float | None]  # the same of all groups together
    dense: ByGroup | None  # by group of the dense net; None: this is the dense net


def summaries(network: OfNetwork) -> dict[str, float | None]:
    """Every quantity of `SUMMARIES`; None where a group has no value, or there is no dense net."""
    return {name: summary(network) for name, summary in SUMMARIES.items()}


def _of_everybody(name: str) -> Callable[[OfNetwork], float | None]:
    return lambda network: network.everybody.get(name)


def _gap(name: str) -> Callable[[OfNetwork], float | None]:
    return lambda network: _number(np.ptp(_values(network.by_group, name)))


def _mean(name: str) -> Callable[[OfNetwork], float | None]:
    return lambda network: _number(_values(network.by_group, name).mean())


def _deviation(name: str) -> Callable[[OfNetwork], float | None]:
    return lambda network: _number(_values(network.by_group, name).std(ddof=1))


def _deviation_of_changes(name: str) -> Callable[[OfNetwork], float | None]:
    def deviation(network: OfNetwork) -> float | None:
        if network.dense is None:
            return None
        changes = _values(network.by_group, name) - _values(network.dense, name)
        return _number(changes.std(ddof=1))

    return deviation


SUMMARIES: dict[str, Callable[[OfNetwork], float | None]] = {
    "accuracy_gap": _gap("accuracy"),
    "fnr": _of_everybody("fnr"),
    "fpr": _of_everybody("fpr"),
    "pie": _of_everybody("pie"),
    "ap": _mean("ap"),
    "ap_std": _deviation("ap"),
    "ap_drop_std": _deviation_of_changes("ap"),
}


def _values(groups: ByGroup, name: str) -> NDArray[np.float64]:
    """(groups,) NaN where there is no value."""
    return np.array([np.nan if v is None else v for v in groups[name]], dtype=np.float64)


def _number(value: np.floating) -> float | None:
    return None if np.isnan(value) else float(value)
