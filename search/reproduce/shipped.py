"""The tables that come with the package; nothing heavy is imported to name them."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def table_files() -> dict[str, Path]:
    """Name of a table -> the file that defines it; the tables of a paper share a folder."""
    return {path.stem: path for path in sorted((FOLDER / "tables").glob("*/*.toml"))}
