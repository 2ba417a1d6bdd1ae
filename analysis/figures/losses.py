"""What the trials on the front report of their epochs: one small picture per loss."""

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.figures.front_html import base_layout
from analysis.front_json import Front
from analysis.front_table import chosen_point, one_per_trial
from analysis.palette import INK, method_looks

POINT_BUDGET = 15_000  # values drawn at most, about 0.5 MB of report
MOST_TRIALS = 40  # more lines than these hide one another
IN_A_ROW = 3
ROW_HEIGHT = 190  # pixels


def losses_figure(front: Front, reports: pd.DataFrame, methods: Iterable[str]) -> go.Figure | None:
    """Each loss over the epochs, through all stages of the trial, one line per trial on the front.

    Lines are coloured as `methods`, all of the search, are elsewhere; the chosen trial is in bold.
    Of more than MOST_TRIALS an even choice is drawn. None where no such trial reports any loss.
    """
    shown = _shown_trials(front)
    part = reports[reports["trial"].isin(list(shown))]
    names = [
        name for name in part.columns if name.startswith("loss.") and part[name].notna().any()
    ]
    if not names:
        return None
    rows = math.ceil(len(names) / IN_A_ROW)
    figure = make_subplots(
        rows=rows,
        cols=IN_A_ROW,
        subplot_titles=[escape(name.removeprefix("loss.")) for name in names],
        vertical_spacing=0.28 / rows,
        horizontal_spacing=0.06,
    )
    step = math.ceil(int(part[names].notna().to_numpy().sum()) / POINT_BUDGET)
    looks, point = method_looks(methods), chosen_point(front)
    of_chosen = None if point is None else point["trial"]
    in_legend: set[str] = set()
    for trial, method in shown.items():
        of_trial = part[part["trial"] == trial]
        for place, name in enumerate(names):
            line = of_trial[["epoch", name]].dropna()
            if line.empty:
                continue
            bold = trial == of_chosen
            where = f"chosen: {trial}" if bold else method
            figure.add_trace(
                _line(line, trial, method, step).update(
                    name=escape(where),
                    legendgroup=escape(where),
                    showlegend=where not in in_legend,
                    opacity=1.0 if bold else 0.6,
                    line={
                        "color": INK if bold else looks[method].colour,
                        "width": 2.4 if bold else 1.1,
                    },
                ),
                row=place // IN_A_ROW + 1,
                col=place % IN_A_ROW + 1,
            )
            in_legend.add(where)
    base_layout(figure, height=90 + ROW_HEIGHT * rows)
    figure.update_layout(
        legend={"y": 1 + 30 / (ROW_HEIGHT * rows)}, margin={"t": 60, "b": 36, "l": 48}
    )
    figure.update_annotations(font={"size": 13, "color": INK})
    return figure


def _shown_trials(front: Front) -> Mapping[str, str]:
    """Trial -> method; the chosen one comes last, so that it lies on the others."""
    points = one_per_trial(front)
    even = {round(place * (len(points) - 1) / (MOST_TRIALS - 1)) for place in range(MOST_TRIALS)}
    kept = [
        point
        for place, point in enumerate(points)
        if len(points) <= MOST_TRIALS or point["chosen"] or place in even
    ]
    return {p["trial"]: p["method"] for p in sorted(kept, key=lambda p: p["chosen"])}


def _line(rows: pd.DataFrame, trial: str, method: str, step: int) -> go.Scatter:
    """Every `step`-th epoch, with both ends."""
    kept = [place for place in range(len(rows)) if place % step == 0 or place == len(rows) - 1]
    epochs, values = (rows.iloc[kept, column] for column in (0, 1))
    return go.Scatter(
        x=[int(epoch) for epoch in epochs],
        y=_rounded(values.tolist()),
        mode="lines" if len(kept) > 1 else "markers",
        marker={"size": 4},
        hovertemplate=f"{escape(trial)}, epoch %{{x}}: %{{y:.4g}}<extra>{escape(method)}</extra>",
    )


def _rounded(values: Sequence[float]) -> list[float]:
    """Four significant digits: a figure needs no more."""
    return [float(f"{value:.4g}") for value in values]
