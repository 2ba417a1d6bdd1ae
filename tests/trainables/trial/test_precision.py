"""Networks that learn in bfloat16, and images as convolutions like them."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.trainables.made_data import made_data, made_prepared
from tests.trainables.short_methods import EPOCHS, SHORT
from trainables.data.batches import TrialData, logits_of
from trainables.evaluation.objective import Objective
from trainables.models.build import build
from trainables.models.last_layer import FeatureTap
from trainables.trial.pipeline import Pipeline
from trainables.trial.spec import Spec
from trainables.trial.workbench import Workbench

IMAGES = {"shape": (3, 8, 8), "dtype": np.uint8, "classes": 3}
CPU = torch.device("cpu")
BF16 = torch.bfloat16


@pytest.fixture
def net():
    return build("convnet", (3, 8, 8), 3, seed=0)


def data_in(precision):
    return TrialData(made_prepared(**IMAGES), CPU, precision)


def first_batch(data):
    return next(data.epoch("train", 32, torch.Generator().manual_seed(0)))


class Formats:
    """The number formats that the layers of a network answer in."""

    def __init__(self, net):
        self.seen = set()
        for module in net.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                module.register_forward_hook(lambda *call: self.seen.add(call[2].dtype))


@pytest.mark.parametrize(("precision", "computed"), [("float32", torch.float32), ("bf16", BF16)])
def test_layers_compute_in_the_precision_asked_for_and_logits_are_float32(
    net, precision, computed
):
    data, formats = data_in(precision), Formats(net)
    logits = data.forward(net, first_batch(data).inputs)

    assert formats.seen == {computed}
    assert logits.dtype == torch.float32


def test_both_precisions_say_nearly_the_same(net):
    exact, mixed = (
        data.forward(net, first_batch(data).inputs) for data in map(data_in, ("float32", "bf16"))
    )

    assert not torch.equal(exact, mixed)
    torch.testing.assert_close(mixed, exact, atol=0.05, rtol=0.05)


def test_weights_and_what_stands_in_for_them_have_gradients_in_float32(net):
    data = data_in("bf16")
    batch = first_batch(data)
    last = list(net.state_dict())[-2]
    other = net.get_parameter(last).detach().clone().requires_grad_()
    loss = data.head.loss(
        data.forward(net, batch.inputs, {last: other}), batch.labels, batch.weights
    )
    loss.backward()

    assert other.grad is not None and other.grad.dtype == torch.float32
    assert net.get_parameter(last).grad is None
    assert net[0].weight.grad.dtype == torch.float32


def test_features_are_float32(net):
    data = data_in("bf16")
    batch = first_batch(data)
    with FeatureTap(net, batch.inputs) as tap:
        data.forward(net, batch.inputs)
        assert tap.features().dtype == torch.float32


def test_networks_are_judged_in_float32(net):
    formats = Formats(net)
    found = logits_of(net, data_in("bf16"), "tune")

    assert formats.seen == {torch.float32}
    assert torch.equal(found, logits_of(net, data_in("float32"), "tune"))


def test_images_have_their_channels_last_in_memory():
    data = data_in("float32")
    batches = list(data.epoch("train", 32, torch.Generator().manual_seed(0)))

    assert all(b.inputs.is_contiguous(memory_format=torch.channels_last) for b in batches)
    assert not batches[0].inputs.is_contiguous()
    tables = made_data()
    assert first_batch(tables).inputs.is_contiguous()


def bench_in(precision, net):
    objective = Objective("accuracy", "bias_amplification", 0.6, 0.1)
    return Workbench.open(
        made_prepared(**IMAGES), net, objective, device="cpu", initial=net, precision=precision
    )


@pytest.mark.parametrize(
    "method", ["netaug", "external_graft", "distil_advft", "domain_discriminative"]
)
def test_a_trial_in_bfloat16_goes_on_exactly_from_a_checkpoint(net, method, tmp_path):
    bench = bench_in("bf16", net)
    spec = Spec.from_config(
        {
            "trial": "t0001",
            "method": method,
            "seed": 1,
            "settings": SHORT[method],
            "correction": {"name": "argmax"},
        }
    )
    whole = Pipeline(spec, bench)
    expected = [whole.step() for _ in range(EPOCHS[method])]
    parted = Pipeline(spec, bench)
    found = [parted.step() for _ in range(EPOCHS[method] - 1)]
    torch.save(parted.state_dict(), tmp_path / "state.pt")
    parted = Pipeline(spec, bench)
    parted.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    found.append(parted.step())

    assert [one["counts"] for one in found] == [one["counts"] for one in expected]
    assert [one["losses"] for one in found] == [one["losses"] for one in expected]
