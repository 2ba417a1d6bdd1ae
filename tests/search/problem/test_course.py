"""The dense net's training can be cut short, kept and gone on with, and comes to the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from search.problem import course as course_module
from search.problem.course import Allowance, Course, Halted
from search.problem.dense_net import TrainedNets, dense_nets, train_dense
from search.problem.dense_recipe import DenseRecipe
from tests.trainables.made_data import made_prepared
from trainables.evaluation.objective import Objective

DATA = replace(made_prepared(), hashes={"train": "rows", "early_stop": "others"})
SETTINGS = {"max_epochs": 6, "check_every": 2, "batch_size": 16, "lr": 0.01}


def recipe(name: str = "erm", seed: int = 0) -> DenseRecipe:
    return DenseRecipe(name, SETTINGS, "a network", "a start", seed)


def start() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 1))


def trained(course: Course | None = None, name: str = "erm", seed: int = 0) -> TrainedNets:
    return train_dense(recipe(name, seed), start(), DATA, Objective(), 1, course=course)


def same(one: nn.Module | None, other: nn.Module | None) -> bool:
    assert one is not None and other is not None
    mine, others = one.state_dict(), other.state_dict()
    return all(torch.equal(mine[name], others[name]) for name in mine)


class HaltsAt(Course):
    """Is told to end before the batch of that number, from 1."""

    def __init__(self, kept: Path | None, batch: int) -> None:
        super().__init__(kept)
        self.left = batch

    def check(self) -> None:
        self.left -= 1
        if self.left <= 0:
            self.halt()
        super().check()


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(course_module, "KEEP_EVERY", 0.0)
    monkeypatch.setattr(course_module, "COST", 1e9)
    return tmp_path / "dense_training.pt"


@pytest.mark.parametrize("name", ["erm", "uniform_confusion", "domain_independent"])
@pytest.mark.parametrize("batches", [12, 30, 45])
def test_an_interrupted_training_goes_on_to_the_network_of_an_undisturbed_one(
    kept: Path, name: str, batches: int
) -> None:
    whole = trained(name=name)
    cut = trained(HaltsAt(kept, batches), name)
    assert cut.cut and not whole.cut
    assert cut.how_far is not None and 0 < cut.how_far["epoch"] < 6

    again = Course(kept)
    done = trained(again, name)

    assert not done.cut
    assert same(done.dense, whole.dense) and same(done.early, whole.early)
    assert again.how_far is not None and whole.how_far is not None
    assert again.how_far["epoch"] == whole.how_far["epoch"]
    assert again.how_far["best"] == whole.how_far["best"]


def test_what_another_training_has_kept_or_is_damaged_is_not_gone_on_with(
    kept: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trained(HaltsAt(kept, 30))
    assert same(trained(Course(kept), seed=1).dense, trained(seed=1).dense)

    trained(HaltsAt(kept, 30))
    kept.write_bytes(kept.read_bytes()[:-100])
    assert same(trained(Course(kept)).dense, trained().dense)
    assert "cannot be read" in caplog.text


def test_a_limit_ends_it_with_what_it_has_unless_that_is_not_an_epoch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = SimpleNamespace(seconds=0.0)

    def tick() -> float:  # a hundredth of a second at each look
        now.seconds += 0.01
        return float(now.seconds)

    monkeypatch.setattr(course_module, "time", SimpleNamespace(monotonic=tick))
    short = trained(Course(None, Allowance(should=0.3, may=10.0)))
    shorter = trained(Course(None, Allowance(should=0.0, may=10.0)))

    assert short.cut and short.how_far is not None and 1 <= short.how_far["epoch"] < 6
    assert shorter.cut and shorter.how_far is not None and shorter.how_far["epoch"] == 1
    with pytest.raises(Halted):
        trained(Course(None, Allowance(should=0.0, may=0.05)))


def test_one_that_was_cut_short_is_not_taken_for_the_dense_net_of_later_searches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRFRONT_CACHE", str(tmp_path))

    def cut(*training: Any) -> TrainedNets:
        return train_dense(*training, course=HaltsAt(None, 30))

    assert dense_nets(recipe(), start(), DATA, Objective(), cut).cut
    assert not list(tmp_path.rglob("*.safetensors"))
    assert not dense_nets(recipe(), start(), DATA, Objective()).cut
    assert len(list(tmp_path.rglob("*.safetensors"))) == 2
