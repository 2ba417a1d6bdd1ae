"""The candidate store: named by content, whole or absent."""

import hashlib
from pathlib import Path

import pytest
import torch
from torch import nn

from trainables.masks import MaskedNet
from trainables.names import BadName
from trainables.pruners.magnitude import Magnitude
from trainables.trial.candidate_store import CandidateStore
from trainables.trial.names import checkpoint_path


def made_net(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 1))


def pruned(seed=0, sparsity=0.5):
    net = made_net(seed)
    masks = Magnitude(sparsity=sparsity).masks(net)
    masks.apply_(net)
    return MaskedNet(net, masks)


@pytest.fixture
def store(tmp_path):
    return CandidateStore(tmp_path / "candidates")


def test_a_candidate_is_named_by_the_hash_of_its_file(store):
    name = store.put(pruned(), {"epoch": 1})

    content = store.path(name).read_bytes()
    assert name == hashlib.sha256(content).hexdigest()[:16]
    assert [path.name for path in store.folder.iterdir()] == [f"{name}.safetensors"]


def test_the_same_candidate_has_the_same_name_and_is_kept_once(store):
    first = store.put(pruned(), {"epoch": 1, "trial": "t1"})
    second = store.put(pruned(), {"trial": "t1", "epoch": 1})

    assert first == second
    assert len(list(store.folder.iterdir())) == 1


def test_other_weights_other_masks_and_other_facts_make_another_name(store):
    same_weights = MaskedNet(pruned(sparsity=0.5).net, Magnitude(sparsity=0.25).masks(made_net()))
    names = {
        store.put(pruned(), {"epoch": 1}),
        store.put(pruned(), {"epoch": 2}),
        store.put(pruned(seed=1), {"epoch": 1}),
        store.put(same_weights, {"epoch": 1}),
    }

    assert len(names) == 4


def test_loading_gives_back_weights_buffers_masks_and_facts(store):
    masked = pruned()
    masked.net.train()(torch.randn(8, 4))  # moves the running mean and counts a batch
    name = store.put(masked, {"epoch": 3, "decision": {"kind": "argmax"}})

    loaded = store.load(name, made_net(seed=7))

    assert loaded.masks == masked.masks
    assert loaded.net.state_dict().keys() == masked.net.state_dict().keys()
    for key, value in masked.net.state_dict().items():
        assert torch.equal(loaded.net.state_dict()[key], value)
        assert loaded.net.state_dict()[key].dtype == value.dtype
    assert store.facts(name) == {"epoch": 3, "decision": {"kind": "argmax"}}


def test_a_candidate_that_could_not_be_written_to_the_end_is_not_there(store, monkeypatch):
    def interrupted(path, target):
        raise OSError("the machine went down")

    name = CandidateStore(store.folder.parent / "other").put(pruned(), {})
    monkeypatch.setattr(Path, "replace", interrupted)

    with pytest.raises(OSError, match="went down"):
        store.put(pruned(), {})
    assert name not in store
    assert not list(store.folder.glob("*.safetensors"))


def test_a_dropped_candidate_is_gone_and_dropping_it_again_is_no_error(store):
    name = store.put(pruned(), {})
    assert name in store

    store.drop(name)
    store.drop(name)

    assert name not in store


def test_an_unknown_candidate_is_an_error_that_names_its_file(store):
    with pytest.raises(FileNotFoundError, match=r"cdef\.safetensors does not exist"):
        store.facts("0123456789abcdef")
    with pytest.raises(FileNotFoundError, match=r"cdef\.safetensors does not exist"):
        store.load("0123456789abcdef", made_net())


@pytest.mark.parametrize(
    "name", ["../../x", "/etc/x", "0123456789abcde", "0123456789ABCDEF", "0123456789abcdef/..", 5]
)
def test_what_is_no_candidates_name_never_becomes_part_of_a_path(store, name):
    for use in (store.path, store.drop, store.facts, store.__contains__):
        with pytest.raises(BadName, match="must be 16 hexadecimal digits, got"):
            use(name)


@pytest.mark.parametrize("name", ["../../x", "t1/../../x", "t", "t1.pt", "t1-seed", "t1\n", 1])
def test_what_is_no_trials_name_never_becomes_part_of_a_path(tmp_path, name):
    with pytest.raises(BadName, match="must be like t0001, got"):
        checkpoint_path(tmp_path, name)
    assert checkpoint_path(tmp_path, "t0001-seed12").name == "t0001-seed12.pt"


def test_a_candidate_whose_content_is_not_the_one_of_its_name_is_refused(store):
    name = store.put(pruned(), {"epoch": 1})
    assert store.intact(name) == store.path(name)
    content = bytearray(store.path(name).read_bytes())
    content[-1] ^= 1
    store.path(name).write_bytes(bytes(content))

    with pytest.raises(ValueError, match=rf"{name}.safetensors is damaged"):
        store.load(name, made_net())
    with pytest.raises(FileNotFoundError):
        store.intact("0123456789abcdef")
