"""How numbers and measures are written, wherever they are shown to a reader."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard

PERFORMANCE_WORDS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "worst_group_accuracy": "accuracy of the worst group",
}
BIAS_WORDS = {
    "spd": "|SPD|",
    "eod": "|EOD|",
    "aod": "|AOD|",
    "abs_aod": "abs. AOD",
    "di": "1 \N{MINUS SIGN} DI",
    "deo_sum": "DEO (sum)",
    "deo_max": "DEO (max)",
    "deo_mean": "DEO (mean)",
    "accuracy_std": "std of group accuracies",
    "accuracy_drop_std": "std of group accuracy drops",
    "worst_group_drop": "worst group accuracy drop",
    "excess_gap": "largest excess accuracy drop",
    "excess_gap_pairwise": "largest gap of accuracy drops",
    "bias_amplification": "|bias amplification|",
}

# What the measures are, as a newcomer is told.
MEANINGS = {
    "accuracy": "the share of all rows that is decided right",
    "balanced_accuracy": "the share of each label's rows that is decided right, the mean over the "
    "labels",
    "worst_group_accuracy": "the share decided right of the group where it is the lowest",
    "spd": "the gap between the groups' shares of positive decisions",
    "eod": "the gap between the groups' true positive rates",
    "aod": "the mean of the groups' gaps in true and false positive rate; of opposite sign they "
    "cancel",
    "abs_aod": "the mean of the sizes of the groups' gaps in true and false positive rate",
    "di": "1 less the ratio of the smallest to the largest group's share of positive decisions",
    "deo_sum": "the sum of the sizes of the groups' gaps in true and false positive rate",
    "deo_max": "the larger of the groups' gaps in true and false positive rate",
    "deo_mean": "the mean of the sizes of the groups' gaps in true and false positive rate",
    "accuracy_std": "how far the groups' accuracies are spread",
    "accuracy_drop_std": "how far the groups' losses of accuracy against the dense net are spread",
    "worst_group_drop": "the most accuracy that any group loses against the dense net",
    "excess_gap": "how much more accuracy than everybody any group loses against the dense net",
    "excess_gap_pairwise": "how much more accuracy any group loses than another, against the "
    "dense net",
    "bias_amplification": "by how much the largest group's share of a predicted class exceeds an "
    "even share, the mean over the classes",
}
# Of a bias that vanishes where gaps of opposite sign cancel, or that looks at one rate alone: the
# measure that does neither, to stand beside it.
FULLER = {"aod": "abs_aod", "eod": "deo_max"}


SECOND_WORDS = {
    "fixed": "at .5",
    "balanced_accuracy": "at the best threshold",
    "fair": "at the fair threshold",
}


def second_words(choice: str) -> str:
    """How a second decision is told from the first, by how its threshold is chosen."""
    return SECOND_WORDS.get(choice, choice)


def performance_words(objective: Mapping[str, Any]) -> str:
    """What the performance measure of an objective is called in text."""
    name = str(objective["performance"])
    return PERFORMANCE_WORDS.get(name, name.replace("_", " "))


def bias_words(objective: Mapping[str, Any]) -> str:
    """What the bias measure of an objective is called in text."""
    name = str(objective["bias"])
    return BIAS_WORDS.get(name, name.replace("_", " "))


def meaning(name: str) -> str:
    """What a measure is, in a few words; measures that are not known are called by their name."""
    return MEANINGS.get(name, name.replace("_", " "))


def beside_bias(objective: Mapping[str, Any]) -> dict[str, str]:
    """The measure that stands beside an objective's bias, and what it is called; empty: none does.
    Nothing is certified about it."""
    name = FULLER.get(str(objective["bias"]))
    return {} if name is None else {name: BIAS_WORDS[name]}


def known(value: float | None) -> TypeGuard[float]:
    """Whether a value is a number: neither None (as in JSON) nor NaN (as in a frame)."""
    return value is not None and value == value


def number(value: float | None, digits: int = 3) -> str:
    """A fraction as text; what is not estimable is a dash."""
    if not known(value):
        return "\N{EN DASH}"
    text = f"{value:.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}") if float(text) else text.lstrip("-")


def ends_of(interval: Sequence[float | None] | None) -> tuple[float, float] | None:
    """Lower and upper end of an interval; None where there is none, or it is not estimable."""
    low, high = interval or (None, None)
    return (low, high) if known(low) and known(high) else None


def interval_text(
    interval: Sequence[float | None] | None, as_text: Callable[[Any], str] = number
) -> str:
    """Both ends of an interval: "[0.012, 0.047]"; empty where it has none."""
    ends = ends_of(interval)
    return "" if ends is None else f"[{as_text(ends[0])}, {as_text(ends[1])}]"


def with_interval(
    value: float | None,
    interval: Sequence[float | None] | None,
    as_text: Callable[[Any], str] = number,
) -> str:
    """A value and, where there is one, its interval: "0.031 [0.012, 0.047]"; `as_text` writes
    each of the numbers."""
    return f"{as_text(value)} {interval_text(interval, as_text)}".rstrip()


def rounded_up(count: int) -> int:
    """A whole number to its first two digits, upwards."""
    unit = int(10 ** max(0, len(str(count)) - 2))
    return unit * ((count + unit - 1) // unit)
