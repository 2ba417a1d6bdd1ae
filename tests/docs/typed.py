"""What a reader types, checked against the real command line without being run."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from functools import cache
from typing import Any

from typer.main import get_command

from search.cli.app import app
from search.config.config import Config
from tests.docs.blocks import ROOT

_OPTIONS = {
    "trials": "search.trials",
    "time_limit": "search.time_limit",
    "budget": "search.budget",
}


def parsed(words: list[str]) -> tuple[str, dict[str, Any]]:
    """The name of a fairfront command and what its parameters come to: ("data get", {...}).

    Raises a usage error for a command or an option that does not exist, a value of the wrong
    type, and an argument that is missing.
    """
    command, rest, context, names = get_command(app), words[1:], None, []
    while hasattr(command, "resolve_command"):
        context = command.make_context(command.name, list(rest), parent=context)
        name, command, rest = command.resolve_command(context, list(rest))
        names.append(name)
    context = command.make_context(command.name, list(rest), parent=context)
    return " ".join(names), context.params


def config_of(parameters: dict[str, Any]) -> Config:
    """The experiment that a `fairfront search` with these parameters would run."""
    limits = [f"{key}={parameters[name]}" for name, key in _OPTIONS.items() if parameters[name]]
    return Config.load(parameters["experiment"], [*(parameters["overrides"] or ()), *limits])


def every_option() -> set[str]:
    """All options of all commands of fairfront."""

    def of(command: Any) -> Iterator[str]:
        for parameter in command.params:
            yield from parameter.opts
        for inner in getattr(command, "commands", {}).values():
            yield from of(inner)

    return {option for option in of(get_command(app)) if option.startswith("--")}


def is_command(words: list[str]) -> bool:
    """Whether words such as `fairfront data list` are a command, with or without its arguments."""
    command = get_command(app)
    for word in words[1:]:
        if word not in getattr(command, "commands", {}):
            break
        command = command.commands[word]
    return command is not get_command(app) and not getattr(command, "commands", {})


@cache
def makes(target: str) -> bool:
    """Whether the Makefile knows how to make it."""
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, check=False)
    return done.returncode == 0
