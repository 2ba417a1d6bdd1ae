"""The front as a static figure (front.png)."""

from collections.abc import Sequence
from textwrap import fill
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation

from analysis.figures.chosen_mark import mark_chosen
from analysis.figures.placed_reference import in_legend, placed, shapes_of
from analysis.front_json import Front, FrontObjective, PointValues
from analysis.front_table import (
    ReferenceMark,
    bias_extent,
    chosen_point,
    drawable,
    interval_reach,
    is_confirmed,
    looks_on_front,
    method_label,
    place,
    reference_marks,
    shown_sparsities,
    tested,
    why_not_drawn,
)
from analysis.notation import bias_words, number, performance_words
from analysis.palette import (
    ALLOWED,
    GRID,
    INK,
    MUTED,
    PAPER,
    TOLERANCE,
    mark_size,
)

SIZES = (5.5, 11.0)  # points: of the smallest and the largest mark of a network
WIDTH, HEIGHT = 8.4, 5.2  # inches, with ROWS rows in the legend
ROWS, ROW = 2, 0.2  # inches of a further row
CHARACTER, MARK = 0.067, 0.55  # inches of the legend: of a letter, of a mark with its space
Side = Literal["left", "right"]
REFERENCE_MARKERS = ("X", "P", "*", "d")


def front_figure(front: Front, references: Sequence[ReferenceMark] = ()) -> Figure:
    """Bias against performance on tune; each method has its colour and its shape, and the fewer
    weights a network has the smaller is its mark.

    Filled points are feasible, hollow ones are not. The chosen point is ringed. Once the front is
    confirmed, each point is linked to its test values, the chosen one with its intervals.
    `references` are drawn beside the dense net. Where nothing can be drawn, the figure says why.
    The caller saves the figure; 200 dots per inch suit a README.
    """
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained", facecolor=PAPER)
    axes = figure.add_subplot()
    if (why := why_not_drawn(front, references)) is not None:
        _only_words(axes, f"{front['name']}: {why}")
        return figure
    marks = reference_marks(front, references)
    axes.set_xlim(0, bias_extent(front, marks))
    _style(axes, front)
    _allowed_region(axes, front["objective"])
    if is_confirmed(front):
        _test_values(axes, front)
    _points(axes, front)
    labels = _references(axes, marks)
    _room_for_labels(axes)
    _title(axes, front)
    _legend(figure, front, marks)
    figure.draw_without_rendering()  # settles the layout that the chosen label is placed in
    mark_chosen(axes, front, labels)
    return figure


def _only_words(axes: Axes, words: str) -> None:
    axes.set_axis_off()
    look: dict[str, Any] = {"ha": "center", "va": "center", "color": INK, "fontsize": 11}
    where = axes.transAxes
    axes.text(0.5, 0.5, fill(words, 70), transform=where, parse_math=False, **look)


def _style(axes: Axes, front: Front) -> None:
    objective = front["objective"]
    where = "" if is_confirmed(front) else " on tune"
    axes.set_xlabel(f"bias{where}: {bias_words(objective)} (0 is fair)", color=INK)
    axes.set_ylabel(f"{performance_words(objective)}{where}", color=INK)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=MUTED, labelsize=9, length=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GRID)


def _allowed_region(axes: Axes, objective: FrontObjective) -> None:
    tolerance, margin = objective["tolerance"], objective["margin"]
    axes.axvspan(0, tolerance, color=ALLOWED, alpha=0.07, linewidth=0)
    axes.axvline(tolerance, color=TOLERANCE, linewidth=1.2)
    _line_label(axes, tolerance, f"tolerance {tolerance:g}", TOLERANCE, side="left")
    if 0 < margin < tolerance:
        axes.axvline(tolerance - margin, color=ALLOWED, linewidth=0.9, linestyle=(0, (4, 3)))
        _line_label(axes, tolerance - margin, f"less margin {margin:g}", ALLOWED, side="right")


def _line_label(axes: Axes, x: float, text: str, colour: str, *, side: Side) -> None:
    """Writes `text` at the top of a vertical line; `side` is the edge that touches the line."""
    axes.annotate(
        text,
        (x, 0.985),
        xycoords=axes.get_xaxis_transform(),
        xytext=(4 if side == "left" else -4, 0),
        textcoords="offset points",
        ha=side,
        va="top",
        color=colour,
        fontsize=8.5,
    )


def _points(axes: Axes, front: Front) -> None:
    looks = looks_on_front(front)
    densest_first = sorted(drawable(front), key=lambda point: point["tune"]["sparsity"])
    for point in densest_first:  # so that small marks lie on large ones
        look = looks[point["method"]]
        axes.plot(
            *place(point["tune"]),
            marker=look.marker,
            markersize=mark_size(point["tune"]["sparsity"], *SIZES),
            markerfacecolor=look.colour if point["feasible"] else PAPER,
            markeredgecolor=PAPER if point["feasible"] else look.colour,
            markeredgewidth=0.7 if point["feasible"] else 1.5,
            linestyle="none",
            clip_on=False,
            zorder=4 if point["chosen"] else 3,
        )


