"""The price of fairness of a run, every candidate judged anew under each tolerance."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from analysis.price import PRICE_COLUMNS
from search.front import Front, build_front
from search.journal import Event, read_events
from search.regrouping import view_of_run
from search.run_folder import RunFolder


def price_of_fairness(
    path: Path | str,
    tolerances: Iterable[float],
    *,
    bias: str | None = None,
    group: str | None = None,
) -> pd.DataFrame:
    """One row per tolerance: the best feasible candidate under it (`analysis.price`), of those
    that could be chosen.

    Decisions are fitted anew for each tolerance, measure and grouping, as `fairfront report` does;
    nothing is retrained, and small groups are merged or left out as it does. Values are those on
    tune.
    """
    folder = RunFolder(Path(path))
    facts = folder.facts()
    events = [event for event in read_events(folder.journal) if _needed(event)]
    of_run = view_of_run(folder, group)
    rows = []
    for tolerance in tolerances:
        view = of_run.with_bias(bias, tolerance)
        rows.append(_row(build_front(facts, events, view)))
    return pd.DataFrame(rows, columns=list(PRICE_COLUMNS))


def _needed(event: Event) -> bool:
    """Reports without a candidate are most of a journal, and on no front."""
    return event["event"] != "report" or bool(event["candidate"] or event["dropped"])


def _row(front: Front) -> dict[str, object]:
    allowed = front["objective"]["group_at_prediction"]
    could = [p for p in front["points"] if p["feasible"] and (allowed or not p["needs_group"])]
    best = could[0] if could else None  # the front is sorted so
    values = {} if best is None else best["tune"]
    return {
        "tolerance": front["objective"]["tolerance"],
        "margin": front["objective"]["margin"],
        **{name: values.get(name) for name in ("performance", "bias", "sparsity")},
        "method": None if best is None else best["method"],
        "candidate": None if best is None else best["candidate"],
    }
