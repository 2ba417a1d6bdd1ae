"""Searches side by side: hypervolume over compute, with the spread over their seeds."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from analysis.palette import GRID, INK, METHOD_COLOURS, MUTED, PAPER

SHARES = (0.25, 0.5, 0.75, 1.0)  # of the common compute, for the table
_LOOKS = tuple(product(("-", "--", ":"), METHOD_COLOURS))
_HEADROOM = 1.1  # of the highest curve
_LABEL_WIDTH = 110  # characters of the legend that fit beside each other
_LINE_HEIGHT = 0.19  # inches of a line of the legend


@dataclass(frozen=True)
class SearchCurve:
    """One search: its hypervolume whenever a trial has ended."""

    label: str  # searches with one label are repetitions of each other
    seed: int
    compute: NDArray[np.float64]  # (n,) samples processed by all trials so far; never falls
    tune: NDArray[np.float64]  # (n,) hypervolume of the front so far
    test: NDArray[np.float64]  # (n,) of the same points by their test values


def stepped(compute: ArrayLike, values: ArrayLike, grid: ArrayLike) -> NDArray[np.float64]:
    """The `values` (n,) reached at `compute` (n,) as a step function on `grid` (m,): what had been
    reached by then, 0 before the first."""
    steps = np.searchsorted(np.asarray(compute), np.asarray(grid), side="right")
    return np.concatenate([[0.0], np.asarray(values, dtype=np.float64)])[steps]


def common_compute(searches: Sequence[SearchCurve]) -> float:
    """The compute that every search has spent: beyond it they are not comparable."""
    return float(min(search.compute[-1] for search in searches))


def bands(searches: Sequence[SearchCurve], points: int = 200) -> pd.DataFrame:
    """One row per label and grid point up to the common compute: label, compute, and for each of
    tune and test the mean over seeds and its standard error (NaN for a single seed)."""
    grid = np.linspace(0.0, common_compute(searches), points)
    parts = []
    for label, group in _by_label(searches).items():
        columns: dict[str, object] = {"label": label, "compute": grid}
        for split in ("tune", "test"):
            table = _table(group, split, grid)
            columns[split] = table.mean(axis=0)
            columns[f"{split}_se"] = _standard_error(table)
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def differences(searches: Sequence[SearchCurve], level: float = 0.95) -> pd.DataFrame:
    """Test hypervolume of each label minus that of the first, paired by seed, at SHARES of the
    common compute: columns label, against, share, seeds, mean, low, high (Student's t).

    Raises ValueError where two labels have no two seeds in common.
    """
    groups = _by_label(searches)
    first, *others = groups
    grid = np.array(SHARES) * common_compute(searches)
    rows = []
    for label in others:
        pairs = _paired(groups[first], groups[label])
        if len(pairs) < 2:
            raise ValueError(f"differences: {first} and {label} must share two seeds or more")
        base, compared = zip(*pairs, strict=True)
        gaps = _table(compared, "test", grid) - _table(base, "test", grid)
        mean = gaps.mean(axis=0)
        half = student.ppf((1 + level) / 2, len(pairs) - 1) * _standard_error(gaps)
        for share, value, width in zip(SHARES, mean, half, strict=True):
            rows.append((label, first, share, len(pairs), value, value - width, value + width))
    columns = ["label", "against", "share", "seeds", "mean", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def over_compute_figure(searches: Sequence[SearchCurve], title: str = "") -> Figure:
    """Mean hypervolume over compute per label, with one standard error around it; each search as a
    thin line. Left by the values on tune that the search saw, right by those on test."""
    table = bands(searches)
    groups = _by_label(searches)
    labels = [textwrap.fill(label, _LABEL_WIDTH) for label in groups]
    lines = sum(label.count("\n") + 1 for label in labels)
    size = (9.6, 4.2 + _LINE_HEIGHT * lines)
    drawn = Figure(figsize=size, layout="constrained", facecolor=PAPER)
    for axes, split in zip(drawn.subplots(1, 2, sharey=True), ("tune", "test"), strict=True):
        of_label = table.groupby("label", sort=False)
        means = []
        for (style, colour), (label, rows) in zip(cycle(_LOOKS), of_label, strict=False):
            for search in groups[str(label)]:
                steps = (search.compute, getattr(search, split))
                axes.step(*steps, where="post", color=colour, alpha=0.25, linewidth=0.8)
            means.append(_band(axes, rows, split, color=colour, linestyle=style))
        axes.set_xlim(0, common_compute(searches))
        axes.set_ylim(0, _HEADROOM * _highest(searches, table))
        axes.xaxis.set_major_formatter(EngFormatter())
        axes.set_title(f"by {split}", color=INK, fontsize=10, loc="left")
        axes.set_xlabel("samples processed by all trials", color=INK)
        axes.grid(color=GRID, linewidth=0.8)
        axes.tick_params(colors=MUTED, labelsize=9, length=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(GRID)
    drawn.axes[0].set_ylabel("hypervolume of the front", color=INK)
    # Outside: it may be as long as the settings that the runs differ in.
    drawn.legend(means, labels, loc="outside lower left", frameon=False, fontsize=9)
    if title:
        drawn.suptitle(title, color=INK, fontsize=11)
    return drawn


def _band(axes: Axes, rows: pd.DataFrame, split: str, *, color: str, linestyle: str) -> Line2D:
    """Draws the mean of a label with its standard error; returns the line of the mean."""
    compute, mean, error = rows["compute"], rows[split], rows[f"{split}_se"]
    axes.fill_between(compute, mean - error, mean + error, color=color, alpha=0.2, linewidth=0)
    # Not clipped: a curve at 0 lies on the edge of the axes.
    look: dict[str, Any] = {"color": color, "linestyle": linestyle, "linewidth": 2}
    return axes.plot(compute, mean, clip_on=False, zorder=3, **look)[0]


def _highest(searches: Sequence[SearchCurve], table: pd.DataFrame) -> float:
    """The largest value that is drawn, of curves and bands; 1 where all of them are 0."""
    tops = [(table[split] + table[f"{split}_se"].fillna(0)).max() for split in ("tune", "test")]
    shown = common_compute(searches)
    for search in searches:
        within = search.compute <= shown
        tops += [values[within].max(initial=0.0) for values in (search.tune, search.test)]
    return float(max(tops)) or 1.0


def _by_label(searches: Sequence[SearchCurve]) -> Mapping[str, list[SearchCurve]]:
    groups: dict[str, list[SearchCurve]] = {}
    for search in searches:
        groups.setdefault(search.label, []).append(search)
    return groups


def _table(
    group: Sequence[SearchCurve], split: str, grid: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Hypervolume (searches, m) of a group by the values on one split."""
    return np.array([stepped(search.compute, getattr(search, split), grid) for search in group])


def _standard_error(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """That of the mean over the rows of `table` (n, m); NaN where there is but one."""
    if len(table) < 2:
        return np.full(table.shape[1], np.nan)
    return np.asarray(table.std(axis=0, ddof=1) / np.sqrt(len(table)))


def _paired(
    first: Sequence[SearchCurve], second: Sequence[SearchCurve]
) -> list[tuple[SearchCurve, SearchCurve]]:
    by_seed = {search.seed: search for search in first}
    return [(by_seed[search.seed], search) for search in second if search.seed in by_seed]
