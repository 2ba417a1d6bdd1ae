"""The measures by name, each a plain function of counts.

Of two groups a signed measure is the difference (group 0 - group 1; group 0 is the unprivileged
one), of more groups the largest gap of any pair. Where a cell that a measure needs holds no rows,
the measure is NaN: it is not estimable, and its comparison with a tolerance never passes.

Some measures compare a network with the dense net on the same rows. They are functions of counts
that keep the dense net's decisions; of others they are NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from trainables.evaluation import rates
from trainables.evaluation.contrasts import MakeContrasts, gaps, gaps_of_any_sign, ratios
from trainables.evaluation.counts import Counts
from trainables.evaluation.measure_kinds import MEASURE_KINDS, MeasureKind
from trainables.evaluation.rates import PerTable, Rates, Tables, as_counted
from trainables.names import nearest


@dataclass(frozen=True)
class Measure:
    """A measure of counts: first the rates of the groups, then one number from these rates."""

    name: str
    definition: str
    source: str
    rates: Callable[[Tables], Rates]
    value: Callable[[Rates], PerTable]
    # A seminorm that bounds how much the bias (or performance) changes when the rates do. For a
    # bias that is not a ratio it is the bias itself.
    deviation: Callable[[Rates], PerTable]
    binary: bool  # defined for two classes only
    # Depends on how often each label occurs: wrong on a set balanced over the cells, unless these
    # are weighted by their natural shares.
    label_mix: bool
    within_cells: bool = False  # depends on nothing but rates within cells (group, label)
    limit: float = 1.0  # no value is larger
    reduce: Callable[[Tables], Tables] = as_counted  # to smaller tables with the same rates
    # Compares with the dense net: its tables are (..., groups, labels, dense net's predictions,
    # predictions).
    against_dense: bool = False
    # For binary tasks: the bias as the largest of linear functions of rates, which are those of
    # the reduced tables' cells. None: it is none, or has none yet.
    contrasts: MakeContrasts | None = None

    @property
    def kind(self) -> MeasureKind:
        return MEASURE_KINDS[self.name]

    @property
    def compares_groups(self) -> bool:
        return self.kind != "performance"

    def compute(self, tables: Tables) -> PerTable:
        """Its values (...) of tables (..., groups, labels, predictions).

        Tables of a measure `against_dense` have the dense net's predictions before the last axis.

        Raises ValueError for a task that the measure is not defined for.
        """
        first = -4 if self.against_dense else -3
        n_groups, n_labels = tables.shape[first : first + 2]
        if (reason := self.undefined_for(n_groups, n_labels)) is not None:
            raise ValueError(f"{self.name}: {reason}")
        return np.asarray(self.value(self.rates(tables)))

    def bias(self, tables: Tables) -> PerTable:
        """Biases (...): |value|, or |1 - value| of a ratio; NaN stays NaN."""
        if not self.compares_groups:
            raise ValueError(f"{self.name}: is a performance and has no bias")
        values = self.compute(tables)
        return np.asarray(np.abs(values if self.kind != "ratio" else values - 1.0))

    def tables_of(self, counts: Counts) -> Tables | None:
        """What it is computed from; None where the dense net's decisions are not known."""
        return counts.beside_dense if self.against_dense else counts.table

    def undefined_for(self, n_groups: int, n_labels: int) -> str | None:
        """Why the measure is not defined for so many groups and labels; None where it is."""
        if self.binary and n_labels != 2:
            return f"needs a binary task, got {n_labels} classes"
        if self.compares_groups and n_groups < 2:
            return f"compares at least two groups, got {n_groups}"
        return None


def _signed_gap(rate: Rates) -> PerTable:
    if rate.shape[-2] == 2:
        return np.asarray(rate[..., 0, 0] - rate[..., 1, 0])
    return rates.largest_gap(rate)


def _smallest_ratio(rate: Rates) -> PerTable:
    """NaN where nobody at all is selected: 0 / 0."""
    smallest, largest = rate.min((-1, -2)), rate.max((-1, -2))
    return rates.ratio(smallest, largest)


