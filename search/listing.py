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
    return [(name, about(kind, name, entry)) for name, entry in registry(kind).items()]


def about(kind: Kind, name: str, entry: Any) -> str:
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
        case "sampler" | "scheduler":
            return _about_named(kind, name, entry)
        case _:
            return first_line(entry)


def first_line(entry: Any) -> str:
    """The first sentence of what the entry's docstring says."""
    return (inspect.getdoc(entry) or "").split("\n\n")[0].replace("\n", " ")


SAMPLERS = {
    "random": "independent uniform draws (Bergstra and Bengio, JMLR 2012)",
    "tpe": "tree-structured Parzen estimator with constraints (Watanabe and Hutter, IJCAI 2023)",
}


def _about_named(kind: Kind, name: str, entry: Any) -> str:
    if kind == "sampler":
        return SAMPLERS[name]
    return "every trial runs to its end" if entry is None else first_line(entry)


def _about_preset(text: str) -> str:
    """The comment at its head, else its name and objective."""
    comments = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        comments.append(line.removeprefix("#").strip())
    trials = tomllib.loads(text)["search"]["trials"]
    return f"{' '.join(comments)} {trials} trials.".strip()
