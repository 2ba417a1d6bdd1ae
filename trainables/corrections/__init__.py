"""Corrections by name, and the decisions that they leave by kind.

A correction is fitted on held-back rows and says how scores become decisions. Reports, cards and
journals hold a decision by its kind. Both are imported when they are asked for: an experiment
file is checked without NumPy, which takes as long to load as all else of that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainables.registry import Registry

if TYPE_CHECKING:
    from trainables.corrections.decision import Correction, Decision
    from trainables.evaluation.report import DecisionDict

CORRECTIONS: Registry[type[Correction]] = Registry(
    {
        "argmax": "trainables.corrections.argmax:Argmax",
        "calibrated_odds": "trainables.corrections.calibrated_odds:CalibratedOdds",
        "equalized_odds": "trainables.corrections.equalized_odds:EqualizedOdds",
        "group_thresholds": "trainables.corrections.group_thresholds:GroupThresholds",
        "reject_option": "trainables.corrections.reject_option:RejectOption",
        "threshold": "trainables.corrections.threshold:Threshold",
    }
)

KINDS: Registry[type[Decision]] = Registry(
    {
        "argmax": "trainables.corrections.argmax:LargestScore",
        "calibrated_odds": "trainables.corrections.calibrated_odds:WithheldScores",
        "equalized_odds": "trainables.corrections.equalized_odds:DerivedPredictor",
        "group_thresholds": "trainables.corrections.group_thresholds:ThresholdPerGroup",
        "reject_option": "trainables.corrections.reject_option:RejectBand",
        "threshold": "trainables.corrections.threshold:CommonThreshold",
    }
)


def decision_from_dict(state: DecisionDict) -> Decision:
    """The inverse of `Decision.to_dict`."""
    if state["kind"] not in KINDS:
        raise ValueError(f"decision: kind must be one of {sorted(KINDS)}, got {state['kind']!r}")
    return KINDS[state["kind"]].from_dict(state)
