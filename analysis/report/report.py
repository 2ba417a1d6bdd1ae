"""The report of a search: one HTML file that needs nothing else, not even a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any, TypedDict

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from analysis.figures.curves import curves_figure, hypervolume_figure
from analysis.figures.front_html import interactive_front
from analysis.figures.losses import losses_figure
from analysis.front_json import Front
from analysis.front_table import (
    ReferenceMark,
    allows_group,
    chosen_point,
    is_confirmed,
    place,
    why_not_drawn,
)
from analysis.importance import importance_by_method, importance_figure
from analysis.methods import methods_over_compute_figure
from analysis.notation import (
    bias_words,
    known,
    meaning,
    number,
    performance_words,
    second_words,
)
from analysis.parts import contributions
from analysis.price import price_as_searched, price_figure, tolerances_around
from analysis.report.parts import holdings_table, parts_table
from analysis.report.seeds import seeds_table, spread_lines
from analysis.report.tables import (
    comparison_table,
    facts_list,
    failures_table,
    methods_table,
    no_ops_table,
    points_table,
    references_table,
    safe_json,
    signed_pair,
)
from analysis.trials import is_candidate
from analysis.words import explanation, finding, headline

# Plotly can draw maps from tile servers; this keeps the file from ever asking a server anything.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:"
)


class Box(TypedDict):
    """Corners of the hypervolume's box: (performance, bias) or (performance, bias, sparsity)."""

    reference: Sequence[float]
    ideal: Sequence[float]


class Facts(TypedDict, total=False):
    """What the report says of data and search beside the front, as far as it is known."""

    data: str  # name of the data set
    classes: Sequence[str]
    groups: Sequence[str]  # names, unprivileged first
    splits: Mapping[str, int]  # split -> rows
    notes: Sequence[str]  # what was merged, left out or could not be balanced
    certifiable: float | None  # tolerance that test certifies of a fair network in 80 %
    box: Box  # missing: the report has no hypervolume curve
    opening: int | None  # how many times the test rows were opened, this one included
    methods: Mapping[str, str]  # method -> what it does
    searched: Mapping[str, Any]  # objective of the search, where the front is judged by another
    compute: str  # what the search has cost


def report_html(
    front: Front,
    trials: pd.DataFrame,
    reports: pd.DataFrame,
    references: Sequence[ReferenceMark],
    facts: Facts,
) -> str:
    """The whole report as one self-contained HTML text.

    `front` is front.json, `trials` and `reports` are `trials_frame` and `reports_frame` of the
    journal, `references` are the marks beside the dense net.
    """
    name = escape(str(front["name"]))
    box = _box(front, facts) if len(trials) else None
    sections = [
        _front_section(front, references),
        _parts_section(front, trials, reports, box),
        *_of_front(front),
        *_of_search(front, trials, reports, facts, box),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{name} \N{MIDDLE DOT} fairfront</title><style>{_asset('report.css')}</style>"
        f"</head><body><main>{_header(front, facts)}"
        f"{''.join(sections)}</main>"
        f"<script>{get_plotlyjs()}</script><script>{_asset('report.js')}</script>"
        "</body></html>\n"
    )


def _asset(name: str) -> str:
    return files("analysis.report").joinpath(name).read_text(encoding="utf-8")


def _header(front: Front, facts: Facts) -> str:
    sentences = "".join(
        f"<li>{escape(sentence)}</li>" for sentence in explanation(front, facts.get("opening"))
    )
    return (
        f'<header class="{_colour(front)}"><p class="name">{escape(str(front["name"]))}</p>'
        f"<h1>{escape(headline(front))}</h1><ul>{sentences}</ul></header>"
    )


def _colour(front: Front) -> str:
    """CSS class of the headline."""
    match finding(front):
        case "certified" | "another certified":
            return "kept"
        case "not confirmed" | "judged otherwise" | "not certified":
            return "open"
        case _:
            return "broken"


def _box(front: Front, facts: Facts) -> Box | None:
    """The box of the hypervolume; None for a front judged by another measure, tolerance or group
    than its search, whose journal has the biases of the search."""
    searched = {**front["objective"], **facts.get("searched", {})}
    return facts.get("box") if searched == front["objective"] else None


def _of_front(front: Front) -> list[str]:
    """The sections about the networks of the front."""
    return [
        _section("Points", _points_caption(front), points_table(front)),
        _section("References", REFERENCES_CAPTION, references_table(front)),
        _section("No-ops", NO_OPS_CAPTION, no_ops_table(front)),
        _section("Dense net and chosen point", COMPARISON_CAPTION, comparison_table(front)),
        _section("Other seeds", _seeds_caption(front), seeds_table(front)),
    ]


