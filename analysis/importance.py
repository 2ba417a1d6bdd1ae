"""Which settings decided how trials ended: PED-ANOVA.

Watanabe, Bansal and Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in
Arbitrary Subspaces" (IJCAI 2023, arXiv:2304.10255): how far the settings of the best trials are
distributed otherwise than those of all, as a Pearson divergence of densities on a grid, one
setting at a time. Deviations: numbers are compared by their ranks among all trials, so that no
scale has to be known; and each setting comes with the divergence that as many trials drawn at
random would show, since with few trials every setting looks important.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from analysis.figures.front_html import base_layout
from analysis.hypervolume import hypervolume
from analysis.palette import method_looks
from analysis.trials import box_axes, is_feasible

TARGETS = ("hypervolume", "performance", "bias", "feasible")
COLUMNS = ("method", "target", "setting", "importance", "divergence", "chance", "trials", "best")

PALE = 0.3  # opacity of what chance would show as well

_GRID = 50  # places at which densities are compared, as in the authors' code
_DRAWS = 200  # random subsets of the trials, which show what chance does
_LEVEL = 0.95  # quantile of their divergences up to which a divergence may be chance
_LEAST = 5  # good trials, and others: of fewer a density says nothing


def importance_by_method(
    trials: pd.DataFrame,
    reports: pd.DataFrame,
    reference: ArrayLike,
    ideal: ArrayLike,
    *,
    quantile: float = 0.25,
    targets: Sequence[str] = TARGETS,
) -> pd.DataFrame:
    """Importance of each setting of each method for each of `targets`, with COLUMNS.

    The good trials of a method are its best `quantile`; for the target `feasible`, those that are
    feasible. Left out are targets with fewer than five good trials or five others: they say
    nothing yet.
    """
    outcomes = outcomes_frame(trials, reports, reference, ideal)
    settings = settings_frame(trials).set_index(trials["trial"])
    tables = []
    for method, of_method in outcomes.groupby("method"):
        for target in targets:
            good = best_of(of_method[target], quantile, lower=target == "bias")
            if min(good.sum(), (~good).sum()) < _LEAST:
                continue
            tried = settings.loc[of_method["trial"]].dropna(axis="columns", how="all")
            facts = {"method": method, "target": target, "trials": good.size, "best": good.sum()}
            tables.append(importance(tried, good).assign(**facts))
    tables = [table for table in tables if len(table)]
    if not tables:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(tables, ignore_index=True)[list(COLUMNS)]


def importance_figure(
    table: pd.DataFrame, target: str = "hypervolume", methods: Iterable[str] = ()
) -> go.Figure:
    """One bar per setting, method by method, for one target of `importance_by_method`; `methods`
    are those of the search, so that colours are as in its other figures.

    A bar is pale where its divergence is no larger than chance's.
    """
    shown = table[table["target"] == target].iloc[::-1]  # plotly draws from below
    figure = go.Figure()
    for method, look in method_looks([*methods, *shown["method"]]).items():
        part = shown[shown["method"] == method]
        if part.empty:
            continue
        real = part["divergence"] > part["chance"]
        figure.add_bar(
            x=part["importance"].round(4),
            y=[f"{escape(method)}  {escape(setting)}" for setting in part["setting"]],
            orientation="h",
            name=escape(method),
            marker={
                "color": look.colour,
                "opacity": [1.0 if is_real else PALE for is_real in real],
            },
            customdata=part[["divergence", "chance", "best", "trials"]].round(3),
            hovertemplate="%{y}: %{x:.2f}<br>divergence %{customdata[0]}, by chance up to "
            "%{customdata[1]}<br>%{customdata[2]} good of %{customdata[3]} trials<extra></extra>",
        )
    base_layout(figure, height=120 + 22 * len(shown))
    figure.update_xaxes(title=f"importance for {target} (shares of one method sum to 1)")
    return figure


def importance(
    settings: pd.DataFrame, best: ArrayLike, *, seed: int = 0, draws: int = _DRAWS
) -> pd.DataFrame:
    """One row per column of `settings` (trials, settings), most important first.

    `best` (trials,) says which trials are the good ones. `divergence` is the Pearson divergence
    of the good trials' values from those of all (0: no difference), `importance` its share of the
    sum over settings, and `chance` the 95 % quantile of the divergence of equally many trials
    drawn at random: a divergence below it is no evidence. Columns that do not vary are left out.
    Raises ValueError where `best` does not leave both good trials and others.
    """
    good = np.asarray(best, dtype=bool)
    if good.shape != (len(settings),):
        raise ValueError(
            f"importance: best must have one entry per trial, got {good.shape} for {len(settings)}"
        )
    if not 0 < good.sum() < good.size:
        raise ValueError(
            f"importance: some trials must be among the best, not all, got {good.sum()} of "
            f"{good.size}"
        )
    random = np.random.default_rng(seed)
    subsets = [random.permutation(good) for _ in range(draws)]
    rows = []
    for name in settings:
        setting = _on_grid(settings[name])
        if setting.varies:
            by_chance = [setting.divergence(subset) for subset in subsets]
            chance = float(np.quantile(by_chance, _LEVEL))
            rows.append((str(name), setting.divergence(good), chance))
    frame = pd.DataFrame(rows, columns=["setting", "divergence", "chance"])
    total = frame["divergence"].sum()
    frame["importance"] = frame["divergence"] / total if total > 0 else 0.0
    return frame.sort_values("divergence", ascending=False, ignore_index=True)


def settings_frame(trials: pd.DataFrame) -> pd.DataFrame:
    """The settings of the trials of `trials_frame`, one column each, such as "recovery.lr"."""
    rows = [
        {f"{role}.{key}": value for role, part in settings.items() for key, value in part.items()}
        for settings in (spec["settings"] for spec in trials["spec"])
    ]
    return pd.DataFrame(rows, index=trials.index)


def outcomes_frame(
    trials: pd.DataFrame, reports: pd.DataFrame, reference: ArrayLike, ideal: ArrayLike
) -> pd.DataFrame:
    """How each ended trial fared: trial, method and TARGETS, one row each.

    `hypervolume` is the share of the box that its feasible candidates cover alone, `performance`
    the best of these, or of all its candidates where none is feasible, `bias` the least of its
    candidates. Where a trial has left no candidate, its last report is taken for one that is not
    feasible.
    """
    axes = box_axes(reference)
    by_trial = {str(t): np.asarray(rows) for t, rows in reports.groupby("trial").indices.items()}
    points, bias = reports[axes].to_numpy(), reports["bias"].to_numpy()
    stands = reports["candidate"].notna().to_numpy()
    feasible = is_feasible(reports).to_numpy()
    rows = []
    for trial, method, status in trials[["trial", "method", "status"]].itertuples(index=False):
        reported = by_trial.get(trial)
        if status == "running" or reported is None:
            continue
        good = reported[feasible[reported]]
        candidates = reported[stands[reported]]
        shown = candidates if len(candidates) else reported[-1:]
        covered = hypervolume(points[good], reference, ideal)
        performance = _known(np.max, points[good if len(good) else shown, 0])
        rows.append(
            (trial, method, covered, performance, _known(np.min, bias[shown]), len(good) > 0)
        )
    return pd.DataFrame(rows, columns=["trial", "method", *TARGETS])


def best_of(values: pd.Series, quantile: float, *, lower: bool = False) -> NDArray[np.bool_]:
    """Which of `values` are the best `quantile` of them; of booleans, the true ones.

    Values that equal the worst of these count too, unless more than half of all would be good
    then: where most trials cover nothing, covering nothing is not good.
    """
    if values.dtype == bool:
        return values.to_numpy(dtype=bool)
    numbers = values.to_numpy(dtype=np.float64) * (-1 if lower else 1)
    merit = np.nan_to_num(numbers, nan=-np.inf)
    worst = np.sort(merit)[::-1][max(1, int(np.ceil(quantile * merit.size))) - 1]
    good = merit >= worst
    return np.asarray(good if good.mean() <= 0.5 else merit > worst)


@dataclass(frozen=True)
class _Setting:
    """The values of one setting in all trials, as places on a grid; of numbers their ranks too."""

    places: NDArray[np.intp]  # (trials,)
    size: int  # number of places on the grid
    ranks: NDArray[np.float64] | None  # (trials,) in (0, 1); None for names

    @property
    def varies(self) -> bool:
        return len(np.unique(self.places)) > 1

    def divergence(self, good: NDArray[np.bool_]) -> float:
        """Pearson divergence (equation 8): how far the density of the good trials (trials,) lies
        from that of all."""
        every, some = self._density(np.ones_like(good)), self._density(good)
        return float(every @ (some / every - 1) ** 2)

    def _density(self, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Share (size,) of the chosen trials at each place, smoothed where they are numbers. One
        more trial is spread over the whole grid, so that no share is 0."""
        counts = np.bincount(self.places[chosen], minlength=self.size).astype(np.float64)
        if self.ranks is not None:
            counts = counts @ _kernels(self.size, _width(self.ranks[chosen]))
        return np.asarray((counts + 1 / self.size) / (counts.sum() + 1))