def _amplification(shares: Rates) -> PerTable:
    return np.asarray(rates.mean_over_existing(shares.max(-2)) - 1.0 / shares.shape[-2])


def _largest(rate: Rates) -> PerTable:
    return np.asarray(rate.max((-1, -2)))


def _largest_loss(rate: Rates) -> PerTable:
    """The largest rate, or 0 where all are below: nobody has lost anything."""
    return np.maximum(_largest(rate), 0.0)


def _mean(rate: Rates) -> PerTable:
    return np.asarray(rates.summed(rate, -1, -2) / (rate.shape[-1] * rate.shape[-2]))


def _worst(rate: Rates) -> PerTable:
    return np.asarray(rate.min((-1, -2)))


_SAVANI = "Savani et al., Intra-processing methods for debiasing, NeurIPS 2020"
_FAPRUNE = "Zhang et al., Towards fairness-aware adversarial network pruning, ICCV 2023"
_FAIRGRAPE = "Lin et al., FairGRAPE, ECCV 2022"
_WANG = "Wang et al., Towards fairness in visual recognition, CVPR 2020"
_BALANCING = "Hashemizadeh et al., Balancing act: constraining disparate impact, ICLR 2024"
_ALTERING = "Zhang, Gao, Huang, Recover fair deep classification models, ECCV 2022"

