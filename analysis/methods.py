"""Methods side by side: what each of them covers, reaches and adds."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from analysis.figures.front_html import base_layout
from analysis.hypervolume import hypervolume
from analysis.palette import METHOD_COLOURS, bias_words, method_order, performance_words
from analysis.pareto import non_dominated

ENDS = ("finished", "stopped", "failed")
METHOD_COLUMNS = (
    *("method", "needs_group", "trials", *ENDS, "charged", "candidates", "feasible"),
    *("hypervolume", "adds", "on_front", "best_performance", "its_bias", "its_sparsity"),
)


def candidates_of(
    trials: pd.DataFrame, reports: pd.DataFrame, *, group_allowed: bool = True
) -> pd.DataFrame:
    """The reports of candidates that may enter a front: kept, better than the trivial classifier,
    of trials that neither were stopped nor failed (see `trials_frame`, `reports_frame`); without
    those that need the group unless it is allowed."""
    out = trials.loc[trials["status"].isin(["stopped", "failed"]), "trial"]
    kept = reports["candidate"].notna() & reports["beats_trivial"].eq(True)
    kept &= group_allowed | ~reports["needs_group"].eq(True)
    return reports[kept & ~reports["trial"].isin(out)]


def methods_compared(
    trials: pd.DataFrame,
    reports: pd.DataFrame,
    reference: ArrayLike,
    ideal: ArrayLike,
    *,
    group_allowed: bool = False,
) -> pd.DataFrame:
    """One row per method with METHOD_COLUMNS, the one that covers most first.

    `charged` is compute in samples; `feasible` counts candidates; `hypervolume` is what a method's
    feasible candidates cover alone, `adds` what the front of all methods would lose without them,
    `on_front` its points there, all three without candidates that need the group unless it is
    allowed; the last three are those of its best feasible candidate, whatever that needs.
    `needs_group` says whether some candidate of the method does.
    """
    axes = ["performance", "bias", "sparsity"][: len(np.asarray(reference))]
    candidates = candidates_of(trials, reports)
    feasible = candidates[candidates["feasible"].eq(True)]
    good = feasible[group_allowed | ~feasible["needs_group"].eq(True)]
    larger = [
        low < high for low, high in zip(np.asarray(reference), np.asarray(ideal), strict=True)
    ]
    on_front = good[non_dominated(good[axes].to_numpy(dtype=np.float64), larger)]
    together = hypervolume(good[axes].to_numpy(), reference, ideal)
    rows = []
    for method, tried in trials.groupby("method"):
        own, others = good[good["method"] == method], good[good["method"] != method]
        of_method = candidates["method"] == method
        kept = feasible[feasible["method"] == method]
        best = kept.sort_values("performance").iloc[-1:]
        rows.append(
            {
                "method": method,
                "needs_group": bool(candidates.loc[of_method, "needs_group"].eq(True).any()),
                "trials": len(tried),
                **{
                    end: (tried["status"] == end).sum()
                    for end in ("finished", "stopped", "failed")
                },
                "charged": tried["charged"].sum(),
                "candidates": of_method.sum(),
                "feasible": len(kept),
                "hypervolume": hypervolume(own[axes].to_numpy(), reference, ideal),
                "adds": together - hypervolume(others[axes].to_numpy(), reference, ideal),
                "on_front": (on_front["method"] == method).sum(),
                "best_performance": best["performance"].squeeze() if len(best) else np.nan,
                "its_bias": best["bias"].squeeze() if len(best) else np.nan,
                "its_sparsity": best["sparsity"].squeeze() if len(best) else np.nan,
            }
        )
    table = pd.DataFrame(rows, columns=list(METHOD_COLUMNS))
    return table.sort_values("hypervolume", ascending=False, ignore_index=True)


def attained(performance: ArrayLike, bias: ArrayLike, levels: ArrayLike) -> NDArray[np.float64]:
    """(levels,) the best performance of candidates (n,) whose bias is at most each of `levels`;
    NaN where there is none."""
    values, biases = np.asarray(performance, np.float64), np.asarray(bias, np.float64)
    allowed = biases[None, :] <= np.asarray(levels, np.float64)[:, None]
    reached = np.where(allowed & ~np.isnan(values), values, -np.inf).max(axis=1, initial=-np.inf)
    return np.asarray(np.where(np.isinf(reached), np.nan, reached))


def attained_by(
    runs: Sequence[tuple[ArrayLike, ArrayLike]], levels: ArrayLike, share: float = 0.5
) -> NDArray[np.float64]:
    """(levels,) the performance that at least `share` of `runs` reach at each level of bias.

    A run is its candidates' performance and bias. This is a surface of the empirical attainment
    function (Grunert da Fonseca, Fonseca and Hall, EMO 2001) in two objectives; a run that has
    nothing at a level reaches nothing there.
    """
    if not 0 < share <= 1 or not runs:
        raise ValueError(f"attained_by: share must lie in (0, 1] of some runs, got {share}")
    curves = np.array([attained(performance, bias, levels) for performance, bias in runs])
    falling = -np.sort(-np.where(np.isnan(curves), -np.inf, curves), axis=0)
    reached = falling[int(np.ceil(share * len(runs))) - 1]
    return np.asarray(np.where(np.isinf(reached), np.nan, reached))


def attainment_figure(
    trials: pd.DataFrame, reports: pd.DataFrame, objective: Mapping[str, object]
) -> go.Figure:
    """Per method a staircase: the best performance that it reaches at each bias or below, with
    networks that could be chosen."""
    allowed = bool(objective.get("group_at_prediction", False))
    candidates = candidates_of(trials, reports, group_allowed=allowed)
    figure = go.Figure()
    for method, place in method_order(candidates["method"]).items():
        own = candidates[candidates["method"] == method]
        levels = np.sort(own["bias"].dropna().unique())
        figure.add_scatter(
            x=levels,
            y=attained(own["performance"], own["bias"], levels),
            name=method,
            mode="lines",
            line={"shape": "hv", "color": METHOD_COLOURS[place % len(METHOD_COLOURS)]},
        )
    base_layout(figure, height=420)
    figure.update_xaxes(title=f"{bias_words(objective)} at most", rangemode="tozero")
    figure.update_yaxes(title=f"best {performance_words(objective)}")
    return figure
