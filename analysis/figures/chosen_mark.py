"""The chosen point in the static figure: its ring, and a label that hides no other point."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation
from numpy.typing import NDArray

from analysis.front_json import Front, FrontPoint
from analysis.front_table import chosen_point, drawable, interval_reach, is_drawable, place
from analysis.palette import INK, PAPER
from analysis.words import chosen_label

LABEL_OFFSETS = (
    *((14, 12), (14, -12), (-14, 12), (-14, -12)),
    *((14, 26), (14, -26), (14, 46), (14, -46)),
)  # points


def mark_chosen(axes: Axes, front: Front, labels: Sequence[Annotation] = ()) -> None:
    """Rings the chosen point and labels it where its label hides the least: points, its value on
    test, and the `labels` that are there already; needs a settled layout."""
    point = chosen_point(front)
    if point is None:
        return
    where = place(point["tune"])
    axes.plot(*where, "o", markersize=14, markerfacecolor="none", markeredgecolor=INK, zorder=5)
    taken = _taken(front, point)
    crowds = []
    for offset in LABEL_OFFSETS:
        label = _chosen_text(axes, chosen_label(point), where, offset)
        crowds.append(_covered(axes, label, taken) + len(taken) * _overlaps(label, labels))
        label.remove()
    best = LABEL_OFFSETS[int(np.argmin(crowds))]
    _chosen_text(axes, chosen_label(point), where, best)


def _overlaps(label: Annotation, others: Sequence[Annotation]) -> int:
    """How many of the other labels a label would lie on, which is worse than on any point."""
    box = label.get_window_extent().padded(2)
    return sum(box.overlaps(other.get_window_extent()) for other in others)


def _taken(front: Front, chosen: FrontPoint) -> NDArray[np.float64]:
    """Places (n, 2) that the chosen point's label should not hide: other points, and its own test
    value with its intervals."""
    places = [place(point["tune"]) for point in drawable(front) if point is not chosen]
    test = chosen["test"]
    if test is not None and is_drawable(test):
        x, y = place(test)
        places.append((x, y))
        below, above = interval_reach(test, "bias") or (0.0, 0.0)
        places += [(float(at), y) for at in np.linspace(x - below, x + above, 24)]
        below, above = interval_reach(test, "performance") or (0.0, 0.0)
        places += [(x, float(at)) for at in np.linspace(y - below, y + above, 24)]
    return np.array(places).reshape(-1, 2)


def _chosen_text(
    axes: Axes, text: str, place: tuple[float, float], offset: tuple[float, float]
) -> Annotation:
    return axes.annotate(
        text,
        place,
        xytext=offset,
        textcoords="offset points",
        ha="left" if offset[0] > 0 else "right",
        va="center",
        fontsize=9,
        fontweight="bold",
        color=INK,
        zorder=6,
        parse_math=False,
        bbox={"boxstyle": "round,pad=0.2", "facecolor": PAPER, "edgecolor": "none", "alpha": 0.75},
    )


def _covered(axes: Axes, label: Annotation, taken: NDArray[np.float64]) -> float:
    """How many of the places (n, 2) a label would hide; leaving the axes is worse than any."""
    box = label.get_window_extent().padded(6)
    inside = [box.contains(x, y) for x, y in axes.transData.transform(taken.reshape(-1, 2))]
    frame = axes.get_window_extent()
    outside = box.x0 < frame.x0 or box.x1 > frame.x1 or box.y0 < frame.y0 or box.y1 > frame.y1
    return float(sum(inside) + len(taken) * outside)
