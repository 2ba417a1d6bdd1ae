import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import nn
from torch.nn.utils import parametrizations, prune

from trainables.models.user import load_weights


def made_net():
    return nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Linear(16, 1))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
        self.second.weight = self.first.weight


class Holder(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = made_net()


def same(one, other):
    """Whether two states hold the same values in the same order, whatever their names."""
    pairs = zip(one.values(), other.values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def prefixed(state, *prefixes):
    return {f"{''.join(prefixes)}{name}": tensor for name, tensor in state.items()}


@pytest.mark.parametrize(
    "prefixes",
    [
        ("module.",),  # DataParallel
        ("_orig_mod.",),  # torch.compile
        ("model.",),  # Lightning
        ("module.", "_orig_mod."),
        ("model.", "module."),
    ],
)
@pytest.mark.parametrize("key", [None, "state_dict", "model_state_dict"])
def test_what_a_network_was_wrapped_in_when_it_was_saved_makes_no_difference(
    tmp_path, prefixes, key
):
    source, target, file = made_net(), made_net(), tmp_path / "weights.pt"
    state = prefixed(source.state_dict(), *prefixes)
    torch.save(state if key is None else {"epoch": 3, key: state, "optimizer": {}}, file)
    load_weights(target, file)

    assert same(target.state_dict(), source.state_dict())


def test_a_network_that_has_such_a_name_itself_gets_its_own_weights(tmp_path):
    source, plain, wrapped = Holder(), tmp_path / "plain.pt", tmp_path / "wrapped.pt"
    torch.save(source.model.state_dict(), plain)
    torch.save(prefixed(source.state_dict(), "model."), wrapped)
    for file in (plain, wrapped):
        target = Holder()
        load_weights(target, file)
        assert same(target.state_dict(), source.state_dict())


def test_a_compiled_part_has_the_names_that_it_had_before(tmp_path):
    source, target, file = made_net(), made_net(), tmp_path / "weights.pt"
    state = source.state_dict()
    torch.save({name.replace("0.", "0._orig_mod."): state[name] for name in state}, file)
    load_weights(target, file)

    assert same(target.state_dict(), source.state_dict())


def test_another_prefix_and_another_key_are_named(tmp_path):
    file = tmp_path / "weights.pt"
    torch.save(prefixed(made_net().state_dict(), "backbone."), file)
    with pytest.raises(ValueError, match=r"all names there begin with 'backbone\.'"):
        load_weights(made_net(), file)
    torch.save({"ema": made_net().state_dict(), "net": made_net().state_dict(), "acc": 0.9}, file)
    message = r"under 'state_dict' or 'model_state_dict', got one under 'ema', 'net'"
    with pytest.raises(ValueError, match=message):
        load_weights(made_net(), file)


def test_counters_of_batch_norms_may_be_missing(tmp_path):
    source, target, file = made_net(), made_net(), tmp_path / "weights.pt"
    state = source.state_dict()
    counter = state.pop("1.num_batches_tracked")
    torch.save(state, file)
    load_weights(target, file)

    assert same(target.state_dict(), source.state_dict())
    assert counter == target.state_dict()["1.num_batches_tracked"] == 0
    del state["1.running_mean"]  # no counter, and nothing else may be missing
    torch.save(state, file)
    with pytest.raises(ValueError, match=r"1\.running_mean \(16,\) is not in the file"):
        load_weights(target, file)


def test_weights_that_a_network_shares_may_be_in_the_file_once(tmp_path):
    source, target, file = Tied(), Tied(), tmp_path / "tied.safetensors"
    save_model(source, str(file))
    load_weights(target, file)

    assert same(target.state_dict(), source.state_dict())
    assert target.second.weight is target.first.weight


def test_weights_that_a_network_shares_cannot_be_two_in_the_file(tmp_path):
    file = tmp_path / "untied.safetensors"
    untied = {k: v.clone() for k, v in Tied().state_dict().items()}
    untied["second.weight"] += 1
    save_file(untied, file)

    with pytest.raises(ValueError, match=r"are one tensor of the network and two in the file"):
        load_weights(Tied(), file)


def test_masks_of_torchs_pruning_are_multiplied_into_the_weights(tmp_path):
    source, target, file = made_net(), made_net(), tmp_path / "pruned.pt"
    prune.l1_unstructured(source[0], "weight", amount=0.5)
    torch.save(source.state_dict(), file)
    load_weights(target, file)

    assert torch.equal(target[0].weight, source[0].weight)
    assert int((target[0].weight == 0).sum()) == 64
    assert torch.equal(target[2].weight, source[2].weight)


@pytest.mark.parametrize("kind", ["hook", "parametrization"])
def test_weight_norm_is_multiplied_out(tmp_path, kind):
    source, target, file = made_net(), made_net(), tmp_path / "normed.pt"
    if kind == "hook":
        source[0].weight_g = nn.Parameter(torch.rand(16, 1))
        source[0].weight_v = source[0].weight
        length, direction = source[0].weight_g, source[0].weight_v
        del source[0].weight
    else:
        parametrizations.weight_norm(source[0])
        weight = source[0].parametrizations.weight
        length, direction = weight.original0, weight.original1
    torch.save(source.state_dict(), file)
    load_weights(target, file)

    by_hand = [length[i] * direction[i] / direction[i].square().sum().sqrt() for i in range(16)]
    assert torch.allclose(target[0].weight, torch.stack(by_hand), atol=1e-6)


def test_numbers_of_another_kind_are_refused(tmp_path):
    file = tmp_path / "whole.pt"
    state = made_net().state_dict()
    torch.save(state | {"0.weight": torch.ones(16, 8, dtype=torch.int8)}, file)
    with pytest.raises(ValueError, match=r"0\.weight must be torch\.float32, got torch\.int8"):
        load_weights(made_net(), file)
    torch.save(prefixed(state) | {"0.weight": state["0.weight"].half()}, file)
    net = made_net()
    load_weights(net, file)  # half precision is precise enough for weights
    assert net[0].weight.dtype == torch.float32
