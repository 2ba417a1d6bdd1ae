"""Running statistics by one compiled loop, against torch's own over the same batches."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.trainables.made_data import made_prepared
from trainables.data.batches import TrialData, logits_of, recalibrate_batch_norm
from trainables.models.build import build

ROWS = {"train": 20, "early_stop": 20, "debias": 300, "held_back": 30, "tune": 50}


def data_of(fused, rows=300, shape=(7,)):
    prepared = made_prepared(rows={**ROWS, "debias": rows}, shape=shape)
    return TrialData(prepared, torch.device("cpu"), fused=fused)


def network(shape=(7,), hidden=3, seed=0):
    net = build("mlp", shape, 1, seed=seed, hidden=hidden)
    torch.manual_seed(seed)
    for module in net.modules():  # no unit is as it was drawn
        if isinstance(module, nn.BatchNorm1d):
            nn.init.normal_(module.weight, 1.0, 0.3)
            nn.init.normal_(module.bias, 0.0, 0.3)
    return net


def estimated(net, data, **settings):
    """The statistics, and what the generator draws next."""
    generator = torch.Generator().manual_seed(5)
    recalibrate_batch_norm(net, data, generator, **settings)
    return dict(net.named_buffers()), torch.rand(3, generator=generator)


@pytest.mark.parametrize("learning", [True, False])
@pytest.mark.parametrize(
    ("rows", "settings"),
    [
        (300, {}),  # two whole batches, a rest that is left out
        (300, {"size": 17}),  # no multiple of anything
        (300, {"size": 9, "batches": 4}),  # more rows than are taken
        (40, {}),  # fewer rows than a batch
        (3, {}),
    ],
)
def test_statistics_are_those_of_the_same_batches_one_by_one(rows, settings, learning):
    plain, fused = network().train(learning), network().train(learning)
    first, drawn = estimated(plain, data_of("off", rows), **settings)
    second, drawn_too = estimated(fused, data_of("auto", rows), **settings)

    assert first.keys() == second.keys()
    for name, values in first.items():
        torch.testing.assert_close(second[name], values, rtol=2e-5, atol=2e-6)
    assert torch.equal(drawn, drawn_too)
    assert [m.training for m in fused.modules()] == [learning] * len(list(fused.modules()))


def test_the_loop_is_taken_and_nothing_of_torch_runs(monkeypatch):
    net, data = network(), data_of("auto")
    monkeypatch.setattr(nn.Module, "__call__", None)

    before = estimated(net, data)[0]["4.running_mean"].clone()
    assert np.isfinite(before.numpy()).all() and bool((before != 0).all())


def test_statistics_that_were_there_do_not_matter():
    net, data = network(), data_of("auto")
    first = {name: value.clone() for name, value in estimated(net, data)[0].items()}
    for buffer in net.buffers():
        buffer.fill_(9)
    second, _ = estimated(net, data)

    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_hook_is_called_as_often_as_there_are_batches():
    net, seen = network(), []
    net[1].register_forward_hook(lambda *_: seen.append(1))
    estimated(net, data_of("auto"), size=50)

    assert len(seen) == 6


def test_a_split_is_scored_at_once_as_it_is_piece_by_piece():
    net = network((98,)).eval()
    rows = {**ROWS, "tune": 3000}  # more than are looked at together layer by layer
    prepared = made_prepared(rows=rows, shape=(98,))
    ways = [TrialData(prepared, torch.device("cpu"), fused=how) for how in ("auto", "off")]
    fused, plain = (logits_of(net, data, "tune") for data in ways)

    assert fused.shape == plain.shape == (3000, 1)
    torch.testing.assert_close(fused, plain, rtol=1e-4, atol=1e-5)
