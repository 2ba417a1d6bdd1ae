"""Corrections by name, and the decisions that they leave by kind.

A correction is fitted on held-back rows and says how scores become decisions. Reports, cards and
journals hold a decision by its kind.
"""

from __future__ import annotations

from trainables.corrections.argmax import Argmax, LargestScore
from trainables.corrections.calibrated_odds import CalibratedOdds, WithheldScores
from trainables.corrections.decision import Correction, Decision
from trainables.corrections.equalized_odds import DerivedPredictor, EqualizedOdds
from trainables.corrections.group_thresholds import GroupThresholds, ThresholdPerGroup
from trainables.corrections.reject_option import RejectBand, RejectOption
from trainables.corrections.threshold import CommonThreshold, Threshold
from trainables.evaluation.report import DecisionDict

CORRECTIONS: dict[str, type[Correction]] = {
    "argmax": Argmax,
    "calibrated_odds": CalibratedOdds,
    "equalized_odds": EqualizedOdds,
    "group_thresholds": GroupThresholds,
    "reject_option": RejectOption,
    "threshold": Threshold,
}


KINDS: dict[str, type[Decision]] = {
    kind.kind: kind
    for kind in (
        CommonThreshold,
        DerivedPredictor,
        LargestScore,
        RejectBand,
        ThresholdPerGroup,
        WithheldScores,
    )
}


def decision_from_dict(state: DecisionDict) -> Decision:
    """The inverse of `Decision.to_dict`."""
    if state["kind"] not in KINDS:
        raise ValueError(f"decision: kind must be one of {sorted(KINDS)}, got {state['kind']!r}")
    return KINDS[state["kind"]].from_dict(state)
