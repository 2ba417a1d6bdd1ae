"""The tables of the report as HTML; every text that comes from outside is escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd

from analysis.claims import WORDS, certified_at, verdict_of
from analysis.front_json import SPLITS, Front, FrontPoint, Interval, PointValues, SeedRow, Split
from analysis.front_table import chosen_point, is_confirmed, keeps_on_tune, reference_label
from analysis.notation import (
    beside_bias,
    bias_words,
    interval_text,
    known,
    number,
    performance_words,
    second_words,
)
from analysis.trials import is_feasible

Cell = tuple[str, str]  # (HTML, value that the column is sorted by)


FACT_NAMES = {
    "candidates": "candidates judged",
    "data": "data set",
    "certifiable": "tolerance that test certifies of a perfectly fair network in 80 %, at worst "
    "(right half the time)",
    "opening": "openings of these test rows, this one included",
    "box": "box of the hypervolume",
}


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    groups: str = "",
    marked: int | None = None,
) -> str:
    """A sortable table; `groups` is an HTML row above the column names, `marked` a row number."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = "".join(
        f"<tr{' class=chosen' if place == marked else ''}>"
        + "".join(f'<td data-sort="{escape(key)}">{html}</td>' for html, key in row)
        + "</tr>"
        for place, row in enumerate(rows)
    )
    return (
        f'<div class="scroll"><table class="sortable"><thead>{groups}<tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def text(value: object) -> Cell:
    return escape(str(value)), str(value)


def yes_no(value: bool | None) -> Cell:
    """Yes, no or unknown; no is muted."""
    if value is None:
        return "\N{EN DASH}", ""
    return ("yes", "1") if value else ('<span class="muted">no</span>', "0")


def fraction(value: float | None, interval: Interval | None = None) -> Cell:
    """A number and, smaller, its interval."""
    html = number(value)
    if ends := interval_text(interval):
        html += f' <span class="interval">{ends}</span>'
    return html, repr(float(value)) if known(value) else ""


def points_table(front: Front) -> str:
    """All points with their values on tune and, once confirmed, on test; empty without any."""
    if not front["points"]:
        return ""
    objective, confirmed = front["objective"], is_confirmed(front)
    signed = signed_pair(front)
    values = [performance_words(objective), bias_words(objective), *signed.values()]
    identity = ["method, candidate", "learns from", "needs group", "feasible", "sparsity"]
    if chances := any("chance" in point for point in front["points"]):
        identity.append("chance of a certificate")
    second = _second_columns(front)
    columns = [*identity, *values, *([*values, "verdict", "certified at"] if confirmed else [])]
    columns += [*(values[:2] * len(second)), "settings"]
    groups = (
        f'<tr class="groups"><th colspan="{len(identity)}"></th>'
        f'<th colspan="{len(values)}" scope="colgroup">tune</th>'
        + (f'<th colspan="{len(values) + 2}" scope="colgroup">test</th>' if confirmed else "")
        + "".join(f'<th colspan="2" scope="colgroup">{escape(it)}</th>' for it in second.values())
        + "<th></th></tr>"
    )
    points = sorted(
        front["points"], key=lambda p: (not p["chosen"], -(p["tune"]["performance"] or 0.0))
    )
    given = front.get("handed_over")
    rows = [
        _point_row(
            point,
            list(signed),
            second,
            chances=chances,
            confirmed=confirmed,
            handed_over=point["candidate"] == given,
        )
        for point in points
    ]
    marked = 0 if points[0]["chosen"] else None
    return table(columns, rows, groups=groups, marked=marked)


def references_table(front: Front) -> str:
    """What the front is compared with, on tune and, once confirmed, on test; empty without any."""
    objective, confirmed = front["objective"], is_confirmed(front)
    beside = beside_bias(objective)
    values = [performance_words(objective), bias_words(objective), *beside.values()]
    splits: Sequence[Split] = SPLITS if confirmed else ("tune",)
    columns = ["reference", "needs group", "decided by lot", "feasible"]
    columns += [f"{name}, {split}" for split in splits for name in values]
    rows = []
    for reference in front["references"]:
        row = [text(reference_label(reference)), yes_no(reference["needs_group"])]
        row += [yes_no(reference.get("randomised", False)), yes_no(keeps_on_tune(reference))]
        for split in splits:
            judged = reference[split]
            absent = [text("\N{EN DASH}")] * len(values)
            row += absent if judged is None else _measured(judged, list(beside))
        rows.append(row)
    return table(columns, rows) if rows else ""


def _second_columns(front: Front) -> dict[Split, str]:
    """Split -> what the columns of the second decision there are called; empty without one."""
    if "beside" not in front:
        return {}
    splits: Sequence[Split] = SPLITS if is_confirmed(front) else ("tune",)
    return {split: f"{second_words(front['beside'])}, {split}" for split in splits}


def signed_pair(front: Front) -> dict[str, str]:
    """AOD and beside it abs. AOD, or what else does not vanish where the bias may, where these
    measures exist (binary tasks)."""
    names = {"aod": "AOD", "abs_aod": "abs. AOD", **beside_bias(front["objective"])}
    measured = [point["tune"]["measures"] for point in front["points"]]
    return names if any(known(values.get("aod")) for values in measured) else {}


def comparison_table(front: Front) -> str:
    """Every estimable measure of the dense net and of the chosen point, side by side."""
    point, columns = chosen_point(front), {}
    for split in SPLITS:
        columns[f"dense net, {split}"] = front["dense"][split]
        columns[f"chosen, {split}"] = None if point is None else point[split]
    for split, called in _second_columns(front).items():
        by_second = point.get("beside") if point is not None else None
        columns[f"chosen, {called}"] = None if by_second is None else by_second[split]
    judged = {name: values for name, values in columns.items() if values is not None}
    if not judged:
        return ""
    measured = [values["measures"] for values in judged.values()]
    names = dict.fromkeys(
        name for measures in measured for name, value in measures.items() if known(value)
    )
    rows = [[text("sparsity"), *(fraction(values["sparsity"]) for values in judged.values())]]
    rows += [
        [text(name), *(fraction(measures.get(name)) for measures in measured)] for name in names
    ]
    return table(["measure", *judged], rows)


def methods_table(
    trials: pd.DataFrame, reports: pd.DataFrame, described: Mapping[str, str]
) -> str:
    """How the trials of each method ended, how many epochs they took, its best feasible point.

    `described` says what methods do, by name; without it there is no such column.
    """
    states = ("finished", "stopped", "failed", "running")
    columns = ["method", *states, "epochs", "best feasible performance"]
    feasible = reports[is_feasible(reports)]
    rows = []
    for method, part in trials.groupby("method"):
        best = feasible[feasible["method"] == method]["performance"].max()
        counts = [text(int((part["status"] == state).sum())) for state in states]
        epochs = text(int(part["reports"].sum()))
        rows.append([text(method), *counts, epochs, fraction(best)])
        if described:
            rows[-1].append(text(described.get(str(method), "")))
    return table([*columns, "what it does"] if described else columns, rows)


def no_ops_table(front: Front) -> str:
    """What methods are meant to do and did not; empty where all did something."""
    rows = [
        [
            *(text(each[key]) for key in ("method", "stage", "what")),
            (f'<b class="bad">{each["trials"]}</b> of {each["of"]}', str(each["trials"])),
        ]
        for each in front.get("no_ops", ())
    ]
    return table(["method", "stage", "what did not happen", "trials"], rows) if rows else ""


def failures_table(trials: pd.DataFrame) -> str:
    """Failed trials with their reasons; empty when none failed."""
    failed = trials[trials["status"] == "failed"]
    if failed.empty:
        return ""
    rows = [
        [text(trial), text(method), text(reason)]
        for trial, method, reason in failed[["trial", "method", "reason"]].itertuples(index=False)
    ]
    return table(["trial", "method", "reason"], rows)


def facts_list(facts: Mapping[str, object], front: Front) -> str:
    """Everything known about data and search as a definition list."""
    of_front = {name: front.get(name) for name in ("objective", "candidates", "hypervolume")}
    shown = {**of_front, **facts}
    items = "".join(
        f"<dt>{escape(FACT_NAMES.get(name, name.replace('_', ' ')))}</dt><dd>{_fact(value)}</dd>"
        for name, value in shown.items()
        if name not in ("methods", "searched") and value not in (None, [], {}, ())
    )
    return f'<dl class="facts">{items}</dl>'


def safe_json(source: str) -> str:
    """JSON that cannot end the script element that it stands in."""
    json.loads(source)
    return source.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _point_row(
    point: FrontPoint,
    signed: Sequence[str],
    second: Iterable[Split],
    *,
    chances: bool,
    confirmed: bool,
    handed_over: bool,
) -> list[Cell]:
    row = [
        _identity(point, handed_over=handed_over),
        text(point.get("learns_from", "\N{EN DASH}")),
        yes_no(point["needs_group"]),
        yes_no(point["feasible"]),
        fraction(point["tune"]["sparsity"]),
        *([fraction(point.get("chance"))] if chances else []),
        *_measured(point["tune"], signed),
    ]
    if confirmed:
        absent = [text("\N{EN DASH}")] * (2 + len(signed))
        row += _measured(point["test"], signed) if point["test"] else absent
        row += [verdict_cell(point), fraction(certified_at(point))]
    for split in second:
        values = point["beside"][split] if "beside" in point else None
        row += [text("\N{EN DASH}")] * 2 if values is None else _measured(values, ())
    return [*row, _settings(point["settings"])]


def _identity(point: FrontPoint, *, handed_over: bool) -> Cell:
    badge = ' <span class="badge">chosen</span>' if point["chosen"] else ""
    badge += ' <span class="badge good">handed over</span>' if handed_over else ""
    if what := point.get("no_ops"):
        badge += f' <span class="badge bad" title="{escape("; ".join(what))}">no-op</span>'
    method, candidate = escape(point["method"]), escape(point["candidate"])
    key = f"{point['method']} {point['candidate']}"
    return f'{method}{badge}<br><span class="mono muted">{candidate}</span>', key


def _measured(values: PointValues, signed: Sequence[str]) -> list[Cell]:
    measures = values.get("measures", {})
    return [
        fraction(values["performance"], values.get("performance_interval")),
        fraction(values["bias"], values.get("bias_interval")),
        *(fraction(measures.get(name)) for name in signed),
    ]


def verdict_cell(row: FrontPoint | SeedRow) -> Cell:
    """What is claimed of a network; the best verdicts sort last."""
    match verdict := verdict_of(row):
        case None:
            return "\N{EN DASH}", ""
        case "certified":
            return '<span class="good">certified</span>', "3"
        case "not certified":
            return f'<span title="{escape(WORDS[verdict])}">not certified</span>', "2"
        case "broke":
            return '<b class="bad">broke</b>', "1"
        case "not estimable":
            return "not estimable", "0"


def _settings(settings: Mapping[str, Mapping[str, Any]]) -> Cell:
    items = "".join(
        f"<dt>{escape(str(role))}</dt><dd>{_pairs(values)}</dd>"
        for role, values in settings.items()
    )
    return f'<details><summary>show</summary><dl class="settings">{items}</dl></details>', ""


def _pairs(values: Mapping[str, Any]) -> str:
    return "<br>".join(
        f"{escape(str(k))} = {escape(f'{v:.5g}' if isinstance(v, float) else str(v))}"
        for k, v in values.items()
    )


def _fact(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{escape(str(key))} {_fact(entry)}" for key, entry in value.items())
    if isinstance(value, list | tuple):
        if any(isinstance(entry, str) and len(entry) > 40 for entry in value):
            return "<ul>" + "".join(f"<li>{escape(str(entry))}</li>" for entry in value) + "</ul>"
        return escape(", ".join(str(entry) for entry in value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return escape(f"{value:.4g}" if isinstance(value, float) else str(value))
