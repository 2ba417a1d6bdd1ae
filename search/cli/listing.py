"""What can be named in an experiment: one line per registry entry."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from search.cli.say import say
from search.errors import UserError, unknown
from search.toml_file import read_toml

if TYPE_CHECKING:
    from search.config.registries import Kind

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
    from search.config.registries import registry
    from trainables.registry import Registry

    known = registry(kind)
    if isinstance(known, Registry):  # nothing is imported for it
        return [(name, first_paragraph(known.doc(name))) for name in known]
    return [(name, about(kind, entry)) for name, entry in known.items()]


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
            return first_paragraph(inspect.getdoc(entry) or "")


def first_paragraph(doc: str) -> str:
    """The first paragraph of a docstring, as one line."""
    return doc.split("\n\n")[0].replace("\n", " ")


def _about_preset(text: str) -> str:
    """The comment at its head, else its name and objective."""
    comments = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        comments.append(line.removeprefix("#").strip())
    trials = tomllib.loads(text)["search"]["trials"]
    return f"{' '.join(comments)} {trials} trials.".strip()


def list_entries(
    what: Annotated[
        str,
        typer.Argument(
            metavar="methods|datasets|models|measures|samplers|schedulers|presets|tables|runs",
            show_default=False,
        ),
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="runs: those in this folder.")
    ] = Path("runs"),
) -> None:
    """Shows the names that an experiment can use, each with its source; or a folder's runs."""
    if what == "runs":
        from search.runs.listing import run_lines

        for line in run_lines(folder):
            say(line)
        return
    if what == "tables":
        from search.reproduce.shipped import table_files

        _print_rows((name, str(read_toml(file)["title"])) for name, file in table_files().items())
        return
    if what not in KINDS:
        raise UserError(unknown("list", what, [*KINDS, "tables", "runs"]))
    _print_rows(rows(KINDS[what]))


def _print_rows(rows: Iterable[tuple[str, str]]) -> None:
    listed = list(rows)
    width = max(len(name) for name, _ in listed)
    for name, about in listed:
        say(f"{name:{width}}  {about}".rstrip())
