"""Whether the files of a run are those that its search wrote: needs neither data nor network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from search.errors import UserError
from search.journal.digest import json_digest
from search.runs.folder import DENSE, ENCODING, RunFolder
from search.runs.state import CONFIG
from trainables.models.net_digest import digest_of_file

_CLOSE = 1e-5  # relative: sums of another machine's numpy differ in their last bits


def check_files(folder: RunFolder, who: str) -> None:
    """Raises UserError where the encoder or the dense net is another one than the journal says.

    A file that is not there is not missed, and what earlier versions did not write is not asked.
    """
    facts, dense = folder.facts(), folder.dense_event()
    encoded = (folder.path / ENCODING).exists() and "encoding" in facts
    if encoded and json_digest(folder.encoding()) != facts["encoding"]:
        raise _another(who, folder, ENCODING)
    path = folder.path / DENSE
    if path.exists() and "digest" in dense:
        try:
            found = digest_of_file(path)
        except ValueError as error:
            raise UserError(f"{who}: {error}; {folder.remedy_of(DENSE)}") from error
        if found != dense["digest"]:
            raise _another(who, folder, DENSE)


def check_candidates(folder: RunFolder, names: Iterable[str], who: str) -> None:
    """Raises UserError where a candidate's file is missing, or not what was written."""
    for name in names:
        try:
            folder.candidates.intact(name)
        except (ValueError, FileNotFoundError) as error:
            raise UserError(
                f"{who}: {error}; put back a copy of it, or start a new search that learns from "
                f"this one: fairfront search {folder.path / CONFIG} --warm-start {folder.path}"
            ) from error


def _another(who: str, folder: RunFolder, name: str) -> UserError:
    return UserError(
        f"{who}: {folder.path / name} must be the one that the search began with, by its digest "
        f"in the journal, got another; put back a copy of it, or remove the file: then `fairfront "
        f"resume {folder.path}` makes it again"
    )


def difference(then: Any, now: Any, where: str = "") -> str | None:
    """Where and how two JSON values differ, None where they do not: "numbers age mean was ...".

    Keys that only one of two tables has were unknown to the other's version and are passed over;
    numbers may differ by a hundred-thousandth.
    """
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        parts = [(str(key), then[key], now[key]) for key in then.keys() & now.keys()]
        return _first_difference(sorted(parts, key=lambda part: part[0]), where)
    if isinstance(then, list) and isinstance(now, list):
        names, new_names = [_name(one) for one in then], [_name(one) for one in now]
        if names != new_names or len(then) != len(now):
            named = all(names) and all(new_names)
            return _changed(where, names if named else then, new_names if named else now)
        numbered = enumerate(zip(then, now, strict=True))
        parts = [(_name(one) or str(index), one, other) for index, (one, other) in numbered]
        return _first_difference(parts, where)
    if isinstance(then, int | float) and isinstance(now, int | float):
        return None if math.isclose(then, now, rel_tol=_CLOSE) else _changed(where, then, now)
    return None if then == now else _changed(where, then, now)


def _first_difference(parts: Sequence[tuple[str, object, object]], where: str) -> str | None:
    found = (difference(then, now, f"{where} {name}".strip()) for name, then, now in parts)
    return next((one for one in found if one is not None), None)


def _name(value: object) -> str | None:
    return str(value["name"]) if isinstance(value, Mapping) and "name" in value else None


def _changed(where: str, then: object, now: object) -> str:
    return f"{where} was {_short(then)}, is {_short(now)}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
