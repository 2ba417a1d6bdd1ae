"""What speaks against a dense net before anything is pruned: it may be fed the wrong inputs."""

from __future__ import annotations

from search.config.config import Config
from search.journal.events import DenseFacts
from search.problem.start_network import GIVEN
from trainables.data import Prepared
from trainables.data.scaling import seen_range, sees
from trainables.evaluation.intervals import performance_se
from trainables.trial.workbench import Workbench

NEAR_CHANCE = 0.2  # of the way from a constant prediction to a perfect one


def seen_by_network(prepared: Prepared) -> str:
    """What the networks see of the data: how it is made from raw rows, and its range in train."""
    low, high = seen_range(prepared.encoder, prepared.parts["train"].inputs)
    shape = tuple(prepared.input_shape)
    return f"{sees(prepared.encoder)}; {shape} from {low:.3g} to {high:.3g} in train"


def doubts_of(config: Config, bench: Workbench, report: DenseFacts) -> list[str]:
    """Warnings where the dense net is worth less than the user knows it to be, or, a given one,
    hardly more than a constant prediction. `report` is what is known of it on tune.

    Less than [model] expect is what lies more than a standard error below it: the user's figure
    may be of other rows.
    """
    measure, value = bench.objective.performance, report["performance"]
    trivial, expected = report["trivial_performance"], config.model.expect
    given = config.dense.name == GIVEN
    if expected is not None and value + _standard_error(bench) < expected:
        why = f"less than [model] expect = {expected:g}"
    elif given and value < trivial + NEAR_CHANCE * (1 - trivial):
        why = f"hardly more than the {trivial:.3f} of a constant prediction"
    else:
        return []
    return [
        f"dense net: {measure} is {value:.3f} on tune, {why}. Was it trained on inputs that are "
        f"scaled another way? It sees: {seen_by_network(bench.prepared)}. [model] inputs changes "
        f'that: "standardised", "raw", "0..1" or {{mean = ..., std = ...}}'
    ]


def _standard_error(bench: Workbench) -> float:
    """Of the dense net's performance on tune, where it is judged as `dense_report` judges it."""
    against = bench.objective.against_dense
    decision = bench.dense_decision if against else bench.best_dense_decision
    counts = bench.count(bench.dense, "tune")
    decided = decision.decide_by_group(counts, bench.crossing_to_group)
    return performance_se(bench.objective.performance, decided, 0)
