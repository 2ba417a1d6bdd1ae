"""Which correction trials are given, and whether it is defined for the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from search.config.config import Config
from search.config.sections import TrialConfig
from search.errors import UserError
from trainables.corrections import CORRECTIONS
from trainables.corrections.threshold import Threshold
from trainables.data import Prepared
from trainables.evaluation.objective import Objective
from trainables.methods import METHODS, correction_of
from trainables.trial.spec import Spec

Slots = Mapping[str, Mapping[str, Any]]  # slot of a stage -> setting -> value


def correction_for(config: Config, prepared: Prepared) -> dict[str, Any]:
    """The correction as trials are given it; argmax where there are more than two classes.

    Raises UserError where [correction] names another one for such a task.
    """
    if not prepared.binary:
        if (beside := config.correction.beside) is not None:
            raise UserError(
                f"[correction] beside = {beside!r} needs two classes: it is a threshold of one "
                f"score, got {len(prepared.classes)} classes"
            )
        if config.correction.name not in ("threshold", "argmax") or config.correction.settings:
            raise UserError(
                f"[correction] name must be argmax for {len(prepared.classes)} classes, "
                f"got {config.correction.name!r}"
            )
        return {"name": "argmax"}
    return {"name": config.correction.name, **config.correction.settings}


def check_correction(method: str, spec: Spec, prepared: Prepared) -> None:
    """A correction that is not defined for these classes or groups would fail in every trial."""
    own = METHODS[method].correction is not None
    who = f"[search] methods: {method}" if own else f"[correction] {spec.correction_name}"
    groups = prepared.group_names
    if spec.correction.binary != prepared.binary:
        needed = "two classes" if spec.correction.binary else "more than two classes"
        raise UserError(f"{who} needs {needed}, got {len(prepared.classes)}")
    if spec.correction.two_groups and len(groups) != 2:
        raise UserError(f"{who} is defined for two groups, got {len(groups)}: {', '.join(groups)}")


def check_listed(
    trials: Sequence[TrialConfig], correction: Mapping[str, Any], objective: Objective
) -> None:
    """Raises UserError where the settings of a listed trial's correction do not fit it."""
    for trial in trials:
        settings = correction_of(trial.method, correction, trial.correction)
        name = settings.pop("name")
        try:
            fitted = CORRECTIONS[name](**settings)
            if isinstance(fitted, Threshold):
                fitted.objective_of(objective)
        except (ValueError, TypeError) as error:
            raise UserError(f"[[trials]] {trial.name}: correction {name}: {error}") from error
