"""What every pruner by scores promises: exactly as many weights as asked for, at any ties."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.trainables.made_data import made_context, made_data
from tests.trainables.made_stages import advance
from trainables.masks import prunable
from trainables.pruners import PRUNERS

SHORT = {"epochs": 1, "batch_size": 75}
KINDS = [
    *(("edge_popup", {**SHORT, "score_init": init}) for init in ("magnitude", "kaiming")),
    ("edge_popup", {**SHORT, "weights": "constant", "score_init": "kaiming"}),
    *(("faprune", {**SHORT, "alpha": alpha}) for alpha in (0.0, 0.5)),
    ("magnitude", {}),
    ("snip", {"batch_size": 20}),
    ("grasp", {"samples_per_class": 2}),
]
DATA = made_data()  # 150 rows of train


def tied_net(levels):
    """Weights of few different sizes, 0 among them, so that most scores are equal."""
    net = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.BatchNorm1d(7), nn.Linear(7, 1)).eval()
    with torch.no_grad():
        for weight in prunable(net).values():
            draws = torch.randint(levels, weight.shape, generator=torch.Generator().manual_seed(0))
            weight.copy_(draws - levels // 2)
    return net


@pytest.mark.parametrize(("name", "options"), KINDS, ids=str)
@settings(max_examples=12, deadline=None)
@given(
    sparsity=st.sampled_from([0.0, 0.5, 0.98]) | st.floats(0.0, 0.999),
    scope=st.sampled_from(["layer", "global"]),
    levels=st.integers(1, 3),
)
def test_exactly_as_many_weights_stay_and_removed_ones_do_nothing(
    name, options, sparsity, scope, levels
):
    net = tied_net(levels)
    before = copy.deepcopy(net.state_dict())
    context = made_context(net, DATA)
    run = PRUNERS[name](sparsity=sparsity, scope=scope, **options).start(context)
    advance(run, context, 1)
    result = run.result()

    sizes = {key: mask.numel() for key, mask in result.masks.items()}
    counts = {key: math.ceil(size * (1 - sparsity) - 1e-9) for key, size in sizes.items()}
    kept = {key: int(mask.sum()) for key, mask in result.masks.items()}
    if scope == "layer":
        assert kept == counts
    else:
        of_layers = name in ("snip", "grasp")  # rounded up in each layer, then added up
        total = sum(sizes.values())
        assert sum(kept.values()) == (
            sum(counts.values()) if of_layers else math.ceil(total * (1 - sparsity) - 1e-9)
        )
    for key, weight in prunable(result.net).items():
        assert (weight[~result.masks[key]] == 0).all()
        if options.get("weights") != "constant":
            assert torch.equal(weight, before[key] * result.masks[key])
