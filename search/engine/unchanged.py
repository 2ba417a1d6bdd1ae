"""Whether the data, the columns and the code of a run are still what its search began with.

Rows and weights alone do not tell: other code of a network, or columns encoded otherwise, make
another network of the same weights. So what the dense net decides is compared with what it decided
then, before anything is built on it or test is opened.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from search.errors import UserError
from search.journal.digest import json_digest
from search.journal.events import Dense
from search.problem.dense_net import decision_of, sampled_rows
from search.problem.problem import Problem
from search.runs.folder import DENSE, ENCODING, RunFolder
from search.runs.intact import check_files, difference
from trainables.corrections import decision_from_dict
from trainables.data import Prepared
from trainables.data.batches import TrialData, scores_of
from trainables.data.encoder import Encoder
from trainables.data.encoding import encoding_of
from trainables.evaluation.counts import counts_from_dict
from trainables.evaluation.packing import unpacked
from trainables.models.net_file import digest
from trainables.trial.workbench import Workbench

MAY_DIFFER = 0.001  # share of the rows: another machine or torch rounds otherwise


def unchanged_dense(folder: RunFolder, problem: Problem, who: str) -> nn.Module:
    """The dense net of a run, with which `who` goes on.

    A file that is missing is made again, as the journal says it was. Raises UserError, naming
    what has changed, where the encoding, the network or its decisions are others than then.
    """
    _check_groups(folder, problem.prepared, who)
    check_encoding(folder, problem.prepared, who)
    if not (folder.path / ENCODING).exists():
        folder.store_encoding(problem.prepared)
    if (folder.path / DENSE).exists():
        dense = folder.dense(problem.untrained())
    else:
        dense = _made_again(folder, problem, who)
    check_files(folder, who)
    check_decisions(folder, problem, dense, who)
    return dense


def _check_groups(folder: RunFolder, prepared: Prepared, who: str) -> None:
    """Raises UserError where rows are grouped otherwise, by which splits and judges go."""
    facts = folder.facts()
    of_crossing = [int(group) for group in prepared.crossing_to_group]
    then = [facts["group_names"], facts["crossing_to_group"]]
    if then != [list(prepared.group_names), of_crossing]:
        raise UserError(
            f"{who}: the groups of {folder.path} must be those that its search began with, "
            f"{', '.join(facts['group_names'])}, got {', '.join(prepared.group_names)}"
        )


def check_encoding(folder: RunFolder, prepared: Prepared, who: str) -> None:
    """Raises UserError where the data are encoded otherwise than the run's were."""
    now = encoding_of(prepared)
    if (folder.path / ENCODING).exists():
        then = folder.encoding()
        encoder = Encoder.from_dict(then["encoder"]).to_dict()  # as this version writes it
        found = difference({**then, "encoder": encoder}, now)
    elif json_digest(now) != folder.facts().get("encoding", json_digest(now)):
        found = "its digest is another"
    else:
        found = None
    if found is not None:
        raise UserError(
            f"{who}: the inputs of {folder.path} must be encoded as when its search began: {found}"
            f"; bring back the columns, their order and their categories, or start a new search"
        )


def check_decisions(folder: RunFolder, problem: Problem, dense: nn.Module, who: str) -> None:
    """Raises UserError where the dense net learns or decides otherwise than it did."""
    event = folder.dense_event()
    frozen = [name for name, one in dense.named_parameters() if not one.requires_grad]
    if frozen != event.get("frozen", frozen):
        raise UserError(
            f"{who}: the weights of the network of {folder.path} that do not learn must be those "
            f"of when its search began, {event['frozen']}, got {frozen}; bring back its code"
        )
    moved, rows = (_moved if "decided" in event else _moved_at_least)(problem, dense, event)
    if moved > max(1, int(MAY_DIFFER * rows)):
        raise UserError(
            f"{who}: the dense net of {folder.path} must decide as when its search began, but "
            f"decides otherwise for {moved} of {rows} rows of tune ({MAY_DIFFER:.1%} may differ "
            f"on another machine): the code of the network, what it reads or a library has "
            f"changed; bring that back, or start a new search"
        )


def _moved(problem: Problem, dense: nn.Module, event: Dense) -> tuple[int, int]:
    """Of how many of how many rows of tune the dense net decides otherwise than the event says."""
    part = problem.prepared.parts["tune"]
    rows = sampled_rows(len(part))
    taken = replace(part, **{name: values[rows] for name, values in vars(part).items()})
    # The same rows stand for train, of which groups to prune by are asked and not used.
    small = replace(problem.prepared, parts={"train": taken, "tune": taken})
    scores = scores_of(dense, TrialData(small, torch.device("cpu")), "tune")
    now: NDArray[np.int64] = decision_from_dict(event["decision"]).predict(scores)
    return int((now != unpacked(event["decided"])).sum()), len(rows)


def _moved_at_least(problem: Problem, dense: nn.Module, event: Dense) -> tuple[int, int]:
    """As far as counts tell, which is all that earlier versions wrote."""
    given = decision_of(problem.correction, event)
    bench = Workbench.open(
        problem.prepared, dense, problem.objective, device="cpu", given_decision=given
    )
    then, now = counts_from_dict(event["counts"]["tune"]), bench.count(dense, "tune")
    tables = [bench.dense_decision.decide(counts).table for counts in (then, now)]
    return int(np.abs(tables[0] - tables[1]).sum()) // 2, int(tables[1].sum())


def _made_again(folder: RunFolder, problem: Problem, who: str) -> nn.Module:
    """The dense net from the cache, or trained again in this process, where it is the same."""
    expected = folder.dense_event().get("digest")
    dense = problem.dense(problem.untrained())
    if expected is None or digest(dense.state_dict()) != expected:
        raise UserError(
            f"{who}: {folder.path / DENSE} is missing, and training it again gave another "
            f"network, as another machine or torch may; put back a copy of the file"
        )
    folder.store_dense(dense)
    return dense
