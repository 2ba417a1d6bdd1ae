"""What a network is found by in caches: code and flags count, weights and batches aside."""

import ast
import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from trainables.learning import fingerprint
from trainables.learning.fingerprint import AFTER_DENSE, network_fingerprint, training_code

ROOT = Path(__file__).resolve().parents[3]


class Net(nn.Module):
    """A network whose text and weights are the same whatever it computes."""

    def __init__(self, act=torch.relu, scale=1.0, detached=False, dropped=0.0):
        super().__init__()
        self.first, self.last = nn.Linear(5, 4), nn.Linear(4, 1)
        self.act, self.scale, self.detached, self.dropped = act, scale, detached, dropped

    def forward(self, x):
        hidden = self.act(self.first(x * self.scale))
        hidden = nn.functional.dropout(hidden, self.dropped, self.training)
        return self.last(hidden.detach() if self.detached else hidden)


def made(**forward):
    torch.manual_seed(0)
    return Net(**forward)


def of(net):
    return network_fingerprint(net, (5,))


def test_the_same_network_has_the_same_fingerprint_and_is_left_as_it_is():
    net = made(dropped=0.5).train()
    before = copy.deepcopy(net.state_dict())
    stream = torch.random.get_rng_state()

    assert of(net) == of(net) == of(made(dropped=0.5).eval())
    assert net.training
    assert all(parameter.grad is None for parameter in net.parameters())
    assert torch.equal(stream, torch.random.get_rng_state())
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


@pytest.mark.parametrize(
    "forward",
    [
        {"act": torch.tanh},
        {"scale": 2.0},
        {"detached": True},  # the same logits in either mode: only the way back differs
        {"dropped": 0.5},  # the same logits in evaluation mode
    ],
)
def test_other_code_of_forward_is_another_network(forward):
    assert str(made()) == str(made(**forward))
    assert of(made()) != of(made(**forward))


def test_frozen_layers_and_other_text_are_another_network():
    frozen, renamed = made(), made()
    frozen.first.bias.requires_grad_(False)
    renamed.extra = nn.Identity()

    assert len({of(made()), of(frozen), of(renamed)}) == 3


def test_a_network_that_fails_on_the_probe_still_has_one():
    class Fails(nn.Linear):
        def forward(self, x):
            raise RuntimeError("of its own")

    assert of(Fails(5, 1)) != of(nn.Linear(5, 1))


def test_the_code_that_trains_is_told_apart_by_any_file_and_by_torch(tmp_path, monkeypatch):
    (tmp_path / "dense").mkdir()
    (tmp_path / "dense" / "erm.py").write_text("lr = 1")
    (tmp_path / "data" / "sets").mkdir(parents=True)
    (tmp_path / "data" / "sets" / "adult.py").write_text("rows = 1")
    (tmp_path / "pruners.py").write_text("kept = 1")
    monkeypatch.setattr(fingerprint, "_ROOT", tmp_path)

    def now(left_out=()):
        return training_code.__wrapped__(left_out)

    first, without = now(), now(("pruners.py",))
    (tmp_path / "data" / "sets" / "adult.py").write_text("rows = 2")
    assert now() == first
    (tmp_path / "pruners.py").write_text("kept = 2")
    assert now() != first
    assert now(("pruners.py",)) == without
    (tmp_path / "dense" / "erm.py").write_text("lr = 2")
    assert now(("pruners.py",)) != without
    monkeypatch.setattr(torch, "__version__", "0.0")
    assert now().startswith("torch 0.0 ")


def test_what_is_left_out_of_a_dense_net_s_code_is_imported_by_none_of_the_rest():
    package = ROOT / "trainables"
    after = tuple(f"trainables.{part.removesuffix('.py')}" for part in AFTER_DENSE)
    assert all((package / part).exists() for part in AFTER_DENSE)
    for path in package.rglob("*.py"):
        if path.relative_to(package).as_posix().split("/")[0] in AFTER_DENSE:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                assert not f"{node.module}.".startswith(tuple(f"{one}." for one in after)), path
