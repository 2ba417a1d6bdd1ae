"""What an epoch says of itself: whether it is offered, what it took, its round and diagnostics."""

from __future__ import annotations

import copy

import pytest
import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch import nn

from tests.trainables.made_data import PARTS, made_prepared
from tests.trainables.trial.test_pipeline import LOOSE, trained_net, undisturbed
from trainables.masks import MaskedNet, masks_of_largest, prunable
from trainables.methods import METHODS, Method, Stage
from trainables.pruners import PRUNERS
from trainables.stage import Settings, StageRun
from trainables.trial.candidate_store import CandidateStore
from trainables.trial.pipeline import Pipeline
from trainables.trial.shared_stage import StageStore
from trainables.trial.spec import Spec
from trainables.trial.workbench import Workbench

ROUNDS, EPOCHS = 3, 2  # of each round


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class InRounds(Settings):
    """Removes a tenth more of the weights in each of three rounds of two epochs."""

    offers: bool = True

    learns_from = "train"

    @property
    def leaves_candidates(self) -> bool:
        return self.offers

    def start(self, context):
        return _InRounds(context)


class _InRounds(StageRun):
    epochs = ROUNDS * EPOCHS

    def __init__(self, context):
        self._dense = context.dense
        self._done = 0
        self._masked = context.latest_or_dense()

    def epoch(self, generator):
        self.round, place = self._done // EPOCHS + 1, self._done % EPOCHS
        if place == 0:
            scores = {k: v.detach().abs() for k, v in prunable(self._dense).items()}
            masks = masks_of_largest(scores, 0.1 * self.round, "layer")
            self._masked = MaskedNet(copy.deepcopy(self._dense), masks)
            masks.apply_(self._masked.net)
        self.diagnostics = {"kept": {"0": self._masked.masks.kept}} if place == 0 else None
        self.samples = 7 if place == 0 else 11
        self.worth_keeping = place == EPOCHS - 1
        self._done += 1
        return {}

    def result(self):
        return self._masked

    def state_dict(self):
        return {"done": self._done}

    def load_state_dict(self, state):
        self._done = state["done"]


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.setitem(PRUNERS, "in_rounds", InRounds)
    stages = (Stage("pruner", "in_rounds"), Stage("recovery", "as_is"))
    monkeypatch.setitem(METHODS, "rounds_alone", Method(stages[:1], "rounds", "2026"))
    monkeypatch.setitem(METHODS, "rounds_then_as_is", Method(stages, "rounds", "2026"))
    return Workbench.open(made_prepared(), trained_net(2), LOOSE, device="cpu")


def spec_of(method, shared=None, **pruner):
    return Spec.from_config(
        {
            "trial": "t0001",
            "method": method,
            "seed": 1,
            "settings": {"pruner": pruner},
            "correction": {"name": "threshold"},
            **({"shared": shared} if shared else {}),
        }
    )


@pytest.mark.parametrize("method", ["rounds_alone", "rounds_then_as_is"])
def test_the_epochs_that_say_so_are_offered_wherever_the_stage_stands(bench, tmp_path, method):
    store = CandidateStore(tmp_path)
    reports = undisturbed(Pipeline(spec_of(method), bench, store))

    in_rounds = [r for r in reports if r["name"] == "in_rounds"]
    offered = [r["epoch"] for r in in_rounds if r["candidate"]]
    assert offered == [2, 4, 6]
    assert [r["sparsity"] for r in in_rounds if r["candidate"]] == [
        pytest.approx(share, abs=0.02) for share in (0.1, 0.2, 0.3)
    ]


def test_a_stage_whose_settings_do_not_offer_leaves_that_to_the_last(bench, tmp_path):
    pipeline = Pipeline(
        spec_of("rounds_then_as_is", offers=False), bench, CandidateStore(tmp_path)
    )

    candidates = [bool(report["candidate"]) for report in undisturbed(pipeline)]
    assert candidates == [False] * 6 + [True]


def test_a_stage_that_offers_is_not_shared_though_the_spec_says_so(bench, tmp_path):
    stages = StageStore(tmp_path / "stages")
    pipeline = Pipeline(
        spec_of("rounds_then_as_is", {"pruner": 0}), bench, CandidateStore(tmp_path), stages
    )
    undisturbed(pipeline)
    assert not stages.files()

    not_offering = spec_of("rounds_then_as_is", {"pruner": 0}, offers=False)
    undisturbed(Pipeline(not_offering, bench, CandidateStore(tmp_path), stages))
    assert stages.files()


def test_an_epoch_is_charged_the_rows_that_it_took(bench):
    reports = undisturbed(Pipeline(spec_of("rounds_alone"), bench))

    assert [r["samples"] for r in reports] == [7, 11] * ROUNDS
    assert reports[-1]["charged"] == reports[-1]["spent"] == 18 * ROUNDS
    assert PARTS["train"] not in {r["samples"] for r in reports}


def test_rounds_are_numbered_and_diagnosed_once_each(bench):
    reports = undisturbed(Pipeline(spec_of("rounds_alone"), bench))

    assert [r["round"] for r in reports] == [1, 1, 2, 2, 3, 3]
    diagnosed = [r["epoch"] for r in reports if "diagnostics" in r]
    assert diagnosed == [1, 3, 5]
    kept = [r["diagnostics"]["kept"]["0"] for r in reports if "diagnostics" in r]
    assert kept == sorted(kept, reverse=True)
    assert all(set(r["losses"]) == set() for r in reports)


def test_other_stages_say_nothing_of_rounds(bench):
    reports = undisturbed(Pipeline(spec_of("rounds_then_as_is"), bench))

    assert "round" not in reports[-1]
    assert "diagnostics" not in reports[-1]


def test_earlier_weights_are_refused_by_name_where_there_are_none(bench):
    context = Pipeline(spec_of("rounds_alone"), bench)._context()

    with pytest.raises(ValueError, match="lottery: needs the network's initial weights"):
        context.start_of_training("lottery")
    with pytest.raises(ValueError, match="lottery: needs weights from early in the dense net's"):
        context.early_in_training("lottery")


def test_earlier_weights_are_those_of_the_workbench():
    initial, early = (nn.Sequential(nn.Linear(5, 1)) for _ in range(2))
    bench = Workbench.open(
        made_prepared(), trained_net(2), LOOSE, device="cpu", initial=initial, early=early
    )
    context = Pipeline(spec_of("magnitude_retrain"), bench)._context()

    assert torch.equal(context.start_of_training("x")[0].weight, initial[0].weight)
    assert torch.equal(context.early_in_training("x")[0].weight, early[0].weight)
