"""Which of the earlier results a recovery works on."""

from __future__ import annotations

from trainables.masks import MaskedNet
from trainables.stage import Context


def newest(stage: str, context: Context) -> MaskedNet:
    """The last result of the trial so far; raises ValueError, naming `stage`, without one."""
    if not context.incoming:
        raise ValueError(f"{stage}: needs the result of an earlier stage, got none")
    return context.incoming[-1]
