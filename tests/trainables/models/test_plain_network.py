import copy
import pickle
import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune, spectral_norm, weight_norm

from trainables.masks import MaskedNet, Masks, prunable, prune_only
from trainables.models.plain_network import plain
from trainables.models.user import checked


def made_net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))


def old_weight_norm(layer):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return weight_norm(layer)


def logits(net):
    with torch.no_grad():
        return net(torch.randn(5, 4, generator=torch.Generator().manual_seed(1)))


def made(kind):
    net = made_net()
    if kind == "DataParallel":
        return nn.DataParallel(net)
    if kind == "compiled":
        return torch.compile(net)
    if kind == "compiled part":
        net[0] = torch.compile(net[0])
    if kind == "old weight norm":
        old_weight_norm(net[0])
    if kind == "weight norm":
        parametrizations.weight_norm(net[0])
    if kind == "pruned":
        prune.l1_unstructured(net[0], "weight", amount=0.5)
    return net


@pytest.mark.parametrize(
    ("kind", "note"),
    [
        ("DataParallel", "the network runs without DataParallel"),
        ("compiled", "the network runs without OptimizedModule"),
        ("compiled part", "0 runs without OptimizedModule"),
        ("old weight norm", "0.weight: its weight norm is folded in"),
        ("weight norm", "0.weight: its weight norm is folded in"),
        ("pruned", "0.weight: its mask of torch.nn.utils.prune is folded in; its 12 zeros"),
    ],
)
def test_what_is_undone_leaves_a_network_that_computes_the_same_and_can_be_pruned(kind, note):
    given = made(kind)
    net, notes = plain("net", given)

    plainly = made_net() if "compiled" in kind else given  # nothing is compiled in a test
    assert torch.allclose(logits(net), logits(plainly), atol=1e-6)
    assert list(prunable(net)) == ["0.weight", "2.weight"]
    assert list(prunable(checked("net", given, (4,), 2)[0])) == ["0.weight", "2.weight"]
    assert len(notes) == 1
    assert notes[0].startswith(note)
    pickle.loads(pickle.dumps(net))
    copy.deepcopy(net)


def test_what_was_handed_over_stays_as_it_was():
    given = made("pruned")
    before = {name: value.clone() for name, value in given.state_dict().items()}
    net, _ = plain("net", given)
    with torch.no_grad():
        net[0].weight.zero_()

    assert given.state_dict().keys() == before.keys()
    assert all(torch.equal(given.state_dict()[k], v) for k, v in before.items())


def test_frozen_weights_are_not_pruned_and_are_named():
    given = made_net()
    given[0].requires_grad_(False)
    net, notes = plain("net", given)
    masks = Masks.keep_all(net)

    assert len(notes) == 1
    assert notes[0].endswith("do not learn (requires_grad is False) and are not pruned: 0.weight")
    assert list(masks) == ["2.weight"]
    copied = MaskedNet(net, masks).clone().net.requires_grad_(True)  # as while masks learn
    assert list(prunable(copied)) == ["2.weight"]
    assert 0 < masks.live_unit_share(net, (4,)) <= 1


def test_what_is_pruned_can_be_said_anew():
    net = made_net()

    assert prune_only(net, ["2.weight"]) == ["0.weight"]
    assert list(prunable(net)) == ["2.weight"]
    assert prune_only(net, ["0.weight", "2.weight"]) == []
    assert list(prunable(net)) == ["0.weight", "2.weight"]


def test_spared_attention_has_no_live_units_of_its_own():
    net = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    net.self_attn.in_proj_weight.requires_grad_(False)
    net, _ = plain("net", net)
    masks = Masks.keep_all(net)

    assert "self_attn.in_proj_weight" not in masks
    assert masks.live_unit_share(net, (3, 8)) == 1.0


@pytest.mark.parametrize("kind", ["old weight norm", "weight norm"])
def test_frozen_norms_stay_frozen(kind):
    given = made(kind)
    given[0].requires_grad_(False)
    net, _ = checked("net", given, (4,), 2)

    assert list(prunable(net)) == ["2.weight"]
    assert dict(net.named_parameters())["0.weight"].requires_grad is False


class Halved(nn.Module):
    def forward(self, weight):
        return weight / 2


@pytest.mark.parametrize(
    ("computed", "message"),
    [
        (lambda layer: parametrizations.spectral_norm(layer), r"\(SpectralNorm\).*parametrize"),
        (lambda layer: spectral_norm(layer), r"\(spectral norm\).*remove_spectral_norm\(layer,"),
        (lambda layer: parametrize.register_parametrization(layer, "weight", Halved()), "Halved"),
    ],
)
def test_what_pruning_would_break_is_refused_by_name(computed, message):
    net = made_net()
    computed(net[2])

    with pytest.raises(ValueError, match=rf"^mine must .* 2\.weight is computed .*{message}"):
        plain("mine", net)


def test_torchscript_is_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch no longer recommends it
        traced = torch.jit.trace(made_net(), torch.zeros(1, 4))
    with pytest.raises(ValueError, match=r"mine must be a plain torch\.nn\.Module"):
        plain("mine", traced)


def test_lazy_layers_find_out_how_many_inputs_they_have():
    given = nn.Sequential(nn.LazyLinear(6), nn.ReLU(), nn.LazyLinear(2))
    net, notes = checked("net", given, (4,), 2)

    assert net[0].weight.shape == (6, 4)
    assert type(net[0]) is nn.Linear
    assert notes == []
    assert type(given[0]) is nn.LazyLinear


def test_another_precision_is_named():
    with pytest.raises(ValueError, match=r"and 0\.weight is float64: net\.float\(\) makes it"):
        checked("net", made_net().double(), (4,), 2)


def test_a_network_that_is_frozen_throughout_says_why_nothing_can_be_pruned():
    with pytest.raises(ValueError, match=r"net: at least .* got none; 2 weights do not learn"):
        checked("net", made_net().requires_grad_(False), (4,), 2)


def test_modules_and_weights_under_two_names_are_pruned_once():
    layer = nn.Linear(4, 4)
    tied = nn.Linear(4, 4)
    tied.weight = layer.weight
    net, _ = checked("net", nn.Sequential(layer, nn.ReLU(), layer, tied), (4,), 4)

    assert list(prunable(net)) == ["0.weight"]
    assert net[3].weight is net[0].weight
