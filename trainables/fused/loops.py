"""The compiled loops, loaded where they are first needed: numba takes a quarter of a second."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

from trainables.compiling import collector_paused


@cache
def loops() -> SimpleNamespace:
    """The modules of compiled loops, by name."""
    with collector_paused():
        from trainables.fused import (
            adam_kernel,
            batch_kernel,
            draws,
            layers,
            mask_kernels,
            products,
            scoring,
        )
    return SimpleNamespace(
        adam=adam_kernel,
        batch=batch_kernel,
        draws=draws,
        layers=layers,
        masks=mask_kernels,
        products=products,
        scoring=scoring,
    )
