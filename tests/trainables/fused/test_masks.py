"""A mask that learns by compiled loops beside the same one in torch."""

import copy

import pytest
import torch

from trainables.fused.leaf import Leaf
from trainables.learning.flat_mask import DensityPull, FlatWeights, LogitSettings, MaskLogits
from trainables.masks import prunable
from trainables.models.mlp import mlp


@pytest.mark.parametrize("ste", ["logit", "noisy"])
@pytest.mark.parametrize("keep_target", [0.1, 0.999])
@pytest.mark.parametrize(("noise", "floor"), [(True, False), (True, True), (False, False)])
def test_logits_and_masks_are_those_of_torch(ste, keep_target, noise, floor):
    ends = []
    for fused in (True, False):
        torch.manual_seed(0)
        net = mlp((7,), 1, hidden=2, width=9, dropout=0.0).train()
        weights = FlatWeights(prunable(net))
        if fused:
            starts = dict(zip(weights.parameters, weights.bounds, strict=False))
            weights.leaf = Leaf.of(net, weights.buffer, starts)
            assert weights.leaf is not None
        logits = MaskLogits(weights, LogitSettings(0.1, 0.05, ste, noise, floor))
        noises, draw = torch.Generator().manual_seed(3), torch.Generator().manual_seed(1)
        for _ in range(8):
            logits.sample(noises)
            loss = (net(torch.randn(20, 7, generator=draw)) ** 2).mean()
            logits.step(loss, DensityPull(5.0, keep_target))
        ends.append(
            copy.deepcopy({"shown": weights.buffer, "mask": logits.mask(), **logits.state_dict()})
        )

    assert 0 < int((ends[0]["shown"] == 0).sum()) < len(ends[0]["shown"])
    torch.testing.assert_close(*ends, rtol=1e-4, atol=1e-5)
