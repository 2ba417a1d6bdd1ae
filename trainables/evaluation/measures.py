"""The measures by name, each a plain function of counts.

Two groups give signed differences (group 0 - group 1; group 0 is the unprivileged one), more give
the largest gap of any pair. A measure whose cells hold no rows is NaN: not estimable, and no
comparison with a tolerance can ever pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trainables.evaluation import rates
from trainables.evaluation.counts import Counts
from trainables.evaluation.rates import Rates, Tables, Values, as_counted
from trainables.names import nearest

Kind = Literal["signed", "ratio", "gap", "performance"]


@dataclass(frozen=True)
class Measure:
    """A measure = `value` of the `rates` of a stack of tables.

    `deviation` is a seminorm of rates that bounds how much the bias (or performance) changes when
    the rates change; for a measure of bias that is no ratio it is the bias itself.
    """

    name: str
    kind: Kind
    definition: str
    source: str
    rates: Callable[[Tables], Rates]
    value: Callable[[Rates], Values]
    deviation: Callable[[Rates], Values]
    binary: bool  # defined for two classes only
    label_mix: bool  # on a balanced set, only right with cells weighted by their natural shares
    within_cells: bool = False  # a function of rates within (group, label) cells alone
    limit: float = 1.0  # no value is larger
    reduce: Callable[[Tables], Tables] = as_counted  # what is enough for the rates

    @property
    def higher_is_better(self) -> bool:
        return self.kind in ("performance", "ratio")

    @property
    def compares_groups(self) -> bool:
        return self.kind != "performance"

    def compute(self, tables: Tables) -> Values:
        """(...) values of tables (..., groups, labels, predictions)."""
        self.check(tables)
        return np.asarray(self.value(self.rates(tables)))

    def bias(self, tables: Tables) -> Values:
        """(...) biases: |measure|, 1 - measure for a ratio; never negative, NaN stays NaN."""
        if not self.compares_groups:
            raise ValueError(f"{self.name}: is a performance and has no bias")
        values = self.compute(tables)
        return np.asarray(np.abs(values if self.kind != "ratio" else values - 1.0))

    def check(self, tables: Tables) -> None:
        """Refuses tables that the measure is not defined for."""
        groups, labels = tables.shape[-3:-1]
        if self.binary and labels != 2:
            raise ValueError(f"{self.name}: needs a binary task, got {labels} classes")
        if self.compares_groups and groups < 2:
            raise ValueError(f"{self.name}: compares at least two groups, got {groups}")


def _signed_gap(rate: Rates) -> Values:
    if rate.shape[-2] == 2:
        return np.asarray(rate[..., 0, 0] - rate[..., 1, 0])
    return rates.largest_gap(rate)


def _smallest_ratio(rate: Rates) -> Values:
    """NaN where nobody at all is selected: 0 / 0."""
    smallest, largest = rate.min((-1, -2)), rate.max((-1, -2))
    return rates.ratio(smallest, largest)


def _amplification(shares: Rates) -> Values:
    return np.asarray(rates.mean_over_existing(shares.max(-2)) - 1.0 / shares.shape[-2])


def _mean(rate: Rates) -> Values:
    return np.asarray(rate.mean((-1, -2)))


def _worst(rate: Rates) -> Values:
    return np.asarray(rate.min((-1, -2)))


_SAVANI = "Savani et al., Intra-processing methods for debiasing, NeurIPS 2020"
_FAPRUNE = "Zhang et al., Towards fairness-aware adversarial network pruning, ICCV 2023"
_FAIRGRAPE = "Lin et al., FairGRAPE, ECCV 2022"
_WANG = "Wang et al., Towards fairness in visual recognition, CVPR 2020"
_ALTERING = "Zhang, Gao, Huang, Recover fair deep classification models, ECCV 2022"

_ALL = (
    Measure(
        "spd",
        "signed",
        "statistical parity difference: gap of P(positive | group)",
        _SAVANI,
        rates.selection_rates,
        _signed_gap,
        rates.largest_gap,
        binary=True,
        label_mix=True,
        reduce=rates.without_labels,
    ),
    Measure(
        "eod",
        "signed",
        "equal opportunity difference: gap of the true positive rates",
        _SAVANI,
        rates.true_positive_rates,
        _signed_gap,
        rates.largest_gap,
        binary=True,
        label_mix=False,
        within_cells=True,
    ),
    Measure(
        "aod",
        "signed",
        "average odds difference: mean of the signed gaps of FPR and TPR; they can cancel",
        _SAVANI,
        rates.average_odds,
        _signed_gap,
        rates.largest_gap,
        binary=True,
        label_mix=False,
        within_cells=True,
    ),
    Measure(
        "abs_aod",
        "gap",
        "mean of the absolute gaps of FPR and TPR: aod without cancellation",
        _SAVANI,
        rates.error_rates,
        rates.largest_mean_gap,
        rates.largest_mean_gap,
        binary=True,
        label_mix=False,
        within_cells=True,
    ),
    Measure(
        "di",
        "ratio",
        "disparate impact: smallest / largest P(positive | group); 1 is fair",
        _FAPRUNE,
        rates.selection_rates,
        _smallest_ratio,
        rates.largest_gap,
        binary=True,
        label_mix=True,
        reduce=rates.without_labels,
    ),
    Measure(
        "deo_sum",
        "gap",
        "difference of equalized odds: sum of the absolute gaps of FPR and TPR",
        _FAPRUNE,
        rates.error_rates,
        rates.largest_summed_gap,
        rates.largest_summed_gap,
        binary=True,
        label_mix=False,
        within_cells=True,
        limit=2.0,
    ),
    Measure(
        "deo_max",
        "gap",
        "the larger of the absolute gaps of FPR and TPR",
        "Agarwal et al., A reductions approach to fair classification, ICML 2018",
        rates.error_rates,
        rates.largest_gap,
        rates.largest_gap,
        binary=True,
        label_mix=False,
        within_cells=True,
    ),
    Measure(
        "deo_mean",
        "gap",
        "half of deo_sum",
        _FAPRUNE,
        rates.error_rates,
        rates.largest_mean_gap,
        rates.largest_mean_gap,
        binary=True,
        label_mix=False,
        within_cells=True,
    ),
    Measure(
        "accuracy",
        "performance",
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
        "performance",
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
        "performance",
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
        "gap",
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
        "bias_amplification",
        "gap",
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


def bias_of(name: str, table: Tables) -> float:
    """The bias of a table (groups, labels, predictions): never negative, NaN if not estimable."""
    return float(find_measure(name).bias(table))


def all_measures(counts: Counts) -> dict[str, float]:
    """Every measure by name; NaN where it is not estimable or not defined for this task."""
    n_groups, n_labels = counts.n_groups, counts.n_labels
    return {
        name: (
            float("nan")
            if (m.binary and n_labels != 2) or (m.compares_groups and n_groups < 2)
            else float(m.compute(counts.table))
        )
        for name, m in MEASURES.items()
    }
