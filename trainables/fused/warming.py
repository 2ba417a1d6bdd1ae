"""Has all loops compiled, once per machine, before several processes need them at once."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from trainables.compiling import code_folder, sources_digest
from trainables.files import NoLocks, drop_lock, take_lock
from trainables.fused.adam import FlatAdam
from trainables.fused.answer import answer
from trainables.fused.batch_loss import BatchLoss, CompiledCritic
from trainables.fused.leaf import Leaf
from trainables.fused.loops import loops
from trainables.fused.trunk import trunk_of
from trainables.optimizers import Adam

NOTE = (
    "small networks: their loops are compiled, once on this machine (half a minute, which no "
    'limit is charged for; [model] fused = "off" does without)'
)


def warm(net: nn.Module, say: Callable[[str], None]) -> None:
    """Compiles what a network like `net` needs, unless it was; `say` is told before it begins.

    Where another process is at it, this one waits. What is compiled lies in the user's cache
    folder; where nothing can be kept there, every process compiles for itself.
    """
    folder = code_folder()
    if trunk_of(net) is None or folder is None:
        return
    done = folder / f"warm-{_state()}"
    if done.exists():
        return
    say(NOTE)
    with open(folder / "warm.lock", "a+b") as lock:
        with suppress(NoLocks):
            take_lock(lock, wait=True)
        if not done.exists():
            _use_all()
            done.touch()
        with suppress(OSError):
            drop_lock(lock)


def _state() -> str:
    """What the compiled code depends on."""
    facts = (
        sources_digest(Path(__file__).parent),
        *(version("numba"), version("llvmlite"), platform.node(), platform.python_version()),
    )
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def _use_all() -> None:
    """A step of each kind on a few rows: the types of a call decide what is compiled."""
    with torch.random.fork_rng(devices=[]):
        layers = [nn.Linear(3, 4), nn.ReLU(), nn.Dropout(0.5), nn.BatchNorm1d(4)]
        net = nn.Sequential(nn.Flatten(), *layers, nn.Linear(4, 1))
        rows = SimpleNamespace(
            inputs=torch.ones(4, 3),
            labels=torch.tensor([0, 1, 0, 1]),
            groups=torch.tensor([0, 0, 1, 1]),
            weights=torch.ones(4),
        )
        answer(net, rows.inputs).sum().backward()
        with torch.no_grad():
            answer(net.eval(), rows.inputs)
        critic = nn.Sequential(*(nn.Linear(*sides) for sides in ((5, 2), (2, 2), (12, 2), (2, 1))))
        adam, of_net = _flat_adam(critic), _flat_adam(net)
        names = [name for name, _ in net.named_parameters()]
        leaf = Leaf.of(net, of_net.values, dict(zip(names, of_net.starts.values(), strict=True)))
        loss_of = BatchLoss(
            "aod",
            torch.full((2, 2), 0.5),
            bias_from="critic",
            slope=1.0,
            critic=CompiledCritic(adam, 2, 0.1),
        )
        for one in (leaf, None):
            loss_of.begin(net, one)
            loss_of(rows)
        of_net.step(of_net.values.clone())
        logits, rates = np.ones(8, np.float32), np.array([0.1, 0.9, 0.999, 1e-8, 0.0])
        others = [np.ones(8, np.float32) for _ in range(5)]
        loops().draws.normals(0, others[0])
        loops().masks.sample(logits, *others, np.array([0, 4, 8]))
        moments, steps = (others[0], others[1]), np.zeros(1, np.float32)
        slopes = others[2]
        loops().masks.step(slopes, *others[3:], 0.0, logits, *moments, steps, rates, 6.0)


def _flat_adam(net: nn.Module) -> FlatAdam:
    adam = FlatAdam.of(Adam(net.parameters()))
    if adam is None:
        raise RuntimeError("warm: plain Adam over a fresh network must have a flat form")
    return adam
