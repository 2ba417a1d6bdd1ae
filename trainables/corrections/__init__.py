"""Corrections by name: how scores are turned into decisions, fitted on held-back rows."""

from __future__ import annotations

from trainables.corrections.argmax import Argmax
from trainables.corrections.calibrated_odds import CalibratedOdds
from trainables.corrections.decision import Correction
from trainables.corrections.equalized_odds import EqualizedOdds
from trainables.corrections.group_thresholds import GroupThresholds
from trainables.corrections.reject_option import RejectOption
from trainables.corrections.threshold import Threshold

CORRECTIONS: dict[str, type[Correction]] = {
    "argmax": Argmax,
    "calibrated_odds": CalibratedOdds,
    "equalized_odds": EqualizedOdds,
    "group_thresholds": GroupThresholds,
    "reject_option": RejectOption,
    "threshold": Threshold,
}
