"""Where an experiment file comes from, and what it says before anything of it is checked."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.config.registries import presets
from search.config.tracking_uri import masked
from search.errors import UserError, unknown
from search.toml_file import read_toml


@dataclass(frozen=True)
class Source:
    """The values of an experiment before they are checked, and where each came from."""

    where: str  # the file's path, or `preset NAME`
    folder: Path  # where the user's own modules and files are looked up
    values: dict[str, Any]
    overridden: tuple[str, ...]  # dotted keys given by --set

    def origin(self, key: str) -> str:
        """What to name when `key`, or how the keys of that table fit together, is wrong."""
        for other in self.overridden:
            if f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}."):
                return "--set"
        return self.where


def read(path_or_preset: str | Path, overrides: Sequence[str]) -> Source:
    """Raises UserError where there is no such file or preset, or it is not TOML."""
    where, folder, values = find(path_or_preset)
    keys = []
    for override in overrides:
        key, value = _parse_override(override)
        _put(values, key, value)
        keys.append(key)
    return Source(where, folder, values, tuple(keys))


def find(path_or_preset: str | Path) -> tuple[str, Path, dict[str, Any]]:
    """What to call the file in messages, the folder of the user's own files, what it says."""
    path = Path(path_or_preset)
    if path.is_file():
        return str(path), path.resolve().parent, read_toml(path)
    known = presets()
    name = str(path_or_preset)
    if name in known:
        return f"preset {name}", Path.cwd(), tomllib.loads(known[name])
    if path.suffix == ".toml" or len(path.parts) > 1:
        raise UserError(f"{path}: there is no such file")
    raise UserError(f"{unknown('preset', name, known)} (a file would end in .toml)")


def _parse_override(text: str) -> tuple[str, Any]:
    """Key and value of `a.b=value`; a value that is no TOML is a string."""
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not all(key.split(".")):
        raise UserError(f"--set: must read like objective.tolerance=0.1, got {masked(text)!r}")
    try:
        parsed = tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError:
        return key, value.strip()
    return key, parsed["value"] if len(parsed) == 1 else value


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    *tables, last = key.split(".")
    inner = values
    for name in tables:
        inner = inner.setdefault(name, {})
        if not isinstance(inner, dict):
            raise UserError(f"--set: {name} is no table, got {key}={masked(repr(value))}")
    inner[last] = value
