"""The dense net of a search: trained once, cached by all that decides it, and checked."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from search.errors import UserError
from search.journal.events import Dense, DenseFacts, HowFar
from search.problem.course import Course, Halted
from search.problem.dense_recipe import DenseRecipe
from trainables.corrections import decision_from_dict
from trainables.corrections.decision import Decision
from trainables.corrections.threshold import HALF, CommonThreshold
from trainables.data import Prepared
from trainables.data.batches import TrialData
from trainables.dense import DENSE
from trainables.evaluation.objective import Objective
from trainables.evaluation.packing import packed
from trainables.evaluation.report import evaluate
from trainables.files import cache_folder, whole_file
from trainables.masks import unprunable
from trainables.models.net_file import digest, load_net, save_net
from trainables.stage import Context, derived_seed, limited_threads, seeded
from trainables.trial.workbench import Workbench

log = logging.getLogger(__name__)


EARLY_EPOCHS = 1  # after which the weights are those from early in the training


@dataclass(frozen=True)
class TrainedNets:
    """What the training of a dense net leaves, on the CPU."""

    dense: nn.Module
    early: nn.Module | None  # after the first EARLY_EPOCHS; None: from the cache, not asked for
    how_far: HowFar | None = None  # None: it was not trained now
    cut: bool = False  # before its time: a limit was reached


# Recipe, network to start from, data, objective, CPU threads -> the trained networks.
Trainer = Callable[[DenseRecipe, nn.Module, Prepared, Objective, int], TrainedNets]


def weights_hash(net: nn.Module) -> str:
    """sha256 over names, shapes and values of a network's state.

    `net_file.digest` gives another value for the same network. This one stays because journals
    hold it and cached nets are found by it.
    """
    digest = hashlib.sha256()
    for name, tensor in net.state_dict().items():
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def is_cached(recipe: DenseRecipe, prepared: Prepared) -> bool:
    """Whether the dense net was trained before."""
    return _dense_path(recipe, prepared).exists()


def dense_nets(
    recipe: DenseRecipe,
    start: nn.Module,
    prepared: Prepared,
    objective: Objective,
    train: Trainer | None = None,
) -> TrainedNets:
    """The dense net, trained from `start` or taken from the cache.

    As many threads of a CPU train it as a trial has: with more threads than free cores torch
    is many times slower. `train` (default `train_dense`) says where: in this process or elsewhere.
    One that a limit has cut short is not put into the cache. Raises Halted where a limit left no
    time for a single epoch.
    """
    path = _dense_path(recipe, prepared)
    if (cached := _cached(path, start)) is not None:
        log.info("dense net: taken from %s", path)
        return TrainedNets(cached, None)
    nets = (train or train_dense)(recipe, start, prepared, objective, recipe.threads)
    if not nets.cut:
        _keep(nets, path)
    return nets


def early_net(
    recipe: DenseRecipe,
    start: nn.Module,
    prepared: Prepared,
    objective: Objective,
    train: Trainer | None = None,
) -> nn.Module | None:
    """The dense net as it was early in its training; see `dense_net` for what is asked for.

    Where the cache has only the dense net, from an earlier version, it is trained once more.
    """
    path = _dense_path(recipe, prepared)
    if (cached := _cached(_early_path(path), start)) is not None:
        return cached
    nets = (train or train_dense)(recipe, start, prepared, objective, recipe.threads)
    if not nets.cut:
        _keep(nets, path)
    return nets.early


def _cached(path: Path, start: nn.Module) -> nn.Module | None:
    """The network of a file of the cache; None where there is none that can be read."""
    if not path.exists():
        return None
    try:
        return load_net(path, deepcopy(start)).eval()
    except ValueError as error:
        log.warning("%s; the dense net is trained again", error)
        return None


def _dense_path(recipe: DenseRecipe, prepared: Prepared) -> Path:
    return cache_folder() / "dense" / f"{recipe.key(prepared)}.safetensors"


def _early_path(dense: Path) -> Path:
    return dense.with_suffix(".early.safetensors")


def _keep(nets: TrainedNets, path: Path) -> None:
    """Writes both; the dense net last, since where it is there the training is not repeated."""
    for net, target in ((nets.early, _early_path(path)), (nets.dense, path)):
        if net is not None:
            with whole_file(target) as file:
                save_net(net, file)


def train_dense(
    recipe: DenseRecipe,
    start: nn.Module,
    prepared: Prepared,
    objective: Objective,
    threads: int,
    device_name: str = "cpu",
    course: Course | None = None,
) -> TrainedNets:
    """Trains in this process, for as long as `course` lets it."""
    with limited_threads(threads):
        return _train(
            recipe, start, prepared, objective, torch.device(device_name), course or Course()
        )


def _train(
    recipe: DenseRecipe,
    start: nn.Module,
    prepared: Prepared,
    objective: Objective,
    device: torch.device,
    course: Course,
) -> TrainedNets:
    seed = derived_seed(recipe.seed, "dense", recipe.name, sorted(recipe.settings.items()))
    data = TrialData(prepared, device, recipe.precision, fused=recipe.fused)
    start = start.to(device)
    context = Context(start, None, start, (), data, objective, device, seed)
    with seeded(derived_seed(seed, "start"), device):
        run = DENSE[recipe.name](**recipe.settings).start(context)
    key = recipe.key(prepared)
    early = run.result().clone().net
    epoch, cut = course.begin(key, run, early), False
    data.interrupt = course.check
    try:
        while epoch < run.epochs:
            course.check()
            with seeded(derived_seed(seed, "epoch", epoch), device):
                losses = run.epoch(context.generator("epoch", epoch))
            epoch += 1
            if epoch == EARLY_EPOCHS:
                early = run.result().clone().net
            course.passed(key, run, early if epoch >= EARLY_EPOCHS else None, losses)
    except Halted:
        if epoch < EARLY_EPOCHS:
            raise
        cut = True
    dense = run.result().net.cpu().eval()
    return TrainedNets(dense, early.cpu().eval(), course.how_far, cut)


def decision_of(correction: Mapping[str, Any], dense: Dense | None = None) -> Decision | None:
    """The dense net's decision that networks are compared with; None: its best.

    It is what the event `dense` says. Before there is one, and in runs of earlier versions, it is
    the threshold .5 where the search's `correction` fixes that.
    """
    if dense is not None and "decision" in dense:
        return decision_from_dict(dense["decision"])
    fixed = correction["name"] == "threshold" and correction.get("choose") == "fixed"
    return CommonThreshold(HALF) if fixed else None


def dense_report(bench: Workbench) -> DenseFacts:
    """The dense net's own counts, the reference row of every front.

    It is judged at its best, or, by a bias that compares with it, at the decision that others are
    compared with: there its own bias is 0. Raises UserError where it is no better than a constant
    prediction: there is nothing to repair.
    """
    held_back, tune = bench.count(bench.dense, "held_back"), bench.count(bench.dense, "tune")
    against_dense = bench.objective.against_dense
    decision = bench.dense_decision if against_dense else bench.best_dense_decision
    judged = evaluate(decision.decide_by_group(tune, bench.crossing_to_group), bench.objective)
    if not judged["beats_trivial"]:
        raise UserError(
            f"dense net: must be clearly better than a constant prediction, got "
            f"{bench.objective.performance} {judged['performance']:.3f} on tune; train it longer "
            f"([dense] max_epochs, lr), or check the labels, the weights it was given and how its "
            f"inputs are scaled ([model] inputs)"
        )
    return {
        "decision": bench.dense_decision.to_dict(),
        "counts": {"tune": tune.to_dict(), "held_back": held_back.to_dict()},
        "sparsity": 0.0,
        "unpruned": unprunable(bench.dense),
        "performance": cast("float", judged["performance"]),  # known: it beats the trivial one
        "bias": judged["bias"],
        "trivial_performance": cast("float", judged["trivial_performance"]),
        "weights": weights_hash(bench.dense),
        "digest": digest(bench.dense.state_dict()),
        "frozen": [name for name, one in bench.dense.named_parameters() if not one.requires_grad],
        "decided": packed(bench.dense_predictions("tune")[sampled_rows(tune.total)]),
    }


_SAMPLE = 4096  # rows: enough to see one in a thousand, and of few of which large nets are asked


def sampled_rows(rows: int) -> NDArray[np.int64]:
    """(n,) rows, spread evenly over `rows` of them, for which the dense net's decisions are kept.

    Commands that go on with a run compare with these whether it still decides so.
    """
    return np.linspace(0, rows - 1, min(rows, _SAMPLE)).round().astype(np.int64)
