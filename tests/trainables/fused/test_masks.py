"""A mask that learns by compiled loops beside the same one in torch."""

import copy

import numpy as np
import pytest
import torch
from scipy import stats

from trainables.fused.draws import normals
from trainables.fused.leaf import Leaf
from trainables.learning import flat_mask
from trainables.learning.flat_mask import DensityPull, FlatWeights, LogitSettings, MaskLogits
from trainables.masks import prunable
from trainables.models.mlp import mlp


def drawn(seed, size):
    out = np.full(size, np.nan, np.float32)
    normals(seed, out)
    return out


def test_noise_is_normal_and_follows_from_its_seed():
    values = drawn(3, 200_000)

    assert stats.kstest(values, "norm").pvalue > 0.001
    assert np.mean(np.abs(values) > 3) == pytest.approx(0.0027, abs=0.0006)
    assert np.array_equal(values, drawn(3, 200_000))
    for other in (drawn(4, 200_000), drawn(3 + 2**32, 200_000), np.roll(values, 100_000)):
        assert abs(np.corrcoef(values, other)[0, 1]) < 0.01  # four standard deviations
    assert all(np.isfinite(drawn(5, size)).all() for size in (1, 2, 3, 17))


def add_compiled_noise(logits, noisy, scratch, generator):
    """As `flat_mask.add_noise`, by the draws of the compiled loops."""
    seed = int(torch.randint(2**62, (), generator=generator))
    noise = torch.from_numpy(drawn(seed, len(logits)))
    noisy.copy_(logits + noise * (0.5 * logits).clamp(0.05, 1.0).sqrt())


@pytest.mark.parametrize("ste", ["logit", "noisy"])
@pytest.mark.parametrize("keep_target", [0.1, 0.999])
@pytest.mark.parametrize(("noise", "floor"), [(True, False), (True, True), (False, False)])
def test_logits_and_masks_are_those_of_torch(ste, keep_target, noise, floor, monkeypatch):
    monkeypatch.setattr(flat_mask, "add_noise", add_compiled_noise)
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
            if fused:
                found = torch.autograd.grad(loss, list(weights.parameters.values()))
                loss = torch.cat([one.flatten() for one in found]).numpy()
            logits.step(loss, DensityPull(5.0, keep_target))
        ends.append(
            copy.deepcopy({"shown": weights.buffer, "mask": logits.mask(), **logits.state_dict()})
        )

    assert 0 < int((ends[0]["shown"] == 0).sum()) < len(ends[0]["shown"])
    torch.testing.assert_close(*ends, rtol=1e-4, atol=1e-5)
