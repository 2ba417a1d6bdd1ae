"""What a trial's networks are worth: counts, decision, measures, and whether they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from trainables.corrections.threshold import Threshold
from trainables.evaluation.report import evaluate_objective, every_measure, point_values
from trainables.trial.archive import Entry, admit
from trainables.trial.candidate_store import CandidateFacts, CandidateStore

if TYPE_CHECKING:
    from trainables.evaluation.counts import Counts, ScoreCounts
    from trainables.evaluation.report import DecisionDict, Judged, Judgement, OfCandidate, OfSecond
    from trainables.masks import MaskedNet
    from trainables.stage import State
    from trainables.trial.spec import Spec
    from trainables.trial.workbench import Workbench


class Judge:
    """Judges the networks of one trial, and keeps those in `store` that a front may need: that of
    the search, or of another tolerance of the range that the experiment names."""

    def __init__(self, spec: Spec, bench: Workbench, store: CandidateStore | None) -> None:
        self._spec, self._bench, self._store = spec, bench, store
        self.archive: list[Entry] = []  # candidates that no other of the trial makes superfluous

    def state_dict(self) -> list[State]:
        return [asdict(entry) for entry in self.archive]

    def load_state_dict(self, state: list[State]) -> None:
        self.archive = [Entry(**entry) for entry in state]

    def report(
        self, masked: MaskedNet, epoch: int, *, candidate: bool, required: bool = False
    ) -> Judgement:
        """Counts, decision and measures of the network as it stands, offered as a candidate.

        A `required` one is kept for good, even where it is no better than a constant prediction.
        The counts of a candidate that is kept are whole (histograms of scores) and in a recording
        also taken on test. Those of any other network are as decided.
        """
        bench = self._bench
        counts = bench.count_each(masked.net, ("tune", "held_back"))
        decision = self._spec.correction.fit(
            bench.by_group(counts["held_back"]),
            bench.objective,
            bench.prepared.priors,
            self._spec.seed,
        )
        decided = decision.decide(counts["tune"], bench.crossing_to_group)
        judged = decided.regroup(bench.crossing_to_group)
        values = evaluate_objective(judged, bench.objective)
        how = decision.to_dict()
        name: str | None = None
        dropped: list[str] = []
        if candidate and values["beats_trivial"]:
            name, dropped = self._offer(masked, epoch, values, how, required=required)
        elif required:
            name = self._put(masked, epoch, how)
        further: OfCandidate = {} if name is None else {"measures": every_measure(judged)}
        report: Judgement = {
            "sparsity": masked.masks.sparsity,
            "live": masked.live_unit_share(bench.data.input_shape),
            "decision": how,
            **values,
            **further,
            **self._second(counts),
            "candidate": name,
            "dropped": dropped,
            "counts": {},
        }
        if name is None:
            # Never judged again by another tolerance, measure or group: decided counts will do,
            # and every measure follows from them.
            held_back = decision.decide(counts["held_back"], bench.crossing_to_group)
            counts = {"tune": decided, "held_back": held_back}
        elif bench.recording:
            counts["test"] = bench.count(masked.net, "test")
        report["counts"] = {split: of_split.to_dict() for split, of_split in counts.items()}
        return report

    def _second(self, counts: Mapping[str, Counts | ScoreCounts]) -> OfSecond:
        """The second decision, where the experiment asks for one; nothing is chosen by it."""
        bench = self._bench
        if bench.beside is None:
            return {}
        decision = Threshold(bench.beside).fit(
            bench.by_group(counts["held_back"]),
            bench.objective,
            bench.prepared.priors,
            self._spec.seed,
        )
        judged = decision.decide_by_group(counts["tune"], bench.crossing_to_group)
        performance, bias = point_values(judged, bench.objective)
        return {
            "beside": {"decision": decision.to_dict(), "performance": performance, "bias": bias}
        }

    def _offer(
        self,
        masked: MaskedNet,
        epoch: int,
        values: Judged,
        decision: DecisionDict,
        *,
        required: bool,
    ) -> tuple[str | None, list[str]]:
        """Keeps the network if nothing in this trial makes it superfluous, or it is required.

        Returns its name, or None where it is not kept, and the names of those that it replaces.
        """
        performance, bias = values["performance"], values["bias"]
        if self._store is None or performance is None or bias is None:
            return (self._put(masked, epoch, decision) if required else None), []
        sparsity = masked.masks.sparsity
        upper = values["bias_upper"]
        new = Entry("", performance, bias, sparsity, values["feasible"], required=required)
        if upper is not None:
            new = replace(new, bias_upper=upper)
        stay = admit(
            self.archive,
            new,
            sparsity=self._bench.sparsity,
            tolerances=self._bench.tolerances,
        )
        if stay is None:
            return (self._put(masked, epoch, decision) if required else None), []
        name = self._put(masked, epoch, decision)
        replaced = [old for old in self.archive if old not in stay and not old.required]
        dropped = [old.candidate for old in replaced]
        for superfluous in dropped:
            self._store.drop(superfluous)
        self.archive = [*stay, replace(new, candidate=name or "")]
        return name, dropped

    def _put(self, masked: MaskedNet, epoch: int, decision: DecisionDict) -> str | None:
        """Stores the network and returns its name; None where this trial has no store."""
        if self._store is None:
            return None
        facts: CandidateFacts = {
            "trial": self._spec.trial,
            "epoch": epoch,
            "spec": self._spec.to_config(),
            "decision": decision,
            "sparsity": masked.masks.sparsity,
        }
        return self._store.put(masked, facts)
