"""Reads a TOML file or preset with its overrides, and says in one line what is wrong with it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from search.errors import UserError, nearest, unknown
from search.registries import presets


@dataclass(frozen=True)
class Source:
    """The values of an experiment before they are checked, and where each came from."""

    where: str  # the file's path, or `preset NAME`
    folder: Path  # where the user's own modules and files are looked up
    values: dict[str, Any]
    overridden: tuple[str, ...]  # dotted keys given by --set

    def origin(self, key: str) -> str:
        """What to name when `key` is wrong."""
        inside = (key == one or key.startswith(f"{one}.") for one in self.overridden)
        return "--set" if any(inside) else self.where


def read(path_or_preset: str | Path, overrides: Sequence[str] = ()) -> Source:
    """Raises UserError where there is no such file or preset, or it is not TOML."""
    where, folder, text = _find(path_or_preset)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{where}: is not valid TOML: {error}") from error
    keys = []
    for override in overrides:
        key, value = _parse_override(override)
        _put(values, key, value)
        keys.append(key)
    return Source(where, folder, values, tuple(keys))


def as_user_error(error: ValidationError, source: Source, model: type[BaseModel]) -> UserError:
    """All that pydantic found, one line each, with the file, the key, the rule and the value."""
    return UserError("\n".join(dict.fromkeys(_lines(error, source, model))))


def rule(message: str) -> str:
    """Pydantic's sentence in our words: `must be less than 1`."""
    plain = message.removeprefix("Value error, ").replace("Input should be", "must be")
    return plain.replace("Input should have", "must have").replace(
        "Field required", "must be given"
    )


def _find(path_or_preset: str | Path) -> tuple[str, Path, str]:
    path = Path(path_or_preset)
    if path.is_file():
        try:
            return str(path), path.resolve().parent, path.read_text("utf-8")
        except UnicodeDecodeError as error:
            raise UserError(f"{path}: is not valid TOML: {error}") from error
    known = presets()
    name = str(path_or_preset)
    if name in known:
        return f"preset {name}", Path.cwd(), known[name]
    if path.suffix == ".toml" or len(path.parts) > 1:
        raise UserError(f"{path}: there is no such file")
    raise UserError(f"{unknown('preset', name, known)} (a file would end in .toml)")


def _parse_override(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not all(key.split(".")):
        raise UserError(f"--set: must read like objective.tolerance=0.1, got {text!r}")
    try:
        parsed = tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError:
        return key, value.strip()  # a bare word is a string
    return key, parsed["value"] if len(parsed) == 1 else value


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    *tables, last = key.split(".")
    inner = values
    for name in tables:
        inner = inner.setdefault(name, {})
        if not isinstance(inner, dict):
            raise UserError(f"--set: {name} is no table, got {key}={value!r}")
    inner[last] = value


def _lines(error: ValidationError, source: Source, model: type[BaseModel]) -> Iterator[str]:
    for one in error.errors(include_url=False):
        path = [part for part in one["loc"] if isinstance(part, str) and part.isidentifier()]
        key = ".".join(path)
        origin = source.origin(key)
        if one["type"] == "extra_forbidden":
            yield f"{origin}: {_unknown_key(path, model)}"
            continue
        said = rule(one["msg"])
        value = one["input"]
        if one["type"] == "missing" or isinstance(value, Mapping | BaseModel) or " got " in said:
            given = ""
        else:
            given = "" if repr(value) in said else f", got {value!r}"
        yield f"{origin}: {f'{key}: ' if key else ''}{said}{given}"


def _unknown_key(path: list[str], model: type[BaseModel]) -> str:
    """An unknown key, with the nearest one beside it or else the same one in another table."""
    *tables, last = path
    for table in tables:
        model = _section(model, table) or model
    beside = [*tables, nearest(last, model.model_fields) or ""]
    if beside[-1]:
        return f"unknown key {'.'.join(path)!r}; did you mean {'.'.join(beside)!r}?"
    return unknown("key", ".".join(path), [".".join([*tables, one]) for one in model.model_fields])


def _section(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    found = model.model_fields[name].annotation if name in model.model_fields else None
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None
