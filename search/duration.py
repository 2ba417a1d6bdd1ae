"""Times as people write them: 90s, 30m, 1h30m, or a number of seconds."""

from __future__ import annotations

import re

UNITS = {"h": 3600, "m": 60, "s": 1}
PATTERN = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


def seconds(text: object) -> float:
    """The seconds that `text` means; raises ValueError where it means none."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        return float(text)
    found = PATTERN.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None or not any(found.groups()):
        raise ValueError("must be a time such as 90s, 30m or 1h30m")
    return sum(
        float(part) * unit
        for part, unit in zip(found.groups(), UNITS.values(), strict=True)
        if part
    )


def clock(time: float) -> str:
    """Seconds as 1:02:03 or 2:03."""
    minutes, rest = divmod(round(time), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
