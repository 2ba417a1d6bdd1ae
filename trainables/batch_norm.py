"""Training with batch statistics while the running ones rest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def batch_statistics(net: nn.Module) -> Iterator[None]:
    """`net` in training mode, its normalisations by batch statistics without updating others.

    Where the running statistics are estimated anew before every evaluation, following them
    through training is wasted work.
    """
    tracking = [m for m in net.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    net.train()
    for norm in tracking:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in tracking:
            norm.track_running_stats = True
