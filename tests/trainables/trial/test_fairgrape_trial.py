"""A FairGRAPE trial to 99 %: a network of every sparsity on the way, each of its exact size."""

import math

import pytest

from tests.trainables.made_data import PARTS, made_prepared
from tests.trainables.trial.test_pipeline import LOOSE, trained_net, undisturbed
from trainables.masks import prunable
from trainables.trial.candidate_store import CandidateStore
from trainables.trial.pipeline import Pipeline
from trainables.trial.spec import Spec
from trainables.trial.workbench import Workbench

ROUNDS = 44  # ceil(ln .01 / ln .9)


@pytest.fixture(scope="module")
def bench():
    return Workbench.open(made_prepared(groups=3), trained_net(2), LOOSE, device="cpu")


@pytest.fixture(scope="module")
def trial(bench, tmp_path_factory):
    settings = {"sparsity": 0.99, "round_epochs": 1, "final_epochs": 1, "batch_size": 50}
    spec = Spec.from_config(
        {
            "trial": "t0001",
            "method": "fairgrape",
            "seed": 1,
            "settings": {"pruner": settings},
            "correction": {"name": "threshold"},
            "keep": "rounds",
        }
    )
    store = CandidateStore(tmp_path_factory.mktemp("store"))
    return undisturbed(Pipeline(spec, bench, store)), store


def test_forty_four_rounds_leave_as_many_networks_each_of_its_size_and_as_it_was_judged(
    trial, bench
):
    reports, store = trial
    of_rounds = {r["round"]: r for r in reports[:ROUNDS]}
    candidates = {number: r["candidate"] for number, r in of_rounds.items()}

    assert list(candidates) == list(range(1, ROUNDS + 1))
    # The retraining belongs to the last round: its end stands for that round.
    assert reports[-1]["round"] == ROUNDS
    assert reports[-1]["candidate"]
    for number, name in candidates.items():
        if number == ROUNDS:
            continue
        masked = store.load(name, bench.dense)
        density = max(0.9**number, 1 - 0.99)
        for layer, weight in prunable(masked.net).items():
            kept = math.ceil(density * weight.numel() - 1e-9)
            assert int(masked.masks[layer].sum()) == kept
            assert int((weight != 0).sum()) <= kept
        report = of_rounds[number]
        assert report["sparsity"] == masked.masks.sparsity
        assert store.facts(name)["epoch"] == report["epoch"]


def test_each_round_is_charged_its_importance_pass_and_tells_what_it_did(trial):
    reports, _ = trial
    taken = 3 * 16  # a fifth of 150 rows is less than one batch of 50 // 3 rows of each group

    assert [r["samples"] for r in reports] == [PARTS["train"] + taken] * ROUNDS + [PARTS["train"]]
    assert reports[-1]["charged"] == sum(r["samples"] for r in reports)
    for report in reports[:ROUNDS]:
        told = report["diagnostics"]
        assert sum(told["kept"].values()) == round((1 - report["sparsity"]) * 48)
        assert told["groups"] == ["a", "b", "c"]
        assert all(sum(shares) == pytest.approx(1) for shares in told["importance"].values())
    assert "diagnostics" not in reports[-1]
