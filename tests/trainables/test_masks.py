import copy
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from trainables.masks import (
    MaskedNet,
    Masks,
    keep_largest,
    kept_count,
    prunable,
    removed_count,
    unprunable,
)


def small_net():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))


def test_weights_of_convolutions_linear_layers_and_attention_are_prunable_and_nothing_else():
    net = nn.ModuleDict(
        {
            "c1": nn.Conv1d(2, 2, 3),
            "c2": nn.Conv2d(2, 2, 3),
            "c3": nn.Conv3d(2, 2, 3),
            "bn": nn.BatchNorm2d(2),
            "up": nn.ConvTranspose2d(2, 2, 3),
            "words": nn.Embedding(3, 4),
            "joint": nn.MultiheadAttention(4, 2),
            "apart": nn.MultiheadAttention(4, 2, kdim=3, vdim=5),
            "out": nn.Linear(4, 1),
        }
    )

    assert list(prunable(net)) == [
        "c1.weight",
        "c2.weight",
        "c3.weight",
        "joint.in_proj_weight",
        "joint.out_proj.weight",
        "apart.q_proj_weight",
        "apart.k_proj_weight",
        "apart.v_proj_weight",
        "apart.out_proj.weight",
        "out.weight",
    ]
    rest = set(unprunable(net))
    assert {"c1.bias", "bn.weight", "up.weight", "words.weight", "joint.in_proj_bias"} <= rest
    assert rest | set(prunable(net)) == {name for name, _ in net.named_parameters()}


def test_a_shared_weight_is_listed_once_and_a_lone_layer_has_a_plain_name():
    first = nn.Linear(3, 3)
    second = nn.Linear(3, 3)
    second.weight = first.weight

    assert list(prunable(nn.Sequential(first, second))) == ["0.weight"]
    assert list(prunable(first)) == ["weight"]


def test_a_computed_weight_is_not_prunable():
    net = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 3)), nn.Linear(3, 2))

    assert list(prunable(net)) == ["1.weight"]


def test_masks_count_over_all_layers_together():
    masks = Masks({"a": torch.tensor([True, False]), "b": torch.ones(6, dtype=torch.bool)})

    assert (masks.kept, masks.total) == (7, 8)
    assert masks.density == 7 / 8
    assert masks.sparsity == 1 / 8


def test_keep_all_keeps_every_prunable_weight():
    masks = Masks.keep_all(small_net())

    assert (masks.kept, masks.total, masks.sparsity) == (20, 20, 0.0)


def test_applying_masks_sets_removed_weights_to_zero_and_leaves_the_rest():
    net = small_net()
    before = copy.deepcopy(net.state_dict())
    keep = torch.zeros(4, 3, dtype=torch.bool)
    keep[1, 2] = True
    masks = Masks({**Masks.keep_all(net), "0.weight": keep})

    masks.apply_(net)

    assert torch.equal(net[0].weight, before["0.weight"] * keep)
    assert all(torch.equal(net.state_dict()[k], v) for k, v in before.items() if k != "0.weight")


def test_masks_do_not_follow_the_tensors_they_were_made_from_or_handed_out():
    keep = torch.ones(3, dtype=torch.bool)
    masks = Masks({"a": keep})
    keep[0] = False
    masks.state_dict()["a"][1] = False

    assert masks.kept == 3
    assert masks["a"].all()


def test_masks_survive_a_round_trip_and_compare_by_value():
    masks = Masks({"a": torch.tensor([True, False])})

    assert Masks(masks.state_dict()) == masks
    assert Masks({"a": torch.tensor([True, True])}) != masks


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({}, "at least one weight must be prunable"),
        ({"a": torch.ones(2)}, "a must be a bool tensor, got torch.float32"),
        ({"a": [True]}, "a must be a bool tensor, got list"),
    ],
)
def test_masks_refuse_anything_but_bool_tensors(tensors, message):
    with pytest.raises(ValueError, match=message):
        Masks(tensors)


def test_masks_refuse_a_network_that_they_are_not_for():
    masks = Masks.keep_all(small_net())

    with pytest.raises(ValueError, match=r"3.weight must have shape \(5, 4\), got \(2, 4\)"):
        masks.check(nn.Sequential(*small_net()[:3], nn.Linear(4, 5)))
    with pytest.raises(ValueError, match=r"3\.weight is not a prunable weight of the network"):
        masks.check(small_net()[:3])
    with pytest.raises(ValueError, match=r"3\.weight has no mask"):
        MaskedNet(small_net(), Masks({"0.weight": masks["0.weight"]}))


