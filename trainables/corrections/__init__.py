"""Corrections by name: how scores are turned into decisions, fitted on held-back rows."""

from __future__ import annotations

from trainables.corrections.argmax import Argmax
from trainables.corrections.decision import Correction
from trainables.corrections.group_thresholds import GroupThresholds
from trainables.corrections.threshold import Threshold

CORRECTIONS: dict[str, type[Correction]] = {
    "argmax": Argmax,
    "group_thresholds": GroupThresholds,
    "threshold": Threshold,
}
