"""The front as an interactive figure, and the look that all interactive figures share."""

from collections.abc import Sequence
from html import escape
from typing import Any, Literal

import plotly.graph_objects as go

from analysis.figures.hover import point_details
from analysis.figures.placed_reference import placed, shapes_of
from analysis.front_json import Front, FrontObjective, FrontPoint, PointValues
from analysis.front_table import (
    ReferenceMark,
    bias_extent,
    chosen_point,
    drawable,
    interval_reach,
    looks_on_front,
    method_label,
    reference_marks,
    shown_sparsities,
    tested,
)
from analysis.notation import bias_words, number, performance_words
from analysis.palette import (
    ALLOWED,
    GRID,
    INK,
    MUTED,
    PAPER,
    TOLERANCE,
    Look,
    mark_size,
)
from analysis.words import chosen_label

SIZES = (8.0, 16.0)  # pixels: of the smallest and the largest mark of a network
ENTRY, AROUND = 22, 110  # pixels of an entry of a legend, of what is above and below it
REFERENCE_MARKERS = ("x", "cross", "star", "diamond-tall")
FONT = {"family": "system-ui, -apple-system, 'Segoe UI', sans-serif", "size": 13, "color": INK}
# For legends that may be long: below each other, right of the figure.
LEGEND_BESIDE = {"orientation": "v", "x": 1.01, "y": 0.98, "yanchor": "top", "tracegroupgap": 2}
AXIS = {"gridcolor": GRID, "zeroline": False, "tickfont": {"color": MUTED}, "automargin": True}


def interactive_front(front: Front, references: Sequence[ReferenceMark] = ()) -> go.Figure:
    """The front with details of every point on hover; marks as in `front_png.front_figure`."""
    marks = reference_marks(front, references)
    edge = bias_extent(front, marks)
    figure = go.Figure()
    figure.add_traces([*_links(front), *_test_values(front), *_points(front)])
    figure.add_traces([*_legend(front), *_chosen_ring(front), *_reference_traces(marks, edge)])
    objective = front["objective"]
    entries = sum(trace.showlegend is not False for trace in figure.data)
    base_layout(figure, height=legend_height(entries, least=520))
    figure.update_layout(legend=LEGEND_BESIDE)
    figure.update_xaxes(title=f"bias: {bias_words(objective)} (0 is fair)", range=[0, edge])
    figure.update_yaxes(title=performance_words(objective))
    _allowed_region(figure, objective)
    return figure


def base_layout(figure: go.Figure, height: int) -> None:
    """The look that all figures of the report share."""
    figure.update_layout(
        template="none",
        height=height,
        font=FONT,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 64, "r": 16, "t": 16, "b": 56},
        hoverlabel={"bgcolor": PAPER, "bordercolor": MUTED, "font": FONT, "align": "left"},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.01, "x": 0},
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": MUTED, "activecolor": INK},
    )
    figure.update_xaxes(**AXIS)
    figure.update_yaxes(**AXIS)


def legend_height(entries: int, least: int) -> int:
    """Height in pixels, at least `least`, of a figure with so many entries in LEGEND_BESIDE."""
    return max(least, AROUND + ENTRY * entries)


def _allowed_region(figure: go.Figure, objective: FrontObjective) -> None:
    tolerance, margin = objective["tolerance"], objective["margin"]
    figure.add_vrect(x0=0, x1=tolerance, fillcolor=ALLOWED, opacity=0.07, line_width=0)
    _labelled_line(figure, tolerance, f"tolerance {tolerance:g}", TOLERANCE, side="right")
    if 0 < margin < tolerance:
        label = f"less margin {margin:g}"
        _labelled_line(figure, tolerance - margin, label, ALLOWED, side="left", dash="dash")


def _labelled_line(
    figure: go.Figure, x: float, label: str, colour: str, *, side: str, dash: str = "solid"
) -> None:
    """A vertical line with its label on one side of it."""
    figure.add_vline(
        x=x,
        line={"color": colour, "width": 1.2, "dash": dash},
        annotation={"text": label, "font": {"color": colour, "size": 12}, "showarrow": False},
        annotation_position=f"top {side}",
    )


def _points(front: Front) -> list[go.Scatter]:
    """One trace per method and feasibility, so that the legend switches them."""
    points = sorted(drawable(front), key=lambda point: bool(point["chosen"]))  # drawn on top
    traces = []
    for method, look in looks_on_front(front).items():
        for feasible in (True, False):
            alike = [p for p in points if p["method"] == method and p["feasible"] == feasible]
            if alike:
                traces.append(_point_trace(front, alike, look, feasible=feasible))
    # The method of the chosen point comes last, so that no other trace hides that point.
    return sorted(traces, key=lambda trace: trace.legendgroup == escape(points[-1]["method"]))


def _legend(front: Front) -> list[go.Scatter]:
    """Legend entries: the methods, all in one size, then what sizes and hollow marks mean."""
    entries = [
        (method_label(front, method), method, look.symbol, look.colour, 10.0)
        for method, look in looks_on_front(front).items()
    ]
    entries += [
        (f"sparsity {sparsity:g}", "", "circle-open", MUTED, mark_size(sparsity, *SIZES))
        for sparsity in shown_sparsities(front)
    ]
    if not all(point["feasible"] for point in drawable(front)):
        entries.append(("not feasible (hollow)", "", "circle-open", MUTED, 10.0))
    return [
        go.Scatter(
            x=[None],
            y=[None],
            mode="markers",
            name=escape(name),
            legendgroup=escape(group),
            marker={"symbol": symbol, "size": size, "color": colour},
        )
        for name, group, symbol, colour, size in entries
    ]


