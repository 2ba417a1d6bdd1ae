"""One trial: a list of stages, advanced an epoch at a time, evaluated after each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import torch

from trainables.candidates import CandidateStore, Entry, admit
from trainables.evaluation.report import evaluate
from trainables.masks import MaskedNet, Masks
from trainables.stage import Context, Run, State, derived_seed, settings_dict

if TYPE_CHECKING:
    from torch import nn

    from trainables.evaluation.counts import Counts, ScoreCounts
    from trainables.spec import Spec, StageSpec
    from trainables.world import World

Report = dict[str, Any]  # JSON-able; its keys are listed in `Pipeline.step`


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's global stream (dropout) restarted from `seed`, and put back afterwards."""
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed)
        yield


class Pipeline:
    """Runs `spec` in `world`. On CPU the same spec and seed give identical reports, also when the
    state was saved and loaded half-way."""

    def __init__(self, spec: Spec, world: World, store: CandidateStore | None = None) -> None:
        self.spec = spec
        self.world = world
        self.store = store
        self.position = 0  # of the current stage
        self.epoch = 0  # finished epochs, all stages together
        self.stage_epoch = 0  # finished epochs of the current stage
        self.charged = 0  # samples processed by the stages so far
        self.left: list[MaskedNet] = []  # what finished stages left
        self.archive: list[Entry] = []
        self._run: Run | None = None

    @property
    def done(self) -> bool:
        return self.position == len(self.spec.stages)

    def step(self) -> Report:
        """One epoch of the current stage and its report.

        Raises FloatingPointError where a loss is not finite, RuntimeError when already done.
        """
        if self.done:
            raise RuntimeError(f"trial {self.spec.trial}: all of its stages are done")
        begin = time.perf_counter()
        run = self._run or self._start()
        stage = self.spec.stages[self.position]
        context = self._context()
        with seeded(derived_seed(context.seed, "epoch", self.stage_epoch), self.world.device):
            losses = run.epoch(context.generator("epoch", self.stage_epoch))
        self.stage_epoch += 1
        self.epoch += 1
        if stage.settings.learns_from != "nothing":
            self.charged += len(self.world.prepared.parts[stage.settings.learns_from].labels)
        last_of_stage = self.stage_epoch == run.epochs
        final = self.position == len(self.spec.stages) - 1
        report = {
            "trial": self.spec.trial,
            "epoch": self.epoch,
            "stage": self.position,
            "role": stage.role,
            "name": stage.name,
            "stage_epoch": self.stage_epoch,
            "stage_epochs": run.epochs,
            "final_stage": final,
            "last": final and last_of_stage,
            "losses": losses,
            "charged": self.charged,
            **self._evaluate(run.result(), candidate=final or run.yields_candidates),
        }
        if last_of_stage:
            self._finish_stage(run)
        report["seconds"] = round(time.perf_counter() - begin, 4)
        return report

    def state_dict(self) -> State:
        return {
            "position": self.position,
            "epoch": self.epoch,
            "stage_epoch": self.stage_epoch,
            "charged": self.charged,
            "archive": [asdict(entry) for entry in self.archive],
            "left": [
                {"net": left.net.state_dict(), "masks": left.masks.state_dict()}
                for left in self.left
            ],
            "run": None if self._run is None else self._run.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        self.position = state["position"]
        self.epoch = state["epoch"]
        self.stage_epoch = state["stage_epoch"]
        self.charged = state["charged"]
        self.archive = [Entry(**entry) for entry in state["archive"]]
        self.left = [self._net_from(left) for left in state["left"]]
        self._run = None
        if state["run"] is not None:
            self._start().load_state_dict(state["run"])

    def _net_from(self, state: State) -> MaskedNet:
        base = MaskedNet(self.world.dense, Masks.keep_all(self.world.dense)).clone()
        base.net.load_state_dict(state["net"])
        return MaskedNet(base.net, Masks.from_state_dict(state["masks"]))

    def _context(self) -> Context:
        stage = self.spec.stages[self.position]
        settings = sorted(settings_dict(stage.settings).items())
        return Context(
            untrained=self._untrained(stage),
            dense=self.world.dense,
            incoming=tuple(self.left),
            data=self.world.data,
            objective=self.world.objective,
            device=self.world.device,
            seed=derived_seed(self.spec.seed, self.position, stage.name, settings),
        )

    def _untrained(self, stage: StageSpec) -> nn.Module:
        """Only a dense stage looks at it; a world of trials without one need not have it."""
        if self.world.untrained is not None:
            return self.world.untrained
        if stage.role == "dense":
            raise RuntimeError(
                f"trial {self.spec.trial}: {stage.name} trains from scratch, but its world was "
                f"opened without an untrained network"
            )
        return self.world.dense

    def _start(self) -> Run:
        context = self._context()
        with seeded(derived_seed(context.seed, "start"), self.world.device):
            self._run = self.spec.stages[self.position].settings.start(context)
        return self._run

    def _finish_stage(self, run: Run) -> None:
        self.left.append(run.result().clone())
        self._run = None
        self.position += 1
        self.stage_epoch = 0

    def _evaluate(self, masked: MaskedNet, *, candidate: bool) -> Report:
        """Counts, decision and measures of the network as it stands, offered as a candidate.

        Counts are whole (histograms of scores) where a candidate is left, else as decided. In a
        recording those of a candidate are taken on test too.
        """
        world = self.world
        counts: dict[str, Counts | ScoreCounts] = {
            split: world.count(masked.net, split) for split in ("tune", "held_back")
        }
        decision = self.spec.correction.fit(
            world.by_group(counts["held_back"]),
            world.objective,
            world.prepared.priors,
            self.spec.seed,
        )
        judged = decision.decide_by_group(counts["tune"], world.crossing_to_group)
        found = evaluate(judged, world.objective)
        report: Report = {
            "sparsity": masked.masks.sparsity,
            "live": masked.live_share(world.data.input_shape),
            "decision": decision.to_dict(),
            **found,
            "candidate": None,
            "dropped": [],
        }
        if candidate and found["beats_trivial"] and found["bias"] is not None:
            report |= self._offer(masked, report)
        if report["candidate"] is None:
            # Never judged again by another tolerance, measure or group: decided counts will do,
            # and every measure follows from them. A decision by lot draws here as it did above.
            groups = world.crossing_to_group
            counts = {split: decision.decide(one, groups) for split, one in counts.items()}
            del report["measures"]
        elif world.recording:
            counts["test"] = world.count(masked.net, "test")
        return {**report, "counts": {split: one.to_dict() for split, one in counts.items()}}

    def _offer(self, masked: MaskedNet, report: Report) -> Report:
        """Keeps the network if nothing in this trial makes it superfluous."""
        places = ("performance", "bias", "sparsity", "feasible")
        new = Entry("", **{key: report[key] for key in places})
        stay = admit(self.archive, new, sparsity=self.world.sparsity)
        if self.store is None or stay is None:
            return {}
        facts = {
            "trial": self.spec.trial,
            "epoch": self.epoch,
            "spec": self.spec.to_config(),
            "decision": report["decision"],
            "sparsity": report["sparsity"],
        }
        name = self.store.put(masked, facts)
        dropped = [old.candidate for old in self.archive if old not in stay]
        for superfluous in dropped:
            self.store.drop(superfluous)
        self.archive = [*stay, replace(new, candidate=name)]
        return {"candidate": name, "dropped": dropped}