def _test_values(axes: Axes, front: Front) -> None:
    looks = looks_on_front(front)
    for point, test in tested(front):
        chosen = bool(point["chosen"])
        colour, strength = (INK, 1.0) if chosen else (MUTED, 0.45)
        axes.plot(
            *zip(place(point["tune"]), place(test), strict=True),
            color=colour,
            alpha=strength,
            linewidth=1.1 if chosen else 0.8,
            zorder=2,
        )
        axes.errorbar(
            *place(test),
            xerr=_error(test, "bias") if chosen else None,
            yerr=_error(test, "performance") if chosen else None,
            fmt="o",
            markersize=4.5 if chosen else 3,
            color=colour,
            alpha=strength,
            # thick and in the method's colour: nobody shall take it for a line of the grid
            ecolor=looks[point["method"]].colour,
            elinewidth=2.4,
            capsize=5,
            capthick=2.4,
            zorder=2.5 if chosen else 2,
        )


def _error(
    values: PointValues, name: Literal["performance", "bias"]
) -> tuple[list[float], list[float]] | None:
    reach = interval_reach(values, name)
    return None if reach is None else ([reach[0]], [reach[1]])


def _references(axes: Axes, marks: Sequence[ReferenceMark]) -> list[Annotation]:
    """Draws the reference marks; returns their labels."""
    edge = axes.get_xlim()[1]
    labels = []
    for mark, shape in zip(marks, shapes_of(marks, REFERENCE_MARKERS), strict=True):
        drawn = placed(mark, edge)
        face = PAPER if drawn.hollow else INK
        axes.plot(drawn.x, drawn.y, shape, color=INK, markerfacecolor=face, markersize=9, zorder=3)
        if not drawn.beside:
            continue
        label = axes.annotate(
            f"{drawn.label}\n{drawn.beyond}" if drawn.beyond else drawn.label,
            (drawn.x, drawn.y),
            xytext=(-9 if drawn.label_on_left else 9, 0),
            textcoords="offset points",
            ha="right" if drawn.label_on_left else "left",
            va="center",
            color=INK,
            fontsize=8.5,
            parse_math=False,
        )
        labels.append(label)
    return labels


MARK = 0.004  # of performance, so that a mark at 1 is whole


def _room_for_labels(axes: Axes) -> None:
    """Above and below the marks, but hardly above 1: no performance is better than that."""
    low, high = axes.get_ylim()
    span = high - low
    axes.set_ylim(low - 0.06 * span, min(high + 0.12 * span, max(1.0, high - 0.05 * span) + MARK))


def _title(axes: Axes, front: Front) -> None:
    points = len(front["points"])
    if chosen_point(front) is None:
        finding = f"nothing feasible; the {points} closest candidates"
    else:
        finding = f"{points} points, hypervolume {number(front['hypervolume'])}"
    look: dict[str, Any] = {"color": INK, "fontsize": 11, "fontweight": "bold", "pad": 10}
    axes.set_title(f"{front['name']}: {finding}", loc="left", parse_math=False, **look)


def _legend(figure: Figure, front: Front, marks: Sequence[ReferenceMark]) -> None:
    points = drawable(front)
    handles = [
        _handle(
            method_label(front, method),
            marker=look.marker,
            markerfacecolor=look.colour,
            markeredgecolor=look.colour,
        )
        for method, look in looks_on_front(front).items()
    ]
    handles += [
        _handle(
            f"sparsity {sparsity:g}",
            marker="o",
            markerfacecolor="none",
            markersize=mark_size(sparsity, *SIZES),
        )
        for sparsity in shown_sparsities(front)
    ]
    if not all(point["feasible"] for point in points):
        handles.append(_handle("not feasible", marker="o", markerfacecolor=PAPER))
    if is_confirmed(front):
        handles.append(
            _handle("its value on test", marker="o", markerfacecolor=MUTED, markersize=3.5)
        )
    if chosen_point(front) is not None:
        ring = {"markerfacecolor": "none", "markersize": 11, "markeredgewidth": 1.5}
        handles.append(_handle("chosen", marker="o", **ring))
    entries = in_legend(marks, figure.axes[0].get_xlim()[1])
    for mark, shape, label in zip(
        marks, shapes_of(marks, REFERENCE_MARKERS), entries, strict=True
    ):
        if label is not None:
            face = PAPER if mark["needs_group"] else INK
            handles.append(_handle(label, marker=shape, markerfacecolor=face))
    if None in entries:
        handles.append(_handle("hollow: uses the group", marker="D", markerfacecolor=PAPER))
    longest = max(len(str(handle.get_label())) for handle in handles)
    columns = max(1, min(5, int(WIDTH / (MARK + CHARACTER * longest))))
    more = -(-len(handles) // columns) - ROWS
    figure.set_figheight(HEIGHT + ROW * max(more, 0))
    legend = figure.legend(
        handles=handles, loc="outside lower center", ncols=columns, frameon=False, fontsize=9
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _handle(label: str, **style: Any) -> Line2D:
    return Line2D([], [], linestyle="none", label=label, **{"markeredgecolor": MUTED, **style})
