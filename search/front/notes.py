"""What a front says beside its points: the best without the group, and what cannot be judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from analysis.events import Event
from search.front.selection import Row
from trainables.corrections import CORRECTIONS
from trainables.evaluation.counts import Counts, ScoreCounts

_VALUES = ("performance", "bias", "sparsity", "feasible", "beats_trivial")


def without_group(
    rows: Sequence[Row], reports: Sequence[Event], starts: Mapping[str, Event]
) -> dict[str, Any]:
    """The feasible candidate of best performance on tune that works without the group, be it on
    the front or hidden by one that needs it; `candidate` is None where there is none.

    `rows` are what `reports` are worth, `starts` the starts of all trials by name; `tried` says
    whether any of these could have left such a candidate.
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
        "candidate": reports[best]["candidate"],
        "method": starts[reports[best]["trial"]]["method"],
        "tune": {name: rows[best][name] for name in _VALUES},
        "test": None,
    }


def hidden(front: Mapping[str, Any]) -> dict[str, Any] | None:
    """The best point without the group where a point that needs it hides it; test is opened for
    it along with the front. Fronts of earlier versions name none."""
    best = front.get("without_group")
    if best is None or best["candidate"] is None:
        return None
    on_front = {point["candidate"] for point in front["points"]}
    return None if best["candidate"] in on_front else {**best, "feasible": True}


def named_in(front: Mapping[str, Any]) -> list[str]:
    """The candidates that a front names."""
    behind = hidden(front)
    names = [point["candidate"] for point in front["points"]]
    return names if behind is None else [*names, behind["candidate"]]


def left_out(undefined: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """How many candidates could not be judged; `undefined` is method and reason of each."""
    found = Counter(undefined)
    return [
        {"method": method, "candidates": number, "why": why}
        for (method, why), number in found.items()
    ]


def bias_undefined(
    rows: Sequence[Row],
    tune: Counts | ScoreCounts,
    groups: Sequence[str],
    classes: Sequence[str],
) -> dict[str, Any] | None:
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
    return row["performance"], -row["bias"], row["sparsity"]


def _name(start: Event) -> str:
    return str(start["spec"]["correction"]["name"])
