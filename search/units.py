"""Times, bytes and samples as people read and write them; nested tables by dotted keys."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_SECONDS = {"h": 3600, "m": 60, "s": 1}
_TIME = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")
_BYTES = ("B", "kB", "MB", "GB", "TB")


def seconds(text: object) -> float:
    """The seconds that a number, or a text such as 90s or 1h30m, means.

    Raises ValueError where `text` is no time.
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        return float(text)
    match = _TIME.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None or not any(match.groups()):
        raise ValueError("must be a time such as 90s, 30m or 1h30m")
    return sum(
        float(part) * unit
        for part, unit in zip(match.groups(), _SECONDS.values(), strict=True)
        if part
    )


def clock(time: float) -> str:
    """Seconds as 1:02:03 or 2:03."""
    minutes, rest = divmod(round(time), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def readable_bytes(size: float) -> str:
    """Bytes as 12 B, 3.4 kB or 120 MB: in powers of 1000, with at least two digits."""
    power = 0
    while size >= 999.5 and power < len(_BYTES) - 1:
        size, power = size / 1000, power + 1
    digits = 1 if power and size < 9.95 else 0
    return f"{size:.{digits}f} {_BYTES[power]}"


def samples(count: float) -> str:
    """A number of samples as 12, 3.4k or 120M, rounded as `readable_bytes` does."""
    return readable_bytes(count).replace(" B", "").replace(" ", "").removesuffix("B")


def compute(charged: float, spent: float) -> str:
    """What trials cost, in words: the samples that their epochs take, and those really processed.

    The second number is smaller where trials shared the result of a stage.
    """
    return f"{samples(charged)} samples charged, {samples(spent)} processed"


def dotted(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"pruner": {"sparsity": 0.9}}` as `{"pruner.sparsity": 0.9}`; empty tables vanish."""
    values: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            values |= dotted(value, f"{prefix}{name}.")
        else:
            values[prefix + name] = value
    return values


def flat(table: Mapping[str, Any]) -> dict[str, str]:
    """The same with each value as text: `{"pruner.sparsity": "0.9"}`."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in dotted(table).items()
    }