def _of_search(
    front: Front, trials: pd.DataFrame, reports: pd.DataFrame, facts: Facts, box: Box | None
) -> list[str]:
    """The sections about the trials that led to it, and about the data."""
    parts = []
    searched = {**front["objective"], **facts.get("searched", {})}
    if not reports.empty:
        point = chosen_point(front)
        chosen = (None, None) if point is None else (point["trial"], point["epoch"])
        figure = curves_figure(searched, trials, reports, *chosen)
        parts.append(_section("Trials", CURVES_CAPTION, _figure("curves", figure)))
        losses = losses_figure(front, reports, trials["method"])
        if losses is not None:
            parts.append(_section("Losses", LOSSES_CAPTION, _figure("losses", losses)))
    if box is not None:
        allowed = allows_group(front["objective"])
        figure = hypervolume_figure(trials, reports, **box, group_allowed=allowed)
        parts.append(_section("Hypervolume", HYPERVOLUME_CAPTION, _figure("hypervolume", figure)))
        if trials["method"].nunique() > 1:
            figure = methods_over_compute_figure(trials, reports, **box, group_allowed=allowed)
            caption = f"{_reference_words(front, box)} {OVER_COMPUTE_CAPTION}"
            parts.append(_section("Methods over compute", caption, _figure("compute", figure)))
        parts += _afterwards(front, trials, reports, box)
    parts += [
        _section("Methods", "", methods_table(trials, reports, facts.get("methods", {}))),
        _section("Failures", "", failures_table(trials)),
        _section("Facts", "", facts_list(facts, front)),
    ]
    return parts


def _front_section(front: Front, references: Sequence[ReferenceMark]) -> str:
    """The figure of the front, or in its place why there is none."""
    title = "Front" if chosen_point(front) is not None else "Closest candidates"
    why = why_not_drawn(front, references)
    if why is not None:
        return _section("Front", "", f"<p>{escape(why)}</p>")
    figure = interactive_front(front, references)
    return _section(title, FRONT_CAPTION, _figure("front", figure))


def _parts_section(
    front: Front, trials: pd.DataFrame, reports: pd.DataFrame, box: Box | None
) -> str:
    """Which method holds which part of the front; and what each gives, where `box` is known."""
    caption, added = PARTS_CAPTION, None
    if box is not None:
        allowed = allows_group(front["objective"])
        added = contributions(trials, reports, **box, group_allowed=allowed)
        caption = f"{caption} {CONTRIBUTIONS_CAPTION} {_reference_words(front, box)}"
    held = holdings_table(front, added)
    return _section("Parts of the front", caption, f"{parts_table(front)}{held}") if held else ""


def _reference_words(front: Front, box: Box) -> str:
    """Where hypervolumes of performance and bias begin, and where they end."""
    objective = front["objective"]
    names = performance_words(objective), bias_words(objective)
    start, end = (
        " and ".join(f"{name} {number(v)}" for name, v in zip(names, corner, strict=False))
        for corner in (box["reference"], box["ideal"])
    )
    words = (
        f"Area: the share covered of what lies between the reference point, {start} (what a "
        f"constant prediction reaches and the tolerance, unless the experiment says otherwise), "
        f"and {end}."
    )
    if len(box["reference"]) == 2:
        return words
    return f"{words} Volume: the same with sparsity, from 0 to 1."


def _afterwards(front: Front, trials: pd.DataFrame, reports: pd.DataFrame, box: Box) -> list[str]:
    """What the reports say beyond the front: the price of fairness, the settings that mattered."""
    objective, parts = front["objective"], []
    tolerance, margin = objective["tolerance"], objective["margin"]
    allowed = allows_group(objective)
    if is_candidate(reports, group_allowed=allowed).any():
        price = price_as_searched(
            reports, tolerances_around(tolerance), margin / tolerance, group_allowed=allowed
        )
        dense = front["dense"]["tune"]
        where = place(dense) if dense is not None and known(dense["bias"]) else None
        figure = price_figure(price, objective, where)
        parts.append(_section("Price of fairness", PRICE_CAPTION, _figure("price", figure)))
    importances = importance_by_method(trials, reports, **box, targets=["hypervolume"])
    if not importances.empty:
        figure = importance_figure(importances, methods=trials["method"])
        parts.append(
            _section("Settings that mattered", IMPORTANCE_CAPTION, _figure("importance", figure))
        )
    return parts


def _seeds_caption(front: Front) -> str:
    return " ".join(escape(line) for line in spread_lines(front))


