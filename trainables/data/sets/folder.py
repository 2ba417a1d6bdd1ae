"""Where data files lie, and the errors for a file that is missing or not the expected one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

VARIABLE = "FAIRFRONT_DATA"


class MissingDataError(FileNotFoundError, ValueError):
    """A data file that has to be fetched first."""


def data_folder() -> Path:
    """The folder that FAIRFRONT_DATA names, else `fairfront/data` in the user's cache folder."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "fairfront" / "data"


def find_file(
    name: str, relative: str, source: str, folder: Path | None = None, *, download: bool = True
) -> Path:
    """The file `relative` of the data set `name`; `source` is the page that it comes from.

    `download` says whether `fairfront data get` can fetch it. Raises MissingDataError saying which
    file, where to put it, and how to get it.
    """
    path = (folder or data_folder()) / relative
    if not path.is_file():
        get = f"run `fairfront data get {name}`, or " if download else ""
        raise MissingDataError(
            f"{name}: needs the file {path}, which is missing; {get}put it there from {source} "
            f"(the folder is set by {VARIABLE})"
        )
    return path


def find_either(
    name: str, either: tuple[str, ...], source: str, folder: Path | None = None
) -> Path:
    """The first of these files and folders of the data set `name` that is there.

    Raises MissingDataError, naming all of them, where none is.
    """
    paths = [(folder or data_folder()) / relative for relative in either]
    present = [path for path in paths if path.exists()]
    if not present:
        raise MissingDataError(
            f"{name}: needs {' or '.join(map(str, paths))}, which is missing; put it there from "
            f"{source} (the folder is set by {VARIABLE})"
        )
    return present[0]


@contextmanager
def reading(who: str, path: Path) -> Iterator[None]:
    """Names the file in errors of what reads it: bytes that are no text, rows that are uneven."""
    import pandas as pd  # here and below: who lists data sets need not wait for it

    try:
        yield
    except (UnicodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        said = str(error).strip().splitlines()[0]
        raise ValueError(f"{who}: {path} must be the official file, got {said}") from error


def check_numbers(
    who: str, path: Path, table: pd.DataFrame, columns: Iterable[str], missing: str | None = None
) -> None:
    """Raises ValueError, naming file, column and row, where a value is no number.

    Missing values are NaN, or the text `missing`. Rows of the table count from 1.
    """
    import numpy as np
    import pandas as pd

    for column in columns:
        values = table[column]
        absent = values.isna() if missing is None else values == missing
        wrong = pd.to_numeric(values, errors="coerce").isna() & ~absent
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise ValueError(
                f"{who}: column {column!r} of {path} must hold numbers, "
                f"got {values.iloc[row]!r} in row {row + 1}"
            )


def sha256(path: Path) -> str:
    """The file's checksum in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_sha256(who: str, path: Path, expected: str) -> None:
    """Raises ValueError where the file is not the official one."""
    actual = sha256(path)
    if actual != expected:
        raise ValueError(
            f"{who}: {path} must be the official file with sha256 {expected[:12]}..., "
            f"got {actual[:12]}...; delete it and run `fairfront data get {who}`"
        )


def check_counts(
    who: str, what: str, expected: Mapping[str, int], actual: Mapping[str, int]
) -> None:
    """Raises ValueError, with both numbers, where a count is not that of the official file."""
    wrong = [
        f"{name}: expected {count}, found {actual.get(name, 0)}"
        for name, count in expected.items()
        if actual.get(name, 0) != count
    ]
    if wrong:
        raise ValueError(f"{who}: {what} must be those of the official file; {'; '.join(wrong)}")
