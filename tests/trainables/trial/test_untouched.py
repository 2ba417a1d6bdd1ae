"""Nothing is offered to the front before a recovery has changed the network it was given."""

from __future__ import annotations

import pytest
import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from tests.trainables.made_data import PARTS, made_prepared
from tests.trainables.short_methods import ADVERSARIAL, DISCOVERY, GRAFT
from tests.trainables.trial.test_pipeline import (
    LOOSE,
    disturbed,
    trained_net,
    undisturbed,
    without_seconds,
)
from trainables.masks import MaskedNet, Masks
from trainables.methods import METHODS, Method, Stage
from trainables.recoveries import RECOVERIES
from trainables.recoveries.best_net import BestNet
from trainables.stage import Settings, StageRun
from trainables.trial.candidate_store import CandidateStore
from trainables.trial.judge import Judge
from trainables.trial.pipeline import Pipeline
from trainables.trial.spec import Spec
from trainables.trial.workbench import Workbench

GRAFTS = ("noise_graft", "internal_graft", "external_graft", "netaug")


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Late(Settings):
    """Leaves the network alone but for one epoch, in which it does as `what` says."""

    what: str = "weight"

    learns_from = "debias"

    def start(self, context):
        return _Late(self.what, context.latest_or_dense().clone())


class _Late(StageRun):
    epochs = 4

    def __init__(self, what, masked):
        self._what, self._masked, self._done = what, masked, 0

    def epoch(self, generator):
        self._done += 1
        if self._done != 3:
            return {}
        net, masks = self._masked.net, self._masked.masks
        if self._what == "weight":
            with torch.no_grad():
                net[0].bias[0] += 1e-3
        elif self._what == "mask":  # of a weight that is 0 anyway
            kept = masks.state_dict()
            kept["0.weight"][0, 0] = False
            self._masked = MaskedNet(net, Masks(kept))
        elif self._what == "statistics":
            net[3].running_mean += 1e-3
        return {}

    def result(self):
        return self._masked

    def state_dict(self):
        masks = self._masked.masks.state_dict()
        return {"done": self._done, "net": self._masked.net.state_dict(), "masks": masks}

    def load_state_dict(self, state):
        self._done = state["done"]
        self._masked.net.load_state_dict(state["net"])
        self._masked = MaskedNet(self._masked.net, Masks(state["masks"]))


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.setitem(RECOVERIES, "late", Late)
    monkeypatch.setitem(METHODS, "late", Method((Stage("recovery", "late"),), "late", "2026"))
    net = trained_net(2)
    with torch.no_grad():
        net[0].weight[0, 0] = 0.0
    return Workbench.open(made_prepared(), net, LOOSE, device="cpu")


@pytest.fixture
def asked(monkeypatch):
    """Of each epoch that was judged: whether its network was offered."""
    seen, plain = [], Judge.report

    def report(judge, masked, epoch, *, candidate, required):
        seen.append(candidate)
        return plain(judge, masked, epoch, candidate=candidate, required=required)

    monkeypatch.setattr(Judge, "report", report)
    return seen


def spec_of(method, **settings):
    return Spec.from_config(
        {
            **{"trial": "t0001", "method": method, "seed": 1, "settings": settings},
            "correction": {"name": "threshold"},
        }
    )


@pytest.mark.parametrize(
    ("what", "offered"),
    [
        ("weight", [False, False, True, True]),
        ("mask", [False, False, True, True]),
        ("statistics", [False] * 4),
        ("nothing", [False] * 4),
    ],
)
def test_a_recovery_offers_from_the_epoch_on_that_changes_a_weight_or_a_mask(
    bench, asked, what, offered
):
    undisturbed(Pipeline(spec_of("late", recovery={"what": what}), bench))

    assert asked == offered


def test_so_it_does_when_each_epoch_is_another_process(bench, asked, tmp_path):
    spec = spec_of("late", recovery={})
    whole = undisturbed(Pipeline(spec, bench, CandidateStore(tmp_path / "whole")))
    found = disturbed(spec, bench, CandidateStore(tmp_path / "parts"), tmp_path)

    assert without_seconds(found) == without_seconds(whole)
    assert asked == [False, False, True, True] * 2


@pytest.mark.parametrize(
    ("method", "slot"),
    [("adv_ft", ADVERSARIAL), *((name, GRAFT) for name in GRAFTS)],
)
def test_epochs_in_which_only_the_critic_learns_offer_nothing(bench, asked, method, slot):
    """Grafts are made before the first epoch, yet nothing of them has been trained."""
    pruner = {} if method == "adv_ft" else {"pruner": DISCOVERY}
    warm = {**slot, "epochs": 4, "critic_warmup": 2, "warmup_steps": 0}
    reports = undisturbed(Pipeline(spec_of(method, recovery=warm, **pruner), bench))

    last = [o for o, r in zip(asked, reports, strict=True) if r["final_stage"]]
    assert last == [False, False, True, True]


def test_an_epoch_whose_only_step_has_a_rate_of_0_offers_nothing(bench, asked):
    one_batch = {"batch_size": PARTS["debias"], "bias_from": "soft", "warmup_steps": 2}
    undisturbed(Pipeline(spec_of("adv_ft", recovery={**ADVERSARIAL, **one_batch}), bench))

    assert asked == [False, True, True, True]


def test_tries_of_which_none_is_better_offer_nothing(bench, asked, monkeypatch):
    monkeypatch.setattr(BestNet, "_judge", lambda *_: 0.5)
    undisturbed(Pipeline(spec_of("random_perturbation", recovery={"tries": 21}), bench))

    assert asked == [False] * 3


@pytest.mark.parametrize("method", ["dense_threshold", "prune_as_is"])
def test_what_a_recovery_is_given_is_offered_by_the_method_that_leaves_it_at_that(
    bench, asked, method
):
    pruner = {} if method == "dense_threshold" else DISCOVERY
    undisturbed(Pipeline(spec_of(method, pruner=pruner), bench))

    assert asked[-1]
    assert not any(asked[:-1])
