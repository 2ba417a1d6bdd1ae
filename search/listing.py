"""What can be named in an experiment: one line per registry entry."""

from __future__ import annotations

import inspect
import tomllib
from typing import Any

from search.registries import Kind, registry

KINDS: dict[str, Kind] = {
    "methods": "method",
    "datasets": "data set",
    "models": "model",
    "measures": "measure",
    "samplers": "sampler",
    "schedulers": "scheduler",
    "presets": "preset",
}


def rows(kind: Kind) -> list[tuple[str, str]]:
    """(name, one line about it) for every entry of a registry, as registered."""
    return [(name, about(kind, entry)) for name, entry in registry(kind).items()]


def about(kind: Kind, entry: Any) -> str:
    """One line: what the entry says of itself."""
    match kind:
        case "preset":
            return _about_preset(entry)
        case "method":
            return f"{entry.summary} ({entry.source})"
        case "data set":
            return f"{entry.summary} ({entry.source})"
        case "measure":
            return f"{entry.definition} ({entry.source})"
        case _:
            return first_line(entry)


def first_line(entry: Any) -> str:
    """The first sentence of what the entry's docstring says."""
    return (inspect.getdoc(entry) or "").split("\n\n")[0].replace("\n", " ")


def _about_preset(text: str) -> str:
    """The comment at its head, else its name and objective."""
    comments = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        comments.append(line.removeprefix("#").strip())
    trials = tomllib.loads(text)["search"]["trials"]
    return f"{' '.join(comments)} {trials} trials.".strip()
