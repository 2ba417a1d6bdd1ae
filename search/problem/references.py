"""Which models a front is compared with, and the rows that they are fitted on and judged by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from search.config.config import Config
from search.journal.events import ReferenceFacts
from trainables.evaluation.counts import CountsDict
from trainables.references.fitting import COUNTED, Rows, Task
from trainables.references.models import REDUCTIONS
from trainables.references.reductions import CONSTRAINTS
from trainables.stage import derived_seed

if TYPE_CHECKING:
    from trainables.data import Prepared
    from trainables.evaluation.objective import Objective
    from trainables.trial.workbench import Workbench

FITTED_ON = ("train", "early_stop")


def are_asked_for(config: Config) -> bool:
    """Whether the search is to have references, if its data allow them.

    By default one that proposes its trials has: where trials are listed or recorded for a replay,
    nobody asks whether the search pays.
    """
    asked = config.search.references
    return not (config.trials or config.search.recording) if asked is None else asked


def why_none(prepared: Prepared) -> str | None:
    """Why no models are fitted on such data; None where they are."""
    if not prepared.binary:
        return f"they are for two classes, got {len(prepared.classes)}"
    if len(prepared.input_shape) != 1:
        return "they are for tables: models of single pixels would be no fair comparison"
    return None


def notes_on_references(config: Config, prepared: Prepared, bias: str) -> list[str]:
    """What of the references will be missing, and why."""
    if not are_asked_for(config):
        return []
    if (why := why_none(prepared)) is not None:
        return [f"no references (logistic regression, gradient boosting, reductions): {why}"]
    if bias not in CONSTRAINTS:
        return [f"references: the reductions approach has no constraint for {bias}"]
    return []


def task_of(bench: Workbench, seed: int) -> Task:
    """What the models are fitted on; no row of test is in it."""
    prepared = bench.prepared
    parts = [prepared.parts[name] for name in FITTED_ON]
    fit = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("inputs", "labels", "crossing", "groups")
    }
    decided = np.concatenate([bench.dense_predictions(name) for name in FITTED_ON])
    rows = {name: rows_of(bench, name) for name in COUNTED}
    return Task(
        {"fit": Rows(**fit, dense=decided), **rows},
        bench.objective,
        bench.crossing_to_group,
        prepared.priors,
        derived_seed(seed, "references"),
    )


def rows_of(bench: Workbench, name: str) -> Rows:
    """The rows of a split, and what the dense net decides for them."""
    part = bench.prepared.parts[name]
    return Rows(
        part.inputs, part.labels, part.crossing, part.groups, bench.dense_predictions(name)
    )


def facts_of(
    counts: Mapping[str, dict[str, CountsDict]], objective: Objective
) -> list[ReferenceFacts]:
    """What the journal keeps of fitted models; `counts` is model -> split -> counts."""
    facts: list[ReferenceFacts] = [
        {"name": name, "counts": of_splits} for name, of_splits in counts.items()
    ]
    for model in facts:
        if model["name"] == REDUCTIONS:
            model["fitted_for"] = f"{objective.bias} at {objective.tolerance:g}"
    return facts