_ALL = (
    Measure(
        "spd",
        "statistical parity difference: gap of P(positive | group)",
        _SAVANI,
        rates.selection_rates,
        _signed_gap,
        rates.largest_gap,
        binary=True,
        label_mix=True,
        reduce=rates.without_labels,
        contrasts=gaps([(1,), (-1,)]),
    ),
    Measure(
        "eod",
        "equal opportunity difference: gap of the true positive rates",
        _SAVANI,
        rates.true_positive_rates,
        _signed_gap,
        rates.largest_gap,
        binary=True,
        label_mix=False,
        within_cells=True,
        contrasts=gaps([(0, 1), (0, -1)]),
    ),
    Measure(
        "aod",
        "average odds difference: mean of the signed gaps of FPR and TPR; they can cancel",
        _SAVANI,
        rates.average_odds,
        _signed_gap,
        rates.largest_gap,
        binary=True,
        label_mix=False,
        within_cells=True,
        contrasts=gaps([(0.5, 0.5), (-0.5, -0.5)]),
    ),
    Measure(
        "abs_aod",
        "mean of the absolute gaps of FPR and TPR: aod without cancellation",
        _SAVANI,
        rates.error_rates,
        rates.largest_mean_gap,
        rates.largest_mean_gap,
        binary=True,
        label_mix=False,
        within_cells=True,
        contrasts=gaps_of_any_sign(2, 0.5),
    ),
    Measure(
        "di",
        "disparate impact: smallest / largest P(positive | group); 1 is fair",
        _FAPRUNE,
        rates.selection_rates,
        _smallest_ratio,
        rates.largest_gap,
        binary=True,
        label_mix=True,
        reduce=rates.without_labels,
        contrasts=ratios,
    ),
    Measure(
        "deo_sum",
        "difference of equalized odds: sum of the absolute gaps of FPR and TPR",
        _FAPRUNE,
        rates.error_rates,
        rates.largest_summed_gap,
        rates.largest_summed_gap,
        binary=True,
        label_mix=False,
        within_cells=True,
        limit=2.0,
        contrasts=gaps_of_any_sign(2, 1.0),
    ),
    Measure(
        "deo_max",
        "the larger of the absolute gaps of FPR and TPR",
        "Agarwal et al., A reductions approach to fair classification, ICML 2018",
        rates.error_rates,
        rates.largest_gap,
        rates.largest_gap,
        binary=True,
        label_mix=False,
        within_cells=True,
        contrasts=gaps([(1, 0), (-1, 0), (0, 1), (0, -1)]),
    ),
    Measure(
        "deo_mean",
        "half of deo_sum",
        _FAPRUNE,
        rates.error_rates,
        rates.largest_mean_gap,
        rates.largest_mean_gap,
        binary=True,
        label_mix=False,
        within_cells=True,
        contrasts=gaps_of_any_sign(2, 0.5),
    ),
    Measure(
        "accuracy",
        "P(prediction = label)",
        _FAIRGRAPE,
        rates.pooled_accuracy,
        _mean,
        rates.mean_change,
        binary=False,
        label_mix=True,
        reduce=rates.right_or_wrong,
    ),
    Measure(
        "balanced_accuracy",
        "mean over the labels of P(prediction = label | label)",
        _ALTERING,
        rates.pooled_recalls,
        _mean,
        rates.mean_change,
        binary=False,
        label_mix=False,
        reduce=rates.recalled_or_not,
    ),
    Measure(
        "worst_group_accuracy",
        "the lowest accuracy of any group",
        "Sagawa et al., Distributionally robust neural networks, ICLR 2020",
        rates.group_accuracies,
        _worst,
        rates.largest_change,
        binary=False,
        label_mix=True,
        reduce=rates.right_or_wrong,
    ),
    Measure(
        "accuracy_std",
        "sample standard deviation (ddof = 1) of the groups' accuracies",
        _FAIRGRAPE,
        rates.group_accuracies,
        rates.sample_deviation,
        rates.sample_deviation,
        binary=False,
        label_mix=True,
        reduce=rates.right_or_wrong,
    ),
    Measure(
        "accuracy_drop_std",
        "sample standard deviation (ddof = 1) of the groups' changes of accuracy against the "
        "dense net: rho(Delta)",
        _FAIRGRAPE,
        rates.accuracy_losses,
        rates.sample_deviation,
        rates.sample_deviation,
        binary=False,
        label_mix=True,
        limit=2**0.5,
        reduce=rates.changed_or_not,
        against_dense=True,
    ),
    Measure(
        "worst_group_drop",
        "the most accuracy that any group has lost against the dense net; 0 where none has",
        "the worst of the groups' changes in " + _FAIRGRAPE,
        rates.accuracy_losses,
        _largest_loss,
        rates.largest_change,
        binary=False,
        label_mix=True,
        reduce=rates.changed_or_not,
        against_dense=True,
    ),
    Measure(
        "excess_gap",
        "how much more accuracy the group that has lost most has lost than everybody together",
        _BALANCING,
        rates.excess_losses,
        _largest,
        rates.largest_change,
        binary=False,
        label_mix=True,
        limit=2.0,
        reduce=rates.changed_or_not,
        against_dense=True,
    ),
    Measure(
        "excess_gap_pairwise",
        "how much more accuracy the group that has lost most has lost than the one that has lost "
        "least",
        _BALANCING,
        rates.accuracy_losses,
        rates.largest_gap,
        rates.largest_gap,
        binary=False,
        label_mix=True,
        limit=2.0,
        reduce=rates.changed_or_not,
        against_dense=True,
    ),
    Measure(
        "bias_amplification",
        "mean over the classes predicted at all of the largest group's share - 1 / groups; "
        "meant for groups of equal size and label mix, such as colour and grey copies",
        _WANG,
        rates.group_shares,
        _amplification,
        rates.mean_largest_change,
        binary=False,
        label_mix=False,
        reduce=rates.without_labels,
    ),
)

MEASURES: dict[str, Measure] = {measure.name: measure for measure in _ALL}


def find_measure(name: str) -> Measure:
    """The measure of that name; an unknown name is answered with the nearest known one."""
    if name in MEASURES:
        return MEASURES[name]
    close = nearest(name, MEASURES)
    hint = f"did you mean {close!r}? " if close else ""
    raise ValueError(f"measure: {hint}known are {', '.join(MEASURES)}; got {name!r}")


def all_measures(counts: Counts) -> dict[str, float]:
    """Every measure by name; NaN where it is not estimable or not defined for this task."""
    return {name: _value(measure, counts) for name, measure in MEASURES.items()}


def _value(measure: Measure, counts: Counts) -> float:
    """A measure of decided counts; NaN where it is not estimable or not defined for this task."""
    tables = measure.tables_of(counts)
    if tables is None or measure.undefined_for(counts.n_groups, counts.n_labels) is not None:
        return float("nan")
    return float(measure.compute(tables))