def test_a_clone_shares_no_weights():
    masked = MaskedNet(small_net(), Masks.keep_all(small_net()))
    clone = masked.clone()
    with torch.no_grad():
        clone.net[0].weight.zero_()

    assert masked.net[0].weight.abs().sum() > 0


def test_exactly_as_many_as_asked_are_kept_and_ties_go_to_the_lower_index():
    scores = torch.tensor([[1.0, 2.0, 2.0], [2.0, 0.0, 2.0]])

    assert keep_largest(scores, 3).tolist() == [[False, True, True], [True, False, False]]
    assert keep_largest(scores, 0).sum() == 0
    assert keep_largest(scores, 6).all()


def by_stable_sort(scores, kept):
    """The slow form: the first `kept` places of a stable descending sort."""
    mask = torch.zeros(scores.numel(), dtype=torch.bool)
    mask[scores.flatten().sort(descending=True, stable=True).indices[:kept]] = True
    return mask.view(scores.shape)


TIED = st.sampled_from([-math.inf, -2.0, -0.0, 0.0, 1e-45, 1.0, math.inf])
SCORES = st.one_of(
    st.lists(TIED, min_size=1, max_size=40),  # mostly ties
    st.lists(st.floats(allow_nan=False, width=32), min_size=1, max_size=40),
    st.integers(1, 40).map(lambda n: [0.5] * n),  # all equal
)


@given(SCORES, st.data(), st.sampled_from([torch.float32, torch.float64, torch.bfloat16]))
def test_what_is_kept_is_what_a_stable_sort_puts_first(values, draw, dtype):
    kept = draw.draw(st.integers(0, len(values)))
    scores = torch.tensor(values, dtype=dtype)

    assert torch.equal(keep_largest(scores, kept), by_stable_sort(scores, kept))
    given_room = torch.full_like(scores, math.nan)
    assert keep_largest(scores, kept, out=given_room) is given_room
    assert torch.equal(given_room, by_stable_sort(scores, kept).to(dtype))


@given(st.integers(0, 6), st.integers(0, 6))
def test_exactly_as_many_are_kept_where_scores_are_not_a_number(count, kept):
    scores = torch.arange(6.0)
    scores[:count] = math.nan

    assert keep_largest(scores, kept).sum() == kept
    assert keep_largest(scores, kept, out=torch.empty(6)).sum() == kept


def test_scores_that_lie_otherwise_in_memory_are_counted_by_their_flat_index():
    scores = torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.0, 1.0]]).T

    assert keep_largest(scores, 2).tolist() == [[False, True, False], [True, False, False]]


def test_scores_with_a_gradient_are_only_looked_at():
    scores = torch.tensor([1.0, 3.0, 2.0], requires_grad=True)

    assert keep_largest(scores, 1).tolist() == [False, True, False]


@pytest.mark.gpu
def test_a_gpu_keeps_the_same():
    scores = torch.randint(50, (10_000,), generator=torch.Generator().manual_seed(0)).float()

    for kept in (0, 1, 3333, 9999, 10_000):
        assert torch.equal(keep_largest(scores.cuda(), kept).cpu(), by_stable_sort(scores, kept))


def test_more_than_there_are_cannot_be_kept():
    with pytest.raises(ValueError, match=r"kept must lie in \[0, 2\], got 3"):
        keep_largest(torch.zeros(2), 3)


@pytest.mark.parametrize(
    ("total", "density", "kept"),
    [(10, 1.0, 10), (10, 0.25, 3), (10, 1 - 0.9, 1), (20_000, 1 - 0.9, 2000), (65_536, 0.01, 656)],
)
def test_the_number_kept_is_rounded_up(total, density, kept):
    assert kept_count(total, density) == kept


@pytest.mark.parametrize(
    ("total", "sparsity", "removed"),
    [(10, 0.0, 0), (10, 0.25, 3), (10, 0.24, 2), (20_000, 0.9, 18_000), (1000, 0.999, 999)],
)
def test_the_number_removed_is_rounded_halves_up(total, sparsity, removed):
    assert removed_count(total, sparsity) == removed
