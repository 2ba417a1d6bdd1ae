"""Where a reference mark is drawn and what is written beside it, in both kinds of figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.front_table import ReferenceMark, of_dense, place
from analysis.notation import number

AT_THE_EDGE = 0.985  # of the bias axis: where a mark beyond it is drawn
TURN = 0.6  # of the bias axis: labels of marks further right stand on their left


@dataclass(frozen=True)
class PlacedReference:
    """A reference mark in a figure. One beyond the edge is drawn at the edge, with its value and
    an arrow."""

    x: float
    y: float
    label: str
    beyond: str  # its bias where it lies beyond the edge, else empty
    label_on_left: bool
    beside: bool  # whether the label stands beside the mark; models' crowd, and stay in the legend
    hollow: bool  # it uses the group


def placed(mark: ReferenceMark, edge: float) -> PlacedReference:
    """A mark in a figure whose bias axis ends at `edge`."""
    bias, performance = place(mark)
    outside = bias > edge
    x = AT_THE_EDGE * edge if outside else bias
    return PlacedReference(
        x=x,
        y=performance,
        label=f"{mark['label']} (uses the group)" if mark["needs_group"] else mark["label"],
        beyond=f"bias {number(bias)} \N{RIGHTWARDS ARROW}" if outside else "",
        label_on_left=x > TURN * edge,
        beside=of_dense(mark["label"]),
        hollow=mark["needs_group"],
    )


def shapes_of(marks: Sequence[ReferenceMark], shapes: Sequence[str]) -> list[str]:
    """The shape of each mark, one for each network: how it decides is said by hollow and full."""
    order = list(dict.fromkeys(_network(mark) for mark in marks))
    return [shapes[order.index(_network(mark)) % len(shapes)] for mark in marks]


def in_legend(marks: Sequence[ReferenceMark], edge: float) -> list[str | None]:
    """What the legend says of each mark; None of a model that uses the group, whose hollow mark
    has the shape of its full one."""
    full = {_network(mark) for mark in marks if not mark["needs_group"]}
    entries: list[str | None] = []
    for mark in marks:
        drawn = placed(mark, edge)
        beyond = f" ({drawn.beyond})" if drawn.beyond and not drawn.beside else ""
        known = drawn.hollow and not drawn.beside and _network(mark) in full
        entries.append(None if known else f"{mark['label']}{beyond}")
    return entries


def _network(mark: ReferenceMark) -> str:
    return mark["label"].partition(",")[0]
