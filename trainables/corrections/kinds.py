"""Decisions by kind, as reports, cards and journals hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainables.corrections.calibrated_odds import WithheldScores
from trainables.corrections.common_threshold import CommonThreshold
from trainables.corrections.decision import Decision
from trainables.corrections.equalized_odds import DerivedPredictor
from trainables.corrections.largest_score import LargestScore
from trainables.corrections.reject_option import RejectBand
from trainables.corrections.threshold_per_group import ThresholdPerGroup

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


def decision_from_dict(state: Mapping[str, Any]) -> Decision:
    """The inverse of `Decision.to_dict`."""
    if state["kind"] not in KINDS:
        raise ValueError(f"decision: kind must be one of {sorted(KINDS)}, got {state['kind']!r}")
    return KINDS[state["kind"]].from_dict(state)
