"""fairfront search and resume: a search run, its progress shown, its end told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analysis.events import JOURNAL
from search.cli.interrupt import Interrupted
from search.cli.run import Folder, Trust, check_run, show_end
from search.cli.say import say
from search.errors import UserError
from search.units import seconds

if TYPE_CHECKING:
    from search.engine.experiment import RunResult
    from search.journal.events import Listener, SearchEnd, Told


def search(
    experiment: Annotated[str, typer.Argument(metavar="PRESET|FILE")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="K=V", help="As in the file: a.b=value.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the run; must hold none.")] = None,
    trials: Annotated[int | None, typer.Option(help="search.trials")] = None,
    time_limit: Annotated[str | None, typer.Option(help="search.time_limit: 30m, 1h")] = None,
    budget: Annotated[str | None, typer.Option(help="search.budget: GPU hours as 40h")] = None,
    warm_start: Annotated[
        list[Path] | None, typer.Option(metavar="DIR", help="An earlier run to learn from.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show all, start nothing.")] = False,
    address: Annotated[str | None, typer.Option(help="Ray's head: host:port or auto.")] = None,
    tracking_uri: Annotated[str | None, typer.Option(help="tracking.uri")] = None,
) -> None:
    """Searches; leaves the front and all that led to it in a folder."""
    from search.config.source import find

    find(experiment)  # a misspelt name is told before pydantic has built its models
    from search.config.config import Config

    given = {"search.trials": trials, "search.time_limit": time_limit, "search.budget": budget}
    extra = [f"{key}={value}" for key, value in given.items() if value is not None]
    if tracking_uri is not None:
        extra.append(f"tracking.uri={json.dumps(tracking_uri)}")
    if warm_start:
        extra.append(f"search.warm_start={[str(path) for path in warm_start]}")
    changes = [*(overrides or []), *extra]
    if dry_run:
        from search.cli.remembered import described

        for line in described(experiment, changes, out):
            say(line)
        return
    config = Config.load(experiment, changes)
    from search.engine.experiment import run
    from search.runs.folder import new_path

    folder = out or new_path(config.name)

    _watched(
        folder,
        config.search.trials,
        lambda listen: run(config, out=folder, address=address, on_event=listen),
        recording=config.search.recording,
        listed=bool(config.trials),
    )


def resume(
    folder: Folder,
    trials: Annotated[int | None, typer.Option(min=1, help="Another number in all.")] = None,
    time_limit: Annotated[str | None, typer.Option(help="From now on: 30m, 1h.")] = None,
    budget: Annotated[str | None, typer.Option(help="GPU hours, all sessions: 40h.")] = None,
    address: Annotated[str | None, typer.Option(help="Ray's head: host:port or auto.")] = None,
    repair: Annotated[bool, typer.Option(help="Mend a damaged journal first.")] = False,
    trust: Trust = False,
) -> None:
    """Goes on with an interrupted search; finished trials stay."""
    check_run(folder)
    limit, most = _seconds("--time-limit", time_limit), _seconds("--budget", budget)
    from search.config.config import Config
    from search.engine.experiment import resume as go_on

    config = Config.load(folder / "config.toml")
    _watched(
        folder,
        trials or config.search.trials,
        lambda listen: go_on(
            folder,
            trials=trials,
            time_limit=limit,
            budget=most,
            address=address,
            repair=repair,
            trust_code=trust,
            on_event=listen,
        ),
        recording=config.search.recording,
        listed=bool(config.trials),
    )


def _watched(
    folder: Path,
    trials: int,
    start: Callable[[Listener], RunResult],
    *,
    recording: bool = False,
    listed: bool = False,
) -> None:
    """Runs a search with its progress shown; says how to go on with an interrupted one.

    A `recording` has counted the test rows all along, so nothing is left to confirm; to `listed`
    trials none can be added.
    """
    import optuna

    from search.cli.interrupt import Interruptible
    from search.cli.live import LiveView

    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it tells of every study and trial
    end: SearchEnd = {"event": "search_end", "left": 0}
    try:
        with Interruptible() as interruption, LiveView(trials) as shown:

            def listen(event: Told) -> None:
                nonlocal end
                if event["event"] == "search_end":
                    end = event
                shown.on_event(event)
                interruption.check()

            result = start(listen)
    except KeyboardInterrupt as error:
        if not (folder / JOURNAL).exists():
            raise  # nothing was written: the same command begins anew
        raise Interrupted(f"Go on with: fairfront resume {folder}") from error
    show_end(result, end, recording=recording, listed=listed)


def _seconds(option: str, given: str | None) -> float | None:
    try:
        return None if given is None else seconds(given)
    except ValueError as error:
        raise UserError(f"{option}: {error}, got {given!r}") from error
