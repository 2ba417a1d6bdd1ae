"""One trial: a list of stages, advanced an epoch at a time, evaluated after each."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from trainables.corrections.threshold import Threshold
from trainables.masks import MaskedNet, Masks
from trainables.models.joint_head import described, rebuilt
from trainables.stage import Context, StageRun, State, derived_seed, seeded
from trainables.trial.candidate_store import CandidateStore
from trainables.trial.judge import Judge
from trainables.trial.shared_stage import SharedStage, stage_key, stage_seed

if TYPE_CHECKING:
    from trainables.evaluation.objective import Objective
    from trainables.evaluation.report import OfRound, Report, StageReport
    from trainables.trial.archive import Entry
    from trainables.trial.shared_stage import StageStore
    from trainables.trial.spec import Spec
    from trainables.trial.workbench import Workbench


class Pipeline:
    """Runs the stages of one trial, an epoch of one of them in each step.

    On a CPU the same spec and seed give identical reports, also when the state was saved and
    loaded half-way, or a stage's result was there already in `stages`.
    """

    def __init__(
        self,
        spec: Spec,
        bench: Workbench,
        store: CandidateStore | None = None,
        stages: StageStore | None = None,
    ) -> None:
        """`store` takes candidates; `stages` the results of stages that the spec calls shared."""
        self.spec = spec
        self.bench = bench
        self.store = store
        self.stages = stages
        self.position = 0  # of the current stage
        self.epoch = 0  # finished epochs, all stages together
        self.stage_epoch = 0  # finished epochs of the current stage
        self.charged = 0  # samples that the stages so far take
        self.spent = 0  # samples that this trial has processed: less where a result was there
        self.left: list[MaskedNet] = []  # what finished stages left
        self._judge = Judge(spec, bench, store)
        self._run: StageRun | None = None
        self._run_epoch = 0  # finished epochs of `_run`
        self._kept_round: int | None = None  # the last one whose network was kept for good
        self._shared: SharedStage | None = None  # the current stage, if it is one

    @property
    def archive(self) -> list[Entry]:
        """The candidates of this trial that none of its others makes superfluous."""
        return self._judge.archive

    @property
    def done(self) -> bool:
        return self.position == len(self.spec.stages)

    def ready(self, patience: float = math.inf) -> bool:
        """Whether `step` can begin at once.

        False where another worker still computes what it needs after `patience` seconds.
        """
        if self._shared is None and not self.done:
            self._shared = self._sharing()
        return self._shared is None or self._shared.ready(patience)

    def close(self) -> None:
        """Leaves a shared stage that is not finished to other trials."""
        if self._shared is not None:
            self._shared.close()
            self._shared = None

    def step(self) -> Report:
        """One epoch of the current stage and its report; waits until it is `ready`.

        Raises FloatingPointError where a loss is not finite, RuntimeError when already done.
        """
        if self.done:
            raise RuntimeError(f"trial {self.spec.trial}: all of its stages are done")
        self.ready()
        waited = 0.0 if self._shared is None else self._shared.take_waited()
        begin = time.perf_counter() - waited
        stage = self.spec.stages[self.position]
        self.stage_epoch += 1
        self.epoch += 1
        if self._shared is not None and self._shared.result is not None:
            of_stage = self._shared.result.reports[self.stage_epoch - 1]
        else:
            of_stage = self._compute()
        self.charged += of_stage["samples"]
        last_of_stage = self.stage_epoch == of_stage["stage_epochs"]
        final = self._final
        report: Report = {
            "trial": self.spec.trial,
            "epoch": self.epoch,
            "stage": self.position,
            "role": stage.role,
            "name": stage.name,
            "stage_epoch": self.stage_epoch,
            "final_stage": final,
            "last": final and last_of_stage,
            "charged": self.charged,
            "spent": self.spent,
            **of_stage,
            "seconds": 0.0,
        }
        if last_of_stage:
            self._finish_stage()
        report["seconds"] = round(time.perf_counter() - begin, 4)
        return report

    def state_dict(self) -> State:
        return {
            "position": self.position,
            "epoch": self.epoch,
            "stage_epoch": self.stage_epoch,
            "charged": self.charged,
            "spent": self.spent,
            "archive": self._judge.state_dict(),
            "left": [
                {
                    "net": left.net.state_dict(),
                    "masks": left.masks.state_dict(),
                    "structure": described(left.net),
                }
                for left in self.left
            ],
            "run": None if self._run is None else self._run.state_dict(),
            "run_epoch": self._run_epoch,
            "kept_round": self._kept_round,
            "shared": None if self._shared is None else self._shared.state_dict(),
        }

    def load_state_dict(self, state: State) -> None:
        self.position = state["position"]
        self.epoch = state["epoch"]
        self.stage_epoch = state["stage_epoch"]
        self.charged = state["charged"]
        self.spent = state["spent"]
        self._judge.load_state_dict(state["archive"])
        self.left = [self._net_from(left) for left in state["left"]]
        self.close()
        self._run = None
        if state["run"] is not None:
            self._start().load_state_dict(state["run"])
        self._run_epoch = state["run_epoch"]
        self._kept_round = state.get("kept_round")  # missing in checkpoints of earlier versions
        if state["shared"] is not None and (shared := self._sharing()) is not None:
            shared.load_state_dict(state["shared"])
            self._shared = shared

    def _net_from(self, state: State) -> MaskedNet:
        base = MaskedNet(self.bench.dense, Masks.keep_all(self.bench.dense)).clone()
        net = rebuilt(base.net, state["structure"])
        net.load_state_dict(state["net"])
        return MaskedNet(net, Masks(state["masks"]))

    def _context(self) -> Context:
        return Context(
            initial=self.bench.initial,
            early=self.bench.early,
            dense=self.bench.dense,
            incoming=tuple(self.left),
            data=self.bench.data,
            objective=self._objective,
            device=self.bench.device,
            seed=stage_seed(self.spec, self.position),
        )

    @property
    def _objective(self) -> Objective:
        """What the stages aim at: with the margin that the trial's threshold is chosen with."""
        correction, objective = self.spec.correction, self.bench.objective
        return (
            correction.objective_of(objective) if isinstance(correction, Threshold) else objective
        )

    @property
    def _final(self) -> bool:
        return self.position == len(self.spec.stages) - 1

    @property
    def _offers(self) -> bool:
        """Whether networks of the current stage may enter the front."""
        return self._final or self.spec.stages[self.position].settings.leaves_candidates

    def _sharing(self) -> SharedStage | None:
        """The current stage as a shared one; None if it is not shared.

        A stage that offers networks to the front never is: they are candidates of one trial.
        """
        slot = self.spec.stages[self.position].slot
        if self.stages is None or self._offers or slot not in self.spec.shared:
            return None
        key = stage_key(self.spec, self.position, self.bench, self.left)
        return SharedStage(self.stages, key)

    def _samples(self, run: StageRun) -> int:
        """How many rows the epoch took, once for every network that they went through."""
        if run.samples is not None:
            return run.samples
        split = self.spec.stages[self.position].settings.learns_from
        return 0 if split == "nothing" else run.passes * len(self.bench.data.part(split))

    def _compute(self) -> StageReport:
        """Runs the stage up to the epoch that is due, and returns its report of that one.

        That is one epoch, unless this trial has replayed the epochs before from a result that is
        gone.
        """
        run = self._run or self._start()
        while self._run_epoch + 1 < self.stage_epoch:
            self._compute_epoch(run)
        return self._compute_epoch(run)

    def _compute_epoch(self, run: StageRun) -> StageReport:
        context = self._context()
        with seeded(derived_seed(context.seed, "epoch", self._run_epoch), self.bench.device):
            losses = run.epoch(context.generator("epoch", self._run_epoch))
        self._run_epoch += 1
        samples = self._samples(run)
        self.spent += samples
        candidate = self._offers and run.worth_keeping
        judgement = self._judge.report(
            run.result(), self.epoch, candidate=candidate, required=self._required(run)
        )
        report: StageReport = {
            "stage_epochs": run.epochs,
            "samples": samples,
            "losses": losses,
            **judgement,
            **_of_round(run),
        }
        if self._shared is not None:
            self._shared.computed.append(report)
        return report

    def _required(self, run: StageRun) -> bool:
        """Whether the network after the epoch just run is kept whatever it is worth."""
        if self._final and self._run_epoch == run.epochs:
            return self.spec.keep != "pareto"
        if self.spec.keep != "rounds" or not (self._offers and run.worth_keeping):
            return False
        first, self._kept_round = run.round != self._kept_round, run.round
        return first and run.round is not None

    def _start(self) -> StageRun:
        context = self._context()
        with seeded(derived_seed(context.seed, "start"), self.bench.device):
            self._run = self.spec.stages[self.position].settings.start(context)
        self._run_epoch = 0
        return self._run

    def _finish_stage(self) -> None:
        shared = self._shared
        if shared is not None and shared.result is not None:
            net, masks = dict(shared.result.net), dict(shared.result.masks)
            # A pruner leaves the dense net's layers or those that its training began with, which
            # had no joint head yet.
            of_dense = net.keys() == self.bench.dense.state_dict().keys()
            structure = described(self.bench.dense) if of_dense else None
            state = {"net": net, "masks": masks, "structure": structure}
            self.left.append(self._net_from(state))
        elif self._run is not None:
            self.left.append(self._run.result().clone())
            if shared is not None:
                shared.finish(self.left[-1])
        self.close()
        self._run = None
        self._run_epoch = 0
        self.position += 1
        self.stage_epoch = 0


def _of_round(run: StageRun) -> OfRound:
    """What a run says of its last epoch, if it prunes in rounds."""
    said: OfRound = {}
    if run.round is not None:
        said["round"] = run.round
    if run.diagnostics is not None:
        said["diagnostics"] = run.diagnostics
    return said