def _section(title: str, caption: str, content: str) -> str:
    if not content:
        return ""
    note = f'<p class="caption">{caption}</p>' if caption else ""
    return f"<section><h2>{title}</h2>{note}{content}</section>"


def _points_caption(front: Front) -> str:
    parts = [POINTS_CAPTION]
    if any("chance" in point for point in front["points"]):
        parts.append(CHANCE_CAPTION)
    if is_confirmed(front):
        parts.append(CLAIMS_CAPTION)
    parts += [
        f"{words}{' (signed)' if name == 'aod' else ''}: {meaning(name)}."
        for name, words in signed_pair(front).items()
    ]
    if "beside" in front:
        parts.append(
            f"{second_words(front['beside']).capitalize()}: a second decision on the same scores, "
            f"which nothing was chosen by."
        )
    return " ".join(parts)


def _figure(name: str, figure: go.Figure) -> str:
    source = figure.to_json()
    return (
        f'<div class="figure" id="{name}"></div>'
        f'<script type="application/json" data-figure="{name}">{safe_json(source)}</script>'
    )


FRONT_CAPTION = (
    "Each mark is a network: further left is fairer (a bias of 0 is fair, whatever its measure is "
    "called), higher performs better. Colour and shape say the method; the fewer weights are "
    "left, the smaller the mark. Filled marks are feasible: by what tune shows they are likely "
    "enough to keep the tolerance, and clearly better than a constant prediction; hollow ones are "
    "not. The ring is the chosen one. Small dots, linked by a line, are values on test; that of "
    "the chosen one has its intervals, as thick bars. Named crosses are reference points. Hover "
    "for all measures and settings; double-click a method in the legend to see it alone."
)
PARTS_CAPTION = (
    "Which methods hold the front at which bias and sparsity, on tune: in each part the best one "
    "first, with how many networks it has there and their best performance. Below, what each "
    "method holds in all."
)
CONTRIBUTIONS_CAPTION = (
    "Only by it: the share of the area (or volume) of all methods together that would be lost "
    "without the method; what several methods reach belongs to none of them. Networks that need "
    "the group count only where it may be used."
)
OVER_COMPUTE_CAPTION = (
    "Each line is what one method's own networks cover after each of its ended trials, over the "
    "samples (rows that went through training) that these trials were charged; the black one is "
    "all methods together, over the samples of all. Methods that cover or train nothing have no "
    "line. Click a method to hide it, double-click to see it alone."
)
CHANCE_CAPTION = (
    "Chance of a certificate: as tune saw it before test was opened, the probability that test "
    "certifies the network at the tolerance; from .5 on a network is named for test."
)
CLAIMS_CAPTION = (
    "Certified: test shows that the bias lies below the tolerance, at the error rate named "
    "before. Certified at: any tolerance above may be quoted of the network. Handed over: the "
    "best certified one, which export takes."
)
POINTS_CAPTION = (
    "Click a column to sort. Intervals are 95 %; those on test hold for all points at once."
)
REFERENCES_CAPTION = (
    "What the front is compared with: the dense net, and models that take seconds to fit. Each is "
    "judged as a point is; none is on the front, in its area or volume, or chosen. Decided by "
    "lot: a randomised classifier, as the reductions approach is defined, draws each decision "
    "with a probability that the row sets, and is judged by what is to be expected."
)
COMPARISON_CAPTION = "Measures as they are: signed or ratios, not yet biases."
CURVES_CAPTION = (
    "One line per trial, on tune, by the measures that the search used. Dotted: stages before the "
    "last; circle: the next stage begins; cross: stopped or failed; ring: the chosen candidate. "
    "Click a method to hide it, double-click to see it alone."
)
LOSSES_CAPTION = (
    "What the stages of the trials on the front report of their epochs, one picture per name: "
    "coloured by method as above, the chosen trial in bold."
)
NO_OPS_CAPTION = (
    "Trials whose reports show that a stage did nothing of what it is meant to do. Their networks "
    "are judged like any other; they only say nothing about the method."
)
PRICE_CAPTION = (
    "Best performance on tune of a candidate that could be chosen under another tolerance, the "
    "margin in proportion, with the thresholds that the search fitted. After report --tolerance "
    "they are fitted anew."
)
IMPORTANCE_CAPTION = (
    "How far the settings of the best quarter of a method's trials, by the hypervolume that each "
    "covers alone, are distributed otherwise than those of all (PED-ANOVA). Pale: no more than "
    "chance would show. A method that covers nothing, or has too few trials, is not shown."
)
HYPERVOLUME_CAPTION = (
    "Share of the box between the reference point (trivial performance, tolerance, nothing "
    "removed) and the ideal that the feasible candidates cover, of those that could be chosen, "
    "after each ended trial."
)
