"""How quantities are written for people: times, bytes, numbers of samples."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_SECONDS = {"h": 3600, "m": 60, "s": 1}
_TIME = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


def seconds(text: object) -> float:
    """The seconds that `text` means; raises ValueError where it means none."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        return float(text)
    found = _TIME.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None or not any(found.groups()):
        raise ValueError("must be a time such as 90s, 30m or 1h30m")
    return sum(
        float(part) * unit
        for part, unit in zip(found.groups(), _SECONDS.values(), strict=True)
        if part
    )


def clock(time: float) -> str:
    """Seconds as 1:02:03 or 2:03."""
    minutes, rest = divmod(round(time), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


_BYTES = ("B", "kB", "MB", "GB", "TB")


def human(size: float) -> str:
    """12 B, 3.4 kB, 120 MB: powers of 1000, two digits at least."""
    power = 0
    while size >= 999.5 and power < len(_BYTES) - 1:
        size, power = size / 1000, power + 1
    digits = 1 if power and size < 9.95 else 0
    return f"{size:.{digits}f} {_BYTES[power]}"


def samples(count: float) -> str:
    """12, 3.4k, 120M: powers of 1000, two digits at least."""
    return human(count).replace(" B", "").replace(" ", "").removesuffix("B")


def compute(charged: float, spent: float) -> str:
    """What trials take by their epochs, and what was really processed: less where they shared."""
    return f"{samples(charged)} samples charged, {samples(spent)} processed"


def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """`{"pruner": {"sparsity": 0.9}}` as `{"pruner.sparsity": "0.9"}`."""
    found: dict[str, str] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value if isinstance(value, str) else json.dumps(value)
    return found
