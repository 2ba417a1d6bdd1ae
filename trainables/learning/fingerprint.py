"""What decides a trained network beside data, settings and weights: code, its own and ours.

Cached results are found by it. Weights alone do not tell two networks apart that compute something
else with them, or of which other parts learn.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from trainables.files import code_digest
from trainables.stage import limited_threads, seeded

_ROOT = Path(__file__).resolve().parents[1]
_ROWS = 4  # of the probe batch
# Packages that no training of a dense net runs, and data sets, of which caches know the rows.
AFTER_DENSE = ("corrections", "methods.py", "pruners", "recoveries", "trial")
_SETS = "data/sets"


def network_fingerprint(net: nn.Module, input_shape: Iterable[int]) -> str:
    """sha256 of what a network is, what of it learns, and what it does with a fixed batch.

    The batch (4, *input_shape) is seen in evaluation and in training mode, where torch's draws
    (dropout) are fixed, and once on the way back: so other code of `forward` gives another digest.
    `net` is left as it is. On the same machine and torch the same network has the same one; on
    another CPU the last bits differ.
    """
    device = torch.device("cpu")
    probe = copy.deepcopy(net).to(device)
    batch = torch.randn((_ROWS, *input_shape), generator=torch.Generator().manual_seed(0))
    digest = hashlib.sha256(str(net).encode())
    with limited_threads(1), seeded(0, device):
        for training in (False, True):
            digest.update(_answers(probe.train(training), batch))
    for name, parameter in probe.named_parameters():
        digest.update(f"\x1f{name}\x1f{parameter.requires_grad}".encode())
        digest.update(b"" if parameter.grad is None else _bytes(parameter.grad))
    return digest.hexdigest()


def _answers(probe: nn.Module, batch: Tensor) -> bytes:
    """Its logits, in bytes, after a step back from them; what went wrong where it has none."""
    try:
        logits = probe(batch)
        if logits.requires_grad:
            weights = torch.linspace(0.5, 1.5, logits.numel()).view_as(logits)
            (logits * weights).sum().backward()
        return _bytes(logits)
    except Exception as error:  # a network that cannot be trained may still be judged
        return type(error).__name__.encode()


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


@cache
def training_code(left_out: tuple[str, ...] = ()) -> str:
    """torch's version and a digest of the files of this package, but for those under `left_out`.

    Whatever changes there may train other networks from the same recipe.
    """
    return f"torch {torch.__version__} {code_digest(_ROOT, (*left_out, _SETS))}"
