"""What a front says beside its points: the best without the group, and what cannot be judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TypedDict

import numpy as np

from analysis.front_json import BiasUndefined, Front, LeftOut, PointValues, WithoutGroup
from search.front.selection import Row
from search.journal.events import TrialStart
from trainables.corrections import CORRECTIONS
from trainables.evaluation.counts import Counts, ScoreCounts


def without_group(
    rows: Sequence[Row], names: Sequence[tuple[str, str]], starts: Mapping[str, TrialStart]
) -> WithoutGroup:
    """The feasible candidate of best performance on tune that works without the group, be it on
    the front or hidden by one that needs it; `candidate` is None where there is none.

    `rows` are what candidates are worth, `names` (trial, candidate) of each, `starts` those of all
    trials by name; `tried` says whether any of these could have left such a candidate.
    """
    could = [
        place
        for place, row in enumerate(rows)
        if row["feasible"] and row["beats_trivial"] and not row["needs_group"]
    ]
    best = max(could, key=lambda place: _merit(rows[place]), default=None)
    tried = any(not CORRECTIONS[_name(start)].needs_group for start in starts.values())
    if best is None:
        return {"tried": tried, "candidate": None, "method": None, "tune": None, "test": None}
    return {
        "tried": tried,
        "candidate": names[best][1],
        "method": starts[names[best][0]]["method"],
        "tune": {
            "performance": rows[best]["performance"],
            "bias": rows[best]["bias"],
            "sparsity": rows[best]["sparsity"],
            "feasible": rows[best]["feasible"],
            "beats_trivial": rows[best]["beats_trivial"],
        },
        "test": None,
    }


class Hidden(TypedDict):
    """What `confirm` has to know of the network behind a point that needs the group."""

    candidate: str
    feasible: bool
    tune: PointValues


def hidden(front: Front) -> Hidden | None:
    """The best network without the group, where a point that needs it keeps it off the front.

    Test is opened for it along with the front. Fronts of earlier versions name none.
    """
    best = front.get("without_group")
    if best is None or best["candidate"] is None or best["tune"] is None:
        return None
    if best["candidate"] in {point["candidate"] for point in front["points"]}:
        return None
    return {"candidate": best["candidate"], "feasible": True, "tune": best["tune"]}


def named_in(front: Front) -> list[str]:
    """The candidates that a front names."""
    names = [point["candidate"] for point in front["points"]]
    off_front = hidden(front)
    return names if off_front is None else [*names, off_front["candidate"]]


def left_out(undefined: Iterable[tuple[str, str]]) -> list[LeftOut]:
    """How many candidates could not be judged; `undefined` is method and reason of each."""
    return [
        {"method": method, "candidates": number, "why": why}
        for (method, why), number in Counter(undefined).items()
    ]


def bias_undefined(
    rows: Sequence[Row],
    tune: Counts | ScoreCounts,
    groups: Sequence[str],
    classes: Sequence[str],
) -> BiasUndefined | None:
    """Where no candidate at all has a bias that can be estimated: how many there are, and which
    cells [group, label] of tune have no rows. None where any has one, or there are none.

    `rows` are what the candidates are worth, `tune` counts by group.
    """
    if not rows or any(row["bias"] is not None for row in rows):
        return None
    empty = [[groups[group], classes[label]] for group, label in np.argwhere(tune.cells == 0)]
    return {"candidates": len(rows), "empty_cells": empty}


def _merit(row: Row) -> tuple[float, float, float]:
    """By performance; of equals none that another dominates comes first."""
    performance, bias = row["performance"], row["bias"]
    if performance is None or bias is None:
        raise ValueError("front: what is feasible must have a performance and a bias")
    return performance, -bias, row["sparsity"]


def _name(start: TrialStart) -> str:
    return str(start["spec"]["correction"]["name"])