def _point_trace(
    front: Front, points: Sequence[FrontPoint], look: Look, *, feasible: bool
) -> go.Scatter:
    return go.Scatter(
        x=[point["tune"]["bias"] for point in points],
        y=[point["tune"]["performance"] for point in points],
        mode="markers",
        showlegend=False,
        legendgroup=escape(points[0]["method"]),
        hovertext=[point_details(front, point) for point in points],
        hoverinfo="text",
        cliponaxis=False,  # a bias of 0 lies on the edge
        marker={
            "symbol": look.symbol if feasible else f"{look.symbol}-open",
            "size": [mark_size(point["tune"]["sparsity"], *SIZES) for point in points],
            "color": look.colour,
            "opacity": 1.0,  # where sizes differ, plotly's own is 0.7
            "line": {"width": 1 if feasible else 2, "color": PAPER if feasible else None},
        },
    )


def _links(front: Front) -> list[go.Scatter]:
    """Thin lines from each point to its test value."""
    x: list[float | None] = []
    y: list[float | None] = []
    for point, test in tested(front):
        for values in (point["tune"], test):
            x.append(values["bias"])
            y.append(values["performance"])
        x.append(None)  # where a line ends
        y.append(None)
    if not x:
        return []
    line = {"color": MUTED, "width": 1}
    hidden = {"showlegend": False, "legendgroup": "test", "hoverinfo": "skip", "opacity": 0.5}
    return [go.Scatter(x=x, y=y, mode="lines", line=line, **hidden)]


def _test_values(front: Front) -> list[go.Scatter]:
    """Small marks at the test values. Only the chosen one has its intervals, so that the figure
    stays readable: the table and the hover texts have them all."""
    others = [(point, test) for point, test in tested(front) if not point["chosen"]]
    traces = []
    if others:
        traces.append(_test_trace(front, others, "value on test", MUTED))
    for point, test in tested(front):
        if point["chosen"]:
            colour = looks_on_front(front)[point["method"]].colour
            name = "chosen, on test, with its intervals"
            trace = _test_trace(front, [(point, test)], name, INK)
            errors = {
                "error_x": _error(test, "bias", colour),
                "error_y": _error(test, "performance", colour),
            }
            traces.append(trace.update(**errors))
    return traces


def _test_trace(
    front: Front, points: Sequence[tuple[FrontPoint, PointValues]], name: str, colour: str
) -> go.Scatter:
    return go.Scatter(
        x=[test["bias"] for _, test in points],
        y=[test["performance"] for _, test in points],
        mode="markers",
        name=name,
        legendgroup="test" if colour == MUTED else "chosen",
        legendrank=1200 if colour == MUTED else 1150,
        hovertext=[point_details(front, point) for point, _ in points],
        hoverinfo="text",
        marker={"size": 5 if colour == MUTED else 7, "color": colour},
    )


def _error(
    values: PointValues, name: Literal["performance", "bias"], colour: str
) -> dict[str, Any]:
    """In colour and thick, so that nobody takes it for a line of the grid or an axis."""
    reach = interval_reach(values, name)
    if reach is None:
        return {"visible": False}
    below, above = reach
    return {
        "type": "data",
        "array": [above],
        "arrayminus": [below],
        "color": colour,
        "thickness": 3,
        "width": 8,
    }


def _chosen_ring(front: Front) -> list[go.Scatter]:
    point = chosen_point(front)
    if point is None:
        return []
    return [
        go.Scatter(
            x=[point["tune"]["bias"]],
            y=[point["tune"]["performance"]],
            mode="markers",
            name=escape(chosen_label(point)),
            legendgroup="chosen",
            legendrank=1100,
            hoverinfo="skip",
            marker={
                "symbol": "circle-open",
                "size": 22,
                "color": INK,
                "line": {"width": 2, "color": INK},
            },
        )
    ]


def _reference_traces(marks: Sequence[ReferenceMark], edge: float) -> list[go.Scatter]:
    return [
        _reference(mark, shape, edge)
        for mark, shape in zip(marks, shapes_of(marks, REFERENCE_MARKERS), strict=True)
    ]


def _reference(mark: ReferenceMark, shape: str, edge: float) -> go.Scatter:
    drawn = placed(mark, edge)
    label = escape(drawn.label)
    text = f"{label}<br>{drawn.beyond}" if drawn.beyond else label
    details = (
        f"<b>{label}</b><br>performance {number(mark['performance'])}<br>"
        f"bias {number(mark['bias'])}<br>sparsity {number(mark['sparsity'])}"
    )
    return go.Scatter(
        x=[drawn.x],
        y=[drawn.y],
        mode="markers+text" if drawn.beside else "markers",
        name=label,
        legendrank=1300,
        text=[f"{text}  " if drawn.label_on_left else f"  {text}"],
        textposition="middle left" if drawn.label_on_left else "middle right",
        textfont={"size": 12, "color": INK},
        hovertext=[details],
        hoverinfo="text",
        showlegend=not drawn.beside,
        marker={"symbol": f"{shape}-open" if drawn.hollow else shape, "size": 11, "color": INK},
    )
