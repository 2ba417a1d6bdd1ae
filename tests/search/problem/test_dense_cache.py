"""Which dense nets the cache holds to be the same: all that decides one is in its key."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from search.config.config import Config
from search.problem import dense_recipe
from search.problem.dense_net import dense_nets, early_net
from search.problem.dense_recipe import DenseRecipe
from search.problem.problem import Problem
from tests.trainables.made_data import made_prepared
from trainables.data.encoder import ArrayEncoder, Categories, FrameEncoder, Numbers
from trainables.evaluation.objective import Objective

DATA = replace(made_prepared(), hashes={"train": "rows", "early_stop": "others"})
RECIPE = DenseRecipe("erm", {"max_epochs": 1}, "network", "hash", 0)
CONFIG = Config.model_validate(
    {
        "name": "cached",
        "data": {"name": "digits", "group": "domain"},
        "dense": {"name": "erm", "max_epochs": 2, "check_every": 1},
    }
)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRFRONT_CACHE", str(tmp_path))
    return tmp_path / "dense"


def frame(values=("blue", "red")):
    numbers = (Numbers("age", 38.0, 13.0, 37.0),)
    return FrameEncoder(numbers, (Categories("colour", values, "red"),))


@pytest.mark.parametrize(
    "changes",
    [
        {"encoder": ArrayEncoder(np.zeros(5, np.float32), np.full(5, 2, np.float32))},
        {"encoder": frame()},
        {"hashes": {"train": "rows", "early_stop": "changed"}},
        {"group_names": ("b", "a")},
        {"crossing_to_group": np.array([1, 0])},
        {"classes": ("no", "yes")},
        {"priors": np.array([[0.1, 0.2], [0.3, 0.4]])},
    ],
)
def test_other_rows_encoding_or_groups_are_another_dense_net(changes):
    assert RECIPE.key(DATA) != RECIPE.key(replace(DATA, **changes))


def test_the_order_of_categories_alone_makes_another_dense_net():
    orders = (("blue", "red"), ("red", "blue"))

    assert len({RECIPE.key(replace(DATA, encoder=frame(values=one))) for one in orders}) == 2


def test_the_test_rows_make_no_other_dense_net():
    assert RECIPE.key(DATA) == RECIPE.key(replace(DATA, hashes={**DATA.hashes, "test": "x"}))


def test_a_dense_net_that_saw_images_cropped_and_mirrored_is_another_one():
    images = replace(made_prepared(shape=(1, 8, 8)), hashes=DATA.hashes)
    keys = {RECIPE.key(replace(images, augment=augment)) for augment in (False, True)}

    assert len(keys) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"network": "of other code"},
        {"start_hash": "other"},
        {"settings": {"max_epochs": 2}},
        {"seed": 1},
        {"precision": "bf16"},
        {"fused": "auto"},
        {"threads": 2},
        {"on_device": True},
    ],
)
def test_another_recipe_is_another_dense_net(changes):
    assert RECIPE.key(DATA) != replace(RECIPE, **changes).key(DATA)


def test_other_code_that_trains_makes_another_dense_net(monkeypatch):
    before = RECIPE.key(DATA)
    monkeypatch.setattr(dense_recipe, "training_code", lambda left_out: "of another version")

    assert RECIPE.key(DATA) != before


class Net(nn.Module):
    def __init__(self, act, frozen=False):
        super().__init__()
        self.first, self.last, self.act = nn.Linear(5, 4), nn.Linear(4, 1), act
        self.first.requires_grad_(not frozen)

    def forward(self, x):
        return self.last(self.act(self.first(x)))


@pytest.mark.parametrize("changed", [{"act": torch.tanh}, {"act": torch.relu, "frozen": True}])
def test_other_code_of_forward_or_frozen_layers_train_anew(cache, changed):
    """The two networks have the same text and the same start weights."""

    def trained(**network):
        torch.manual_seed(0)
        start = Net(**network)
        problem = Problem(CONFIG, DATA, Objective(), {}, {"name": "threshold"})
        return problem.dense(start).state_dict()

    before, again = trained(act=torch.relu), trained(act=torch.relu)
    other = trained(**changed)

    assert all(torch.equal(before[name], again[name]) for name in before)
    assert not all(torch.equal(before[name], other[name]) for name in before)
    assert len(list(cache.glob("*.early.safetensors"))) == 2


def dense_of(*training):
    return dense_nets(*training).dense


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_net_of_the_cache_is_trained_again(cache, damage, caplog):
    def get(net_of):
        torch.manual_seed(0)
        return net_of(RECIPE, Net(torch.relu), DATA, Objective()).state_dict()

    for net_of, suffix in ((dense_of, ""), (early_net, ".early")):
        whole = get(net_of)
        path = cache / f"{RECIPE.key(DATA)}{suffix}.safetensors"
        content = bytearray(path.read_bytes())
        content[-3] ^= 1
        cut = bytes(content[: len(content) // 2])
        path.write_bytes(cut if damage == "cut" else bytes(content))

        again = get(net_of)

        assert all(torch.equal(whole[name], again[name]) for name in whole)
        assert f"{path} is damaged" in caplog.text
        assert "trained again" in caplog.text
