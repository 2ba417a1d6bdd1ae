"""The price of fairness: what performance is left as the tolerance gets tighter."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from analysis.figures.front_html import base_layout
from analysis.notation import bias_words, performance_words
from analysis.palette import INK, METHOD_COLOURS, MUTED, TOLERANCE
from analysis.trials import is_candidate

PRICE_COLUMNS = (
    "tolerance",
    "margin",  # keeps its share of the tolerance
    *("performance", "bias", "sparsity", "method", "candidate"),  # of the best feasible
)


def price_as_searched(
    reports: pd.DataFrame,
    tolerances: ArrayLike,
    margin_share: float,
    *,
    group_allowed: bool = False,
) -> pd.DataFrame:
    """PRICE_COLUMNS, one row per tolerance: the best candidate that is feasible under it, of those
    that could be chosen.

    Candidates are judged by the values that they were reported with: their thresholds were fitted
    for the tolerance of the search. To fit them anew for each tolerance, as
    `fairfront.price` does, takes minutes where a search has a thousand candidates. Feasible
    is a bias below the tolerance less `margin_share` of it, or an upper bound of the bias below
    the tolerance.
    """
    candidates = reports[is_candidate(reports, group_allowed=group_allowed)]
    rows = []
    for tolerance in np.asarray(tolerances, dtype=np.float64).tolist():
        margin = margin_share * tolerance
        below = candidates["bias"] < tolerance - margin
        good = candidates[below | (candidates["bias_upper"] < tolerance)]
        best = good.iloc[int(good["performance"].argmax())] if len(good) else {}
        values = {name: best.get(name) for name in PRICE_COLUMNS}
        rows.append({**values, "tolerance": tolerance, "margin": margin})
    frame = pd.DataFrame(rows, columns=list(PRICE_COLUMNS))
    return frame.astype(dict.fromkeys(("performance", "bias", "sparsity"), "float64"))


def tolerances_around(tolerance: float, count: int = 24) -> list[float]:
    """Tolerances from a fifth of the searched one to four times it, that one among them."""
    highest = min(4 * tolerance, 0.99)
    around = np.geomspace(tolerance / 5, highest, count)
    return sorted({*around.round(5).tolist(), tolerance})


def price_figure(
    price: pd.DataFrame, objective: Mapping[str, Any], dense: Sequence[float] | None = None
) -> go.Figure:
    """Best feasible performance by tolerance; `dense` is the dense net's (bias, performance)."""
    figure = go.Figure()
    figure.add_scatter(
        x=price["tolerance"],
        y=price["performance"],
        mode="lines+markers",
        line={"shape": "hv", "color": METHOD_COLOURS[0], "width": 2},
        marker={"size": 5},
        name="best feasible candidate",
        customdata=price[["bias", "sparsity"]].assign(
            method=[escape(str(m)) for m in price["method"]]
        ),
        hovertemplate="tolerance %{x:.3f}: %{y:.3f}<br>bias %{customdata[0]:.3f}, sparsity "
        "%{customdata[1]:.3f}<br>%{customdata[2]}<extra></extra>",
    )
    if dense is not None:
        figure.add_hline(
            y=dense[1],
            line={"color": MUTED, "dash": "dot", "width": 1.2},
            annotation={
                "text": f"dense net, bias {dense[0]:.3f}",
                "font": {"color": INK, "size": 12},
            },
            annotation_position="bottom right",
        )
    figure.add_vline(
        x=float(objective["tolerance"]),
        line={"color": TOLERANCE, "width": 1.2},
        annotation={"text": "searched", "font": {"color": TOLERANCE, "size": 12}},
        annotation_position="top right",
    )
    base_layout(figure, height=320)
    figure.update_xaxes(title=f"tolerance for {bias_words(objective)}", rangemode="tozero")
    figure.update_yaxes(title=f"best feasible {performance_words(objective)}")
    return figure
