"""The tables of the report that say which method holds which part of the front."""

from __future__ import annotations

from html import escape

import pandas as pd

from analysis.front_json import Front
from analysis.notation import bias_words, known, number, performance_words
from analysis.parts import holdings, parts_of_front
from analysis.report.tables import Cell, fraction, table, text

ADDED = {  # columns of `contributions`, as they are called here
    "area": "area",
    "area_only": "only by it",
    "volume": "volume",
    "volume_only": "only by it, with sparsity",
    "charged": "samples charged",
    "charged_until": "samples until .9 of its area",
}
NOTHING = ("\N{EN DASH}", "")


def parts_table(front: Front) -> str:
    """The parts of the front, bias downwards and sparsity to the right: in each the methods that
    hold it, best first, with how many networks and the best performance. Empty without points."""
    parts = parts_of_front(front)
    if parts.empty:
        return ""
    columns = list(parts["sparsity"].cat.remove_unused_categories().cat.categories)
    rows = []
    for bias, here in parts.groupby("bias", observed=True):
        cells = [_holders(here[here["sparsity"] == sparsity]) for sparsity in columns]
        rows.append([text(bias), *cells])
    named = [f"sparsity {sparsity}" for sparsity in columns]
    return table([bias_words(front["objective"]), *named], rows)


def holdings_table(front: Front, added: pd.DataFrame | None) -> str:
    """What each method holds of the front and, as `added` has it (`contributions`), what it gives;
    methods with most networks first. Empty where fewer than two were tried."""
    held = holdings(front)
    if len(held) < 2:
        return ""
    objective = front["objective"]
    names = {"bias": bias_words(objective), "performance": performance_words(objective)}
    columns = ["method", "networks", *names.values(), "sparsity"]
    known_of = None if added is None else added.reindex(held["method"]).dropna(axis=1, how="all")
    rows = []
    for _, row in held.iterrows():
        uses = " (uses the group)" if row["needs_group"] else ""
        ranges = [_range(row, key) for key in (*names, "sparsity")]
        rows.append([text(f"{row['method']}{uses}"), text(row["networks"]), *ranges])
        if known_of is not None:
            rows[-1] += [
                _added(name, value) for name, value in known_of.loc[row["method"]].items()
            ]
    further = [] if known_of is None else [ADDED[name] for name in known_of.columns]
    return table([*columns, *further], rows)


def _holders(rows: pd.DataFrame) -> Cell:
    lines = [
        f"{escape(row['method'])} {row['networks']}"
        f'<span class="muted"> to {number(row["performance"])}</span>'
        for _, row in rows.iterrows()
    ]
    return ("<br>".join(lines), str(rows["networks"].sum())) if lines else NOTHING


def _range(row: pd.Series, key: str) -> Cell:
    low, high = row[f"{key}_low"], row[f"{key}_high"]
    if not known(low):
        return NOTHING
    return (number(low) if low == high else f"{number(low)} to {number(high)}"), repr(float(low))


def _added(name: str, value: float) -> Cell:
    if not known(value):
        return NOTHING
    if name.startswith("charged"):
        return f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}"), repr(float(value))
    return fraction(value)
