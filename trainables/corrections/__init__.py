"""Corrections by name: how scores are turned into decisions, fitted on held-back rows."""

from __future__ import annotations

from trainables.corrections.threshold import Threshold

CORRECTIONS = {
    "threshold": Threshold,
}