def _on_grid(values: pd.Series) -> _Setting:
    """The values of a setting: numbers lie on the grid by their ranks among all trials; names, and
    numbers that take at most two values, have a place of their own each."""
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if not numeric or values.nunique() <= 2:
        codes, names = pd.factorize(values.astype(str))
        return _Setting(codes, len(names), None)
    ranks = (values.rank().to_numpy(dtype=np.float64) - 0.5) / len(values)
    return _Setting((ranks * _GRID).astype(np.intp), _GRID, ranks)


def _width(ranks: NDArray[np.float64]) -> float:
    """Width of the kernels: Scott's rule (1992) as the authors use it, but no less than one place
    of the grid."""
    if len(ranks) < 2:
        return 1.0
    low, high = np.quantile(ranks, [0.25, 0.75])
    scale = min((high - low) / 1.34, float(ranks.std(ddof=1)))
    return float(max(1.059 * scale * len(ranks) ** -0.2, 1 / _GRID))


def _kernels(size: int, width: float) -> NDArray[np.float64]:
    """(size, size): each row is a Gaussian around one place of the grid, cut off at its ends; it
    sums to 1."""
    places = (np.arange(size) + 0.5) / size
    kernels = np.exp(-0.5 * (np.subtract.outer(places, places) / width) ** 2)
    return np.asarray(kernels / kernels.sum(axis=1, keepdims=True))


def _known(extreme: Callable[[NDArray[np.float64]], float], values: NDArray[np.float64]) -> float:
    """The largest or least of the values that are estimable; NaN where none is."""
    known = values[~np.isnan(values)]
    return float(extreme(known)) if known.size else np.nan
