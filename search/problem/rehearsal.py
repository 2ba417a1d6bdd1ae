"""Whether a network of the user's own can go through every method that will be searched."""

from __future__ import annotations

from torch import nn

from search.errors import UserError
from search.problem.problem import Problem
from search.problem.start_network import GIVEN
from trainables.data.task import head_for
from trainables.dense import DENSE
from trainables.models.build import build
from trainables.stage import Settings
from trainables.trial.rehearsal import Rehearsal, excerpt

_OURS = {1: "mlp", 3: "convnet"}  # by how many axes an input has


def rehearse(problem: Problem, start: nn.Module) -> None:
    """Lets the network take one step of the dense training and of each method, on a few rows.

    Networks of ours need no rehearsal. Raises UserError, naming method and stage, where one of the
    user's fails, and one of ours on the same rows does not: else the rows are to blame.
    """
    config = problem.config
    if problem.model is None and config.model.build is None:
        return
    given = config.dense.name == GIVEN
    dense = DENSE[config.dense.name](**config.dense.settings)
    acts: dict[str, list[tuple[str, Settings]]] = {
        spec.method: [(stage.name, stage.settings) for stage in spec.stages]
        for spec in problem.published()
    }
    if not given:
        acts = {"[dense]": [(config.dense.name, dense)], **acts}
    rehearsal = Rehearsal(excerpt(problem.prepared), problem.objective)
    for act, stages in acts.items():
        trouble = rehearsal.trouble(start, stages, given=given)
        if trouble is None:
            continue
        ours = _ours(problem)
        if ours is None or rehearsal.trouble(ours, stages, given=given) is None:
            raise UserError(
                f"[model] the network must go through a step of all that is searched, failed in "
                f"{act}, {trouble}"
            )


def _ours(problem: Problem) -> nn.Module | None:
    shape = tuple(problem.prepared.input_shape)
    if len(shape) not in _OURS:
        return None
    outputs = head_for(len(problem.prepared.classes)).outputs
    return build(_OURS[len(shape)], shape, outputs, seed=0)
