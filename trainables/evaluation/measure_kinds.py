"""Which measures there are, and of which kind: all that an experiment file is checked for.

What they measure stands in `measures.py`, which loads NumPy.
"""

from __future__ import annotations

from typing import Literal

MeasureKind = Literal["signed", "ratio", "gap", "performance"]

MEASURE_KINDS: dict[str, MeasureKind] = {
    "spd": "signed",
    "eod": "signed",
    "aod": "signed",
    "abs_aod": "gap",
    "di": "ratio",
    "deo_sum": "gap",
    "deo_max": "gap",
    "deo_mean": "gap",
    "accuracy": "performance",
    "balanced_accuracy": "performance",
    "worst_group_accuracy": "performance",
    "accuracy_std": "gap",
    "accuracy_drop_std": "gap",
    "worst_group_drop": "gap",
    "excess_gap": "gap",
    "excess_gap_pairwise": "gap",
    "bias_amplification": "gap",
}
