import os
import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from trainables.models.build import build
from trainables.models.user import load_weights

NETS = """
from torch import nn

import beside

def net(input_shape, outputs, width=4):
    return nn.Sequential(nn.Linear(input_shape[0], width), nn.ReLU(), nn.Linear(width, outputs))

def flat(input_shape, outputs):
    return nn.Sequential(net(input_shape, outputs), nn.Flatten(0))

def number(input_shape, outputs):
    return 3

def weightless(input_shape, outputs):
    return nn.ReLU()

def wants_images(input_shape, outputs):
    return nn.Sequential(nn.Conv2d(3, 1, 3), nn.Flatten())

def failing(input_shape, outputs):
    raise RuntimeError("no such backbone")

not_a_function = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "my_nets.py").write_text(NETS)
    (tmp_path / "beside.py").write_text("here = True\n")
    (tmp_path / "analysis.py").write_text("def net(*a): ...\n")
    monkeypatch.setattr("sys.path", list(os.sys.path))
    yield tmp_path
    for name in ("my_nets", "beside"):
        os.sys.modules.pop(name, None)


def test_a_network_is_built_by_the_users_function_from_the_seed(folder):
    one, two = (build("my_nets:net", (5,), 1, seed=3, folder=folder, width=7) for _ in range(2))

    assert one[0].weight.shape == (7, 5)
    assert torch.equal(one[0].weight, two[0].weight)


def test_a_function_itself_is_called_and_its_network_tried():
    net = build(lambda shape, outputs: nn.Linear(*shape, outputs), (5,), 2, seed=0)

    assert net.weight.shape == (2, 5)
    with pytest.raises(ValueError, match=r"<lambda> must turn a batch \(2, 5\)"):
        build(lambda shape, outputs: nn.Linear(*shape, 3), (5,), 2, seed=0)


@pytest.mark.parametrize("where", ["folder", None])
@pytest.mark.parametrize("spec", ["itertools:repeat", "subprocess:run", "os.path:join"])
def test_an_installed_function_is_never_called(folder, spec, where):
    with pytest.raises(ValueError, match="module must be a file beside the experiment's"):
        build(spec, (5,), 1, seed=0, folder=folder if where else None)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("my_nets:nett", "my_nets must define 'nett', it does not; did you mean 'net'"),
        ("my_nets:not_a_function", "must define 'not_a_function'"),
        ("my_nets:", "must have the form 'module:function', got 'my_nets:'"),
        (":net", "must have the form 'module:function', got ':net'"),
        ("my_netz:net", r"module must be a file .*my_netz\.py is missing"),
        ("analysis:net", "must not be named like a package of fairfront"),
        ("my_nets:flat", r"into logits \(2, 1\), got \(2,\)"),
        ("my_nets:number", "must return a torch.nn.Module, got int"),
        ("my_nets:weightless", "at least one weight must be prunable"),
        ("my_nets:wants_images", r"must accept a batch \(2, 5\), failed: RuntimeError"),
        (
            "my_nets:failing",
            r"failing\(\(5,\), 1\) failed, RuntimeError: no such backbone",
        ),
    ],
)
def test_what_is_wrong_with_a_users_network_is_said(folder, spec, message):
    with pytest.raises(ValueError, match=message):
        build(spec, (5,), 1, seed=0, folder=folder)


def test_an_unknown_argument_names_the_call(folder):
    with pytest.raises(ValueError, match=r"my_nets:net\(\(5,\), 1, depth=2\) failed, TypeError"):
        build("my_nets:net", (5,), 1, seed=0, folder=folder, depth=2)


def test_a_missing_import_of_the_users_is_not_taken_for_a_missing_module(folder):
    (folder / "broken.py").write_text("import not_there_at_all\n")
    message = r"broken\.py could not be imported, ModuleNotFoundError: .*not_there_at_all"
    with pytest.raises(ValueError, match=message):
        build("broken:net", (5,), 1, seed=0, folder=folder)


def made_net(width=4):
    return nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width), nn.Linear(width, 1))


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", "nested.pt"])
def test_weights_are_loaded_from_either_kind_of_file(tmp_path, suffix):
    source, target = made_net(), made_net()
    file = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(source.state_dict(), file)
    elif suffix == ".pt":
        torch.save(source.state_dict(), file)
    else:
        torch.save({"state_dict": source.state_dict(), "epoch": 3}, file)
    load_weights(target, file)

    assert all(torch.equal(target.state_dict()[k], v) for k, v in source.state_dict().items())


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)


def test_files_that_are_no_weights_are_refused_and_never_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickled, text, odd = tmp_path / "a.pt", tmp_path / "b.safetensors", tmp_path / "c.txt"
    pickled.write_bytes(pickle.dumps(Evil(), protocol=2))
    text.write_text("hello")
    odd.write_text("hello")

    for file in (pickled, text):
        with pytest.raises(ValueError, match="must hold tensors only"):
            load_weights(made_net(), file)
    with pytest.raises(ValueError, match=r"must end in \.safetensors, \.pt or \.pth, got c\.txt"):
        load_weights(made_net(), odd)
    with pytest.raises(ValueError, match="must be an existing file"):
        load_weights(made_net(), tmp_path / "none.pt")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (
            made_net(5).state_dict(),
            r"net: 0.weight must have shape \(4, 3\), got \(5, 3\)",
        ),
        (made_net()[:2].state_dict(), r"another net: 2.weight \(1, 4\) is not in the file"),
        (
            nn.Sequential(*made_net(), nn.Linear(1, 1)).state_dict(),
            r"another net: 3.weight \(1, 1\) is not in the network",
        ),
        (
            made_net().state_dict() | {"0.bias": torch.tensor([0.0, float("nan"), 0.0, 0.0])},
            "0.bias must be finite",
        ),
        ({"0.weight": 3}, "must hold a state dict of tensors"),
    ],
)
def test_weights_of_another_net_are_refused_by_the_first_that_differs(tmp_path, stored, message):
    file = tmp_path / "weights.pt"
    torch.save(stored, file)
    net = made_net()
    before = {k: v.clone() for k, v in net.state_dict().items()}

    with pytest.raises(ValueError, match=message):
        load_weights(net, file)
    assert all(torch.equal(net.state_dict()[k], v) for k, v in before.items())


@pytest.mark.parametrize("name", ["resnet34", "mobilenet_v2", "shufflenet_v2"])
def test_weights_of_another_task_start_a_network_whose_last_layer_stays_its_own(tmp_path, name):
    args = {"stem": "imagenet"} if name == "resnet34" else {}
    file = tmp_path / "imagenet.pt"
    source = build(name, (3, 32, 32), 1000, seed=0, **args)
    torch.save(source.state_dict(), file)
    net = build(name, (3, 32, 32), 7, seed=1, **args)
    before = {key: value.clone() for key, value in net.state_dict().items()}

    with pytest.raises(ValueError, match=r"weight must have shape \(7, \d+\), got \(1000, \d+\)"):
        load_weights(net, file)
    load_weights(net, file, other_classes=True)

    kept = [key for key, value in net.state_dict().items() if torch.equal(value, before[key])]
    loaded = {key for key, value in net.state_dict().items() if value.ndim > 1} - set(kept)
    assert kept[-2:] == list(before)[-2:]
    assert all(torch.equal(net.state_dict()[key], source.state_dict()[key]) for key in loaded)
    assert loaded == {key for key, value in before.items() if value.ndim > 1} - set(kept[-2:])


def test_with_as_many_classes_the_last_layer_is_loaded_too(tmp_path):
    file = tmp_path / "same.pt"
    source, target = made_net(), made_net()
    torch.save(source.state_dict(), file)
    load_weights(target, file, other_classes=True)

    assert torch.equal(target[2].weight, source[2].weight)


def test_only_the_number_of_classes_may_be_another(tmp_path):
    file = tmp_path / "wider.pt"
    torch.save(made_net(5).state_dict(), file)

    with pytest.raises(ValueError, match=r"0.weight must have shape \(4, 3\), got \(5, 3\)"):
        load_weights(made_net(), file, other_classes=True)
