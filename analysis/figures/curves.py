"""How trials and the search as a whole went on, as interactive figures."""

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from analysis.figures.front_html import base_layout
from analysis.notation import bias_words, performance_words
from analysis.palette import INK, METHOD_COLOURS, TOLERANCE, method_looks
from analysis.trials import hypervolume_by_trial

POINT_BUDGET = 40_000  # reports drawn at most, about 3 MB of report
ROWS = (("bias", 1), ("performance", 2))  # column of the frame -> row of the figure


def curves_figure(
    objective: Mapping[str, Any],
    trials: pd.DataFrame,
    reports: pd.DataFrame,
    chosen: str | None = None,
    epoch: int | None = None,
) -> go.Figure:
    """Bias and performance on tune by epoch, one line per trial, coloured by method.

    Stages before a method's last are dotted and a circle marks where the next one begins; a cross
    marks where a trial was stopped or failed. The trial named `chosen` is drawn in bold, with
    a ring at the `epoch` whose candidate was chosen. With more than POINT_BUDGET reports, each
    stage keeps its ends and every k-th epoch.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.05)
    thinned = thin(reports, POINT_BUDGET)
    ended = dict(zip(trials["trial"], trials["status"], strict=True))
    for method, look in method_looks(trials["method"]).items():
        part = thinned[thinned["method"] == method]
        for column, row in ROWS if len(part) else ():
            for trace in _method_traces(part, column, method, look.colour, ended):
                trace.update(showlegend=bool(trace.showlegend) and row == 1)
                figure.add_trace(trace, row=row, col=1)
    if chosen is not None:
        _chosen_trial(figure, reports[reports["trial"] == chosen], chosen, epoch)
    base_layout(figure, height=640)
    _axes(figure, objective, reports)
    return figure


def thin(reports: pd.DataFrame, budget: int) -> pd.DataFrame:
    """At most about `budget` rows: every k-th epoch and both ends of each stage of each trial."""
    step = math.ceil(len(reports) / budget)
    if step <= 1:
        return reports
    stages = reports.groupby(["trial", "stage"])["epoch"]
    place = stages.cumcount()
    ends = (place == 0) | (place == stages.transform("size") - 1)
    thinned: pd.DataFrame = reports[(place % step == 0) | ends]
    return thinned


def _method_traces(
    part: pd.DataFrame, column: str, method: str, colour: str, ended: dict[str, str]
) -> Iterator[go.Scatter]:
    """Lines of one method, stage by stage, then the marks of boundaries and early ends."""
    last = part["stage"].max()
    for stage, name in part.groupby("stage")["name"].first().items():
        dash = "solid" if stage == last else "dot"
        line = {"color": colour, "width": 1.1, "dash": dash}
        title = escape(method)
        yield _trace(_stage_lines(part, stage), column, method, mode="lines", line=line).update(
            name=title, showlegend=bool(stage == last), opacity=0.55, meta=escape(str(name))
        )
    starts = part[part["stage"] > part.groupby("trial")["stage"].transform("min")]
    starts = starts.groupby(["trial", "stage"], as_index=False).first()
    marker = {"symbol": "circle-open", "size": 5, "color": colour}
    yield _trace(starts, column, method, mode="markers", marker=marker)
    final = part.groupby("trial", as_index=False).last()
    cut = final[final["trial"].map(ended).isin(["stopped", "failed"])]
    marker = {"symbol": "x-thin", "size": 7, "line": {"color": colour, "width": 1.8}}
    texts = [f"{escape(t)}, {ended[t]}" for t in cut["trial"]]
    yield _trace(cut, column, method, mode="markers", marker=marker).update(text=texts)


def _stage_lines(part: pd.DataFrame, stage: Any) -> pd.DataFrame:
    """The reports of one stage as lines. Each trial begins with its last report of the stage
    before, so that its line goes on, and ends with an empty row, so that the next one is apart."""
    here = part[part["stage"] == stage]
    before = part[(part["stage"] < stage) & part["trial"].isin(here["trial"])]
    lead_in = before.groupby("trial", as_index=False).last()
    gaps = pd.DataFrame({"trial": here["trial"].unique()})
    columns = ["trial", "epoch", "bias", "performance"]
    pieces = [piece.reindex(columns=columns) for piece in (lead_in, here, gaps)]
    # Epochs rise within a trial, and the gap, whose epoch is NaN, comes last.
    lines: pd.DataFrame = pd.concat([p for p in pieces if not p.empty])
    return lines.sort_values(["trial", "epoch"])


def _trace(rows: pd.DataFrame, column: str, method: str, **style: Any) -> go.Scatter:
    return go.Scatter(
        x=_numbers(rows["epoch"], 0),
        y=_numbers(rows[column], 4),
        text=[escape(str(trial)) for trial in rows["trial"]],
        hovertemplate="%{text}, epoch %{x}: %{y:.3f}<extra>" + escape(method) + "</extra>",
        legendgroup=escape(method),
        showlegend=False,
        **style,
    )


def _numbers(values: pd.Series, digits: int) -> Sequence[float | None]:
    """Rounded values: four digits draw the same line as sixteen in a quarter of the file."""
    return [None if math.isnan(value) else round(float(value), digits) for value in values]


def _chosen_trial(figure: go.Figure, rows: pd.DataFrame, name: str, epoch: int | None) -> None:
    ring = {"symbol": "circle-open", "size": 13, "color": INK, "line": {"width": 2}}
    for column, row in ROWS:
        trace = _trace(rows, column, "chosen", mode="lines", line={"color": INK, "width": 2.5})
        trace.update(name=f"chosen: {escape(name)}", showlegend=row == 1)
        figure.add_trace(trace, row=row, col=1)
        there = rows[rows["epoch"] == epoch]
        figure.add_trace(
            _trace(there, column, "chosen", mode="markers", marker=ring), row=row, col=1
        )


def _axes(figure: go.Figure, objective: Mapping[str, Any], reports: pd.DataFrame) -> None:
    usual = float(reports["bias"].quantile(0.995)) if reports["bias"].notna().any() else 0.0
    top = 1.08 * max(usual, 1.5 * float(objective["tolerance"]))
    figure.update_yaxes(title=bias_words(objective), range=[0, top], row=1)
    figure.update_yaxes(title=performance_words(objective), range=_usual(reports), row=2)
    figure.update_xaxes(title="epoch, through all stages of the trial", row=2)
    tolerance = float(objective["tolerance"])
    figure.add_hline(
        y=tolerance,
        row=1,
        line={"color": TOLERANCE, "width": 1.2},
        annotation={
            "text": f"tolerance {tolerance:g}",
            "font": {"color": TOLERANCE, "size": 12},
        },
        annotation_position="top right",
    )


def _usual(reports: pd.DataFrame) -> list[float] | None:
    """Range of performance without the worst few reports, which would flatten the rest."""
    values = reports["performance"].dropna()
    if values.empty:
        return None
    low, high = float(values.quantile(0.05)), float(values.max())
    pad = 0.06 * max(high - low, 0.01)
    return [low - pad, high + pad]


def hypervolume_figure(
    trials: pd.DataFrame,
    reports: pd.DataFrame,
    reference: Sequence[float],
    ideal: Sequence[float],
    *,
    group_allowed: bool = False,
) -> go.Figure:
    """Hypervolume of what could be chosen after each ended trial, as a staircase."""
    curve = hypervolume_by_trial(trials, reports, reference, ideal, group_allowed=group_allowed)
    figure = go.Figure(
        go.Scatter(
            x=list(range(1, len(curve) + 1)),
            y=_numbers(curve["hypervolume"], 5),
            mode="lines",
            line={"shape": "hv", "color": METHOD_COLOURS[0], "width": 2},
            fill="tozeroy",
            fillcolor="rgba(0,114,178,0.10)",
            text=[
                f"{escape(trial)}, {escape(method)}"
                for trial, method in zip(curve["trial"], curve["method"], strict=True)
            ],
            hovertemplate="after %{x} trials: %{y:.4f}<br>%{text}<extra></extra>",
        )
    )
    base_layout(figure, height=280)
    figure.update_xaxes(title="ended trials", rangemode="tozero")
    figure.update_yaxes(title="hypervolume", rangemode="tozero")
    return figure
