"""TOML files as people's editors write them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from search.errors import UserError


def read_toml(path: Path) -> dict[str, Any]:
    """What the file says; a byte order mark at its start says nothing.

    Raises UserError naming the file, where it is not TOML or not in UTF-8.
    """
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: is not valid TOML: it must be saved as UTF-8: {error}"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: is not valid TOML: {error}") from error
