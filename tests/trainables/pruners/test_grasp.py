"""GraSP's scores against an explicit Hessian, and networks that second gradients are hard in."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

from tests.trainables.made_data import made_context, made_data, made_prepared
from trainables.data.batches import TrialData
from trainables.masks import prunable
from trainables.models.build import build
from trainables.pruners.by_gradient import Rows
from trainables.pruners.grasp import Grasp


@pytest.fixture(autouse=True)
def _the_same_networks_each_time():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def balanced_data(classes):
    """150 rows of train, as many of each class: so many samples per class are all of them."""
    prepared = made_prepared(classes=classes)
    train = prepared.parts["train"]
    parts = {**prepared.parts, "train": replace(train, labels=np.arange(150) % classes)}
    return TrialData(replace(prepared, parts=parts), torch.device("cpu"))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("temperature", [1.0, 200.0])
def test_scores_are_the_weight_times_hessian_times_gradient(classes, temperature):
    """The two halves are of equal size: their losses add up to twice that of all rows."""
    data = balanced_data(classes)
    outputs = 1 if classes == 2 else 3
    net = nn.Sequential(nn.Linear(5, 3), nn.Tanh(), nn.Linear(3, outputs))
    weights = {name: weight.detach().double() for name, weight in prunable(net).items()}
    sizes, train = [w.numel() for w in weights.values()], data.part("train")

    def loss_of(flat):
        parts = flat.split(sizes)
        taken = {k: p.view(w.shape) for (k, w), p in zip(weights.items(), parts, strict=True)}
        logits = functional_call(net.double(), taken, (train.inputs.double(),)) / temperature
        if classes == 2:
            return F.binary_cross_entropy_with_logits(logits[:, 0], train.labels.double())
        return F.cross_entropy(logits, train.labels)

    flat = torch.cat([w.flatten() for w in weights.values()]).requires_grad_(True)
    hessian = torch.autograd.functional.hessian(loss_of, flat)
    (gradient,) = torch.autograd.grad(loss_of(flat), flat)
    by_hand = flat.detach() * ((2 * hessian) @ (2 * gradient))

    settings = Grasp(samples_per_class=150 // classes, temperature=temperature, sparsity=0.5)
    rows = Rows("grasp", data, minority_only=False)
    scores = settings.scores(net.float(), rows, torch.Generator().manual_seed(0))

    ours = torch.cat([scores[name].flatten() for name in weights]).double()
    assert torch.allclose(ours, by_hand, rtol=1e-3, atol=float(by_hand.abs().max()) * 1e-5)

    context = made_context(net, data)
    run = settings.start(context)
    run.epoch(context.generator("epoch", 0))
    masks = run.result().masks
    kept = set(torch.cat([masks[k].flatten() for k in weights]).nonzero().flatten().tolist())
    count = sum(-(-size // 2) for size in sizes)
    assert kept == set(by_hand.argsort(descending=True)[:count].tolist())


def test_removing_a_weight_weakens_the_gradient_by_its_score():
    """To first order the squared norm falls by twice the score; of small weights it is near."""
    data = balanced_data(2)
    net = nn.Sequential(nn.Linear(5, 3), nn.Tanh(), nn.Linear(3, 1))
    with torch.no_grad():
        net[0].weight[0] *= 1e-3
    rows = Rows("grasp", data, minority_only=False)
    settings = Grasp(samples_per_class=75, temperature=1.0)
    scores = settings.scores(net, rows, torch.Generator().manual_seed(0))
    train = data.part("train")

    def squared_norm():
        logits = net.double()(train.inputs.double())[:, 0]
        loss = 2 * F.binary_cross_entropy_with_logits(logits, train.labels.double())
        slopes = torch.autograd.grad(loss, list(prunable(net).values()))
        return sum(float(slope.square().sum()) for slope in slopes)

    for i in range(5):
        before = squared_norm()
        with torch.no_grad():
            value = net[0].weight[0, i].clone()
            net[0].weight[0, i] = 0.0
        lost = before - squared_norm()
        with torch.no_grad():
            net[0].weight[0, i] = value

        assert lost == pytest.approx(2 * float(scores["0.weight"][0, i]), rel=0.02)


class Attending(nn.Module):
    def __init__(self):
        super().__init__()
        self.lift = nn.Linear(1, 8)
        self.attention = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.out = nn.Linear(8, 1)

    def forward(self, inputs):
        return self.out(self.attention(self.lift(inputs.unsqueeze(2))).mean(dim=1))


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "attention"])
def test_networks_with_activations_in_place_or_attention_have_scores(name):
    if name == "attention":
        net, data = Attending(), made_data()
    else:
        data = made_data(shape=(3, 32, 32), dtype=np.uint8)
        net = build(name, (3, 32, 32), 1, seed=0)
    context = made_context(net, data)
    run = Grasp(samples_per_class=2).start(context)
    run.epoch(context.generator("epoch", 0))

    assert 0.89 < run.result().masks.sparsity <= 0.9


def test_of_a_random_copy_only_linear_layers_are_drawn_anew():
    """As in the released code. So with other convolutions the scores of the copy are others."""
    data = made_data(shape=(3, 8, 8), dtype=np.uint8)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 1))
    settings = Grasp(score_on="random", sparsity=0.5)

    def masks_of(change):
        with torch.no_grad():
            change()
        context = made_context(net, data)
        run = settings.start(context)
        run.epoch(context.generator("epoch", 0))
        return run.result().masks

    before = masks_of(lambda: None)
    assert masks_of(lambda: net[3].weight.mul_(torch.randn(1, 144))) == before
    assert masks_of(lambda: net[0].weight.mul_(torch.randn(4, 3, 3, 3))) != before


@pytest.mark.parametrize("bad", [{"samples_per_class": 1}, {"temperature": 0.0}])
def test_settings_out_of_range_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        Grasp(**bad)
