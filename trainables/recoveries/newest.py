"""Which of the earlier results a recovery works on."""

from __future__ import annotations

from trainables.masks import MaskedNet, Masks
from trainables.stage import Context


def newest(stage: str, context: Context) -> MaskedNet:
    """The last result of the trial so far; raises ValueError, naming `stage`, without one."""
    if not context.incoming:
        raise ValueError(f"{stage}: needs the result of an earlier stage, got none")
    return context.incoming[-1]


def newest_or_dense(context: Context) -> MaskedNet:
    """The last result of the trial so far, else the dense network with every weight kept."""
    if context.incoming:
        return context.incoming[-1]
    return MaskedNet(context.dense, Masks.keep_all(context.dense))
