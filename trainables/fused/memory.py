"""How compiled loops reach the values of tensors: by their addresses."""

from __future__ import annotations

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def pointer(_, address):  # type: ignore[no-untyped-def]
    """An address as a pointer, within a compiled loop."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(address), generate
