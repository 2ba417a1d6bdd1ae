"""Bytes and numbers of samples as people read them."""

from __future__ import annotations

UNITS = ("B", "kB", "MB", "GB", "TB")


def human(size: float) -> str:
    """12 B, 3.4 kB, 120 MB: powers of 1000, two digits at least."""
    power = 0
    while size >= 999.5 and power < len(UNITS) - 1:
        size, power = size / 1000, power + 1
    digits = 1 if power and size < 9.95 else 0
    return f"{size:.{digits}f} {UNITS[power]}"


def samples(count: float) -> str:
    """12, 3.4k, 120M: powers of 1000, two digits at least."""
    return human(count).replace(" B", "").replace(" ", "").removesuffix("B")


def compute(charged: float, spent: float) -> str:
    """What trials take by their epochs, and what was really processed: less where they shared."""
    return f"{samples(charged)} samples charged, {samples(spent)} processed"
