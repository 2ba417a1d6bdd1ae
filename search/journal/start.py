"""What a journal says of a trial that starts: its settings, and what follows from them."""

from __future__ import annotations

from typing import Any

from search.journal.events import NoOpSign, TrialStart
from trainables.trial.spec import Spec


def start_of(spec: dict[str, Any], row: str | None = None) -> TrialStart:
    """The start of a trial by its config; `row` is the name of the listed trial that it is.

    Raises ValueError where the config is none.
    """
    of_trial = Spec.from_config(spec)
    start: TrialStart = {
        "event": "trial_start",
        "trial": of_trial.trial,
        "method": of_trial.method,
        "spec": spec,
        "learns_from": of_trial.learns_from,
        "no_ops": signs_of(of_trial),
    }
    if row is not None:
        start["row"] = row
    return start


def signs_of(spec: Spec) -> list[NoOpSign]:
    """By what one sees of the trial's stages, in their order, that they did nothing."""
    return [
        {
            "stage": place,
            "name": stage.name,
            "loss": sign.loss,
            "at_most": sign.at_most,
            "says": sign.says,
        }
        for place, stage in enumerate(spec.stages)
        for sign in stage.settings.no_ops
    ]
