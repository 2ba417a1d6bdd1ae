"""Methods side by side: what each of them covers, reaches and adds."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray
from plotly.subplots import make_subplots

from analysis.figures.front_html import LEGEND_BESIDE, base_layout, legend_height
from analysis.front_table import allows_group
from analysis.hypervolume import hypervolume
from analysis.notation import bias_words, performance_words
from analysis.palette import INK, method_looks
from analysis.pareto import non_dominated
from analysis.trials import box_axes, hypervolume_by_trial, is_candidate, is_feasible

ALL_METHODS = "all methods"
ENDS = ("finished", "stopped", "failed")
METHOD_COLUMNS = (
    "method",
    "needs_group",  # whether some candidate of it needs the group at prediction time
    "trials",  # how many there are
    *ENDS,  # how many of them ended so
    "charged",  # samples that the epochs of its trials take
    "candidates",  # how many there are, see `is_candidate`
    "feasible",  # how many of them are feasible
    "hypervolume",  # share of the box that its feasible candidates cover alone
    "adds",  # what the front of all methods would lose without them
    "adds_share",  # the same as a share of what that front covers; 0 where it covers nothing
    "on_front",  # how many of them are on that front
    "best_performance",  # of its best feasible candidate, whatever that needs
    "its_bias",
    "its_sparsity",
)


def methods_compared(
    trials: pd.DataFrame,
    reports: pd.DataFrame,
    reference: ArrayLike,
    ideal: ArrayLike,
    *,
    group_allowed: bool = False,
) -> pd.DataFrame:
    """One row per method with METHOD_COLUMNS, the one that covers most first.

    In `hypervolume`, `adds` and `on_front`, candidates that need the group count only where it is
    allowed.
    """
    axes = box_axes(reference)
    candidates, feasible = reports[is_candidate(reports)], reports[is_feasible(reports)]
    could_be_chosen = reports[is_feasible(reports, group_allowed=group_allowed)]
    box = zip(np.asarray(reference), np.asarray(ideal), strict=True)
    larger_is_better = [low < high for low, high in box]
    points = could_be_chosen[axes].to_numpy(dtype=np.float64)
    on_front = could_be_chosen[non_dominated(points, larger_is_better)]
    together = hypervolume(points, reference, ideal)
    rows = []
    for method, tried in trials.groupby("method"):
        own, of_method = candidates["method"] == method, could_be_chosen["method"] == method
        feasible_own = feasible[feasible["method"] == method]
        adds = together - hypervolume(points[~of_method], reference, ideal)
        best = feasible_own.sort_values("performance").iloc[-1:]
        rows.append(
            {
                "method": method,
                "needs_group": bool(candidates.loc[own, "needs_group"].eq(True).any()),
                "trials": len(tried),
                **{end: (tried["status"] == end).sum() for end in ENDS},
                "charged": tried["charged"].sum(),
                "candidates": own.sum(),
                "feasible": len(feasible_own),
                "hypervolume": hypervolume(points[of_method], reference, ideal),
                "adds": adds,
                "adds_share": adds / together if together else 0.0,
                "on_front": (on_front["method"] == method).sum(),
                "best_performance": best["performance"].squeeze() if len(best) else np.nan,
                "its_bias": best["bias"].squeeze() if len(best) else np.nan,
                "its_sparsity": best["sparsity"].squeeze() if len(best) else np.nan,
            }
        )
    table = pd.DataFrame(rows, columns=list(METHOD_COLUMNS))
    return table.sort_values("hypervolume", ascending=False, ignore_index=True)


def hypervolume_by_method(
    trials: pd.DataFrame,
    reports: pd.DataFrame,
    reference: ArrayLike,
    ideal: ArrayLike,
    *,
    group_allowed: bool = False,
) -> pd.DataFrame:
    """Hypervolume of each method's own candidates over the samples of its own trials: after each
    ended trial a row with method, trial, charged, hypervolume.

    Candidates that need the group count only where it is allowed.
    """
    curves = [
        hypervolume_by_trial(
            tried,
            reports[reports["method"] == method],
            reference,
            ideal,
            group_allowed=group_allowed,
        )
        for method, tried in trials.groupby("method")
    ]
    columns = ["method", "trial", "charged", "hypervolume"]
    return pd.concat(curves, ignore_index=True)[columns]


def attained(performance: ArrayLike, bias: ArrayLike, levels: ArrayLike) -> NDArray[np.float64]:
    """(levels,) the best performance of candidates (n,) whose bias is at most each of `levels`;
    NaN where there is none."""
    values, biases = np.asarray(performance, np.float64), np.asarray(bias, np.float64)
    allowed = biases[None, :] <= np.asarray(levels, np.float64)[:, None]
    reached = np.where(allowed & ~np.isnan(values), values, -np.inf).max(axis=1, initial=-np.inf)
    return np.asarray(np.where(np.isinf(reached), np.nan, reached))


def attainment_figure(reports: pd.DataFrame, objective: Mapping[str, object]) -> go.Figure:
    """Per method a staircase: the best performance that it reaches at each bias or below, with
    networks that could be chosen."""
    candidates = reports[is_candidate(reports, group_allowed=allows_group(objective))]
    figure = go.Figure()
    looks = method_looks(reports["method"].dropna())
    for method in sorted(candidates["method"].unique()):
        own = candidates[candidates["method"] == method]
        levels = np.sort(own["bias"].dropna().unique())
        figure.add_scatter(
            x=levels,
            y=attained(own["performance"], own["bias"], levels),
            name=method,
            mode="lines",
            line={"shape": "hv", "color": looks[method].colour},
        )
    base_layout(figure, height=420)
    figure.update_xaxes(title=f"{bias_words(objective)} at most", rangemode="tozero")
    figure.update_yaxes(title=f"best {performance_words(objective)}")
    return figure


def methods_over_compute_figure(
    trials: pd.DataFrame,
    reports: pd.DataFrame,
    reference: Sequence[float],
    ideal: Sequence[float],
    *,
    group_allowed: bool = False,
) -> go.Figure:
    """Per method a staircase: the hypervolume of its own candidates over the samples of its own
    trials; in black that of all of them together.

    A panel for performance and bias alone, which networks with all of their weights cover too, and
    one with sparsity where the box has it. What covers nothing, or trains nothing, has no line.
    """
    looks = method_looks(trials["method"])
    axes = range(2, len(reference) + 1)
    figure = make_subplots(cols=len(axes), horizontal_spacing=0.07)
    for column, count in enumerate(axes, start=1):
        box = {"reference": reference[:count], "ideal": ideal[:count]}
        own = hypervolume_by_method(trials, reports, **box, group_allowed=group_allowed)
        together = hypervolume_by_trial(trials, reports, **box, group_allowed=group_allowed)
        for method, curve in own.groupby("method"):
            if curve["hypervolume"].any() and curve["charged"].any():
                look = looks[str(method)]
                trace = _staircase(str(method), curve, color=look.colour, width=1.5)
                marker = {"symbol": look.symbol, "size": 8, "color": look.colour}
                trace.update(mode="lines+markers", marker=marker)
                figure.add_trace(trace, row=1, col=column)
        figure.add_trace(
            _staircase(ALL_METHODS, together, color=INK, width=2.5), row=1, col=column
        )
        title = "performance and bias" if count == 2 else "performance, bias and sparsity"
        figure.update_yaxes(title=f"hypervolume: {title}", rangemode="tozero", col=column)
    _once_in_legend(figure)
    shown = sum(trace.showlegend is not False for trace in figure.data)
    base_layout(figure, height=legend_height(shown, least=420))
    figure.update_layout(legend=LEGEND_BESIDE)
    figure.update_xaxes(title="samples charged, logarithmic", type="log", exponentformat="SI")
    return figure


def _staircase(name: str, curve: pd.DataFrame, *, color: str, width: float) -> go.Scatter:
    reached = curve[curve["charged"] > 0]  # the axis is logarithmic
    return go.Scatter(
        x=reached["charged"].tolist(),
        y=reached["hypervolume"].round(5).tolist(),
        name=escape(name),
        legendgroup=escape(name),
        mode="lines",
        line={"shape": "hv", "color": color, "width": width},
        text=[escape(str(trial)) for trial in reached["trial"]],
        hovertemplate="after %{x:.3s} samples: %{y:.4f}<br>%{text}<extra>%{fullData.name}</extra>",
    )


def _once_in_legend(figure: go.Figure) -> None:
    """Names each method once, though it has a line in several panels."""
    named: set[str] = set()
    for trace in figure.data:
        trace.showlegend = trace.name not in named
        named.add(trace.name)
