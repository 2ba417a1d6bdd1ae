"""Importance of settings as a figure."""

from html import escape

import pandas as pd
import plotly.graph_objects as go

from analysis.interactive import base_layout
from analysis.palette import METHOD_COLOURS, method_order

PALE = 0.3  # opacity of what chance would show as well


def importance_figure(table: pd.DataFrame, target: str = "hypervolume") -> go.Figure:
    """One bar per setting, method by method, for one target of `importance_by_method`.

    A bar is pale where its divergence is no larger than chance's.
    """
    shown = table[table["target"] == target].iloc[::-1]  # plotly draws from below
    figure = go.Figure()
    for method, place in method_order(shown["method"]).items():
        part = shown[shown["method"] == method]
        real = part["divergence"] > part["chance"]
        figure.add_bar(
            x=part["importance"].round(4),
            y=[f"{escape(method)}  {escape(setting)}" for setting in part["setting"]],
            orientation="h",
            name=escape(method),
            marker={
                "color": METHOD_COLOURS[place % len(METHOD_COLOURS)],
                "opacity": [1.0 if one else PALE for one in real],
            },
            customdata=part[["divergence", "chance", "best", "trials"]].round(3),
            hovertemplate="%{y}: %{x:.2f}<br>divergence %{customdata[0]}, by chance up to "
            "%{customdata[1]}<br>%{customdata[2]} good of %{customdata[3]} trials<extra></extra>",
        )
    base_layout(figure, height=120 + 22 * len(shown))
    figure.update_xaxes(title=f"importance for {target} (shares of one method sum to 1)")
    return figure
