"""fairfront for scripts and notebooks: all that a user calls, with nothing deeper to know.

    import fairfront

    run = fairfront.search("quick").folder        # look for networks; test stays sealed
    front = fairfront.confirm(run)                # open test, once
    model = fairfront.load(fairfront.export(run, "chosen"))

An experiment is a preset's name, the path of a TOML file or a `Config`. A run is the path of the
folder that a search wrote. Fractions are fractions (0.05, not 5 percent), times are seconds or
texts such as "90s" and "1h30m", sparsity is the share of weights that were removed, and a bias is
never negative: lower is fairer. Input that does not fit raises `UserError` with one readable
message. Importing this module loads neither torch nor ray; the first call does.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from search.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from analysis.front_json import Certify, Front
    from search.config.config import Config
    from search.engine.experiment import RunResult
    from search.journal.events import Listener
    from search.problem.start_network import Build
    from search.runs.export import Model
    from trainables.data import Attribute, FairData

__all__ = [
    "Attribute",
    "Config",
    "FairData",
    "Model",
    "RunResult",
    "UserError",
    "confirm",
    "dry_run",
    "export",
    "from_frame",
    "front_of",
    "load",
    "load_data",
    "load_run",
    "mlflow_uri",
    "power",
    "price",
    "report",
    "resume",
    "search",
]

_CLASSES = {  # where each class is defined; imported when it is first asked for
    "Attribute": "trainables.data",
    "Config": "search.config.config",
    "FairData": "trainables.data",
    "Model": "search.runs.export",
    "RunResult": "search.engine.experiment",
}


if not TYPE_CHECKING:  # a type checker would take every misspelt name for one of these

    def __getattr__(name: str) -> Any:
        if name not in _CLASSES:
            raise AttributeError(f"module 'fairfront' has no attribute {name!r}")
        value = getattr(importlib.import_module(_CLASSES[name]), name)
        globals()[name] = value  # found at once from now on
        return value


def __dir__() -> list[str]:
    return list(__all__)


def search(
    config: Config | Path | str,
    *,
    data: FairData | pd.DataFrame | None = None,
    model: nn.Module | Build | None = None,
    out: Path | str | None = None,
    address: str | None = None,
    on_event: Listener | None = None,
    progress: bool | None = None,
) -> RunResult:
    """Searches and writes a run; returns its `folder` and its `front` as seen on tune.

    `data` stands for the experiment's [data] name or load (a frame is read by what [data] says of
    its columns), `model` for its [model]: a network, which is left as it is, or a function of one
    input's shape and the number of outputs that builds one. A task of two classes wants one
    output, one of more a logit for each class. `out` is a new or empty folder, by default
    `runs/<name>-<time>` where Python runs. `address` is the head of a Ray cluster ("host:port" or
    "auto"); without it all runs on this machine. `on_event` is called with each line of the
    journal, a dict, and with notes to the user. `progress` shows what the command line does; by
    default, without `on_event`, it does so on a terminal; elsewhere it says on standard error what
    has to be known, and every five seconds how far the search is.

    Raises UserError where the input does not fit together, before anything is written, and
    KeyboardInterrupt on Ctrl-C, with all in place for `resume`.
    """
    from search.cli.live import watched
    from search.engine.experiment import run
    from search.runs.folder import new_path

    loaded = _loaded(config)
    folder = new_path(loaded.name) if out is None else out
    with watched(progress, on_event, loaded.search.trials, folder, data, model) as listener:
        return run(loaded, out=folder, data=data, model=model, address=address, on_event=listener)


def resume(
    run: Path | str,
    *,
    trials: int | None = None,
    time_limit: float | str | None = None,
    budget: float | str | None = None,
    data: FairData | pd.DataFrame | None = None,
    model: nn.Module | Build | None = None,
    address: str | None = None,
    repair: bool = False,
    trust_code: bool = False,
    on_event: Listener | None = None,
    progress: bool | None = None,
) -> RunResult:
    """Goes on with an interrupted search: finished trials stay, unfinished ones continue.

    `trials` is another number in all, `time_limit` counts from now on, `budget` is the time of
    all devices over all sessions. `data` and `model` are not kept in a run: hand over again what
    the search was given. `repair` first sets damaged lines of the journal aside. The rest is as
    for `search`; a search that was complete stays as it is. A run that another user started may
    name Python files to run, or a server to send results to: with `trust_code` it is trusted from
    now on.

    Raises UserError where the folder holds no run, the data have changed, another process writes
    it, or it names code that was not trusted yet.
    """
    from search.cli.live import watched
    from search.engine.experiment import resume as go_on

    with watched(progress, on_event, trials, run, data, model) as listener:
        return go_on(
            run,
            trials=trials,
            time_limit=_seconds("time_limit", time_limit),
            budget=_seconds("budget", budget),
            data=data,
            model=model,
            address=address,
            repair=repair,
            trust_code=trust_code,
            on_event=listener,
        )


def dry_run(
    config: Config | Path | str,
    *,
    data: FairData | pd.DataFrame | None = None,
    model: nn.Module | Build | None = None,
) -> str:
    """What `search` would start from, as `--dry-run` shows it: all settings, rows and groups, what
    test can certify, and how long it would take here. Raises UserError as `search` does."""
    from search.engine.dry_run import describe

    return "\n".join(describe(_loaded(config), data=data, model=model))


def power(
    config: Config | Path | str, *, data: FairData | pd.DataFrame | None = None
) -> pd.DataFrame:
    """The probability that a perfectly fair network is certified, at worst: a row per tolerance, a
    column per number of rows of test. Nothing is trained. Raises UserError as `search` does."""
    import pandas as pd

    from search.problem.power import power_table
    from search.problem.problem import open_problem

    table = power_table(open_problem(_loaded(config), data))
    frame = pd.DataFrame.from_dict(table, orient="index")
    return frame.rename_axis(index="tolerance", columns="rows of test")


def _loaded(config: Config | Path | str) -> Config:
    from search.config.config import Config

    return config if isinstance(config, Config) else Config.load(config)


def _seconds(name: str, given: float | str | None) -> float | None:
    from search.units import seconds

    try:
        return None if given is None else seconds(given)
    except ValueError as error:
        raise UserError(f"{name}: {error}, got {given!r}") from error


def confirm(
    run: Path | str,
    *,
    seeds: int = 0,
    certify: Certify = "front",
    data: FairData | pd.DataFrame | None = None,
    model: nn.Module | Build | None = None,
    address: str | None = None,
    trust_code: bool = False,
    on_event: Listener | None = None,
) -> Front:
    """Opens test, once, for the front as chosen on tune; returns it as `front.json` holds it.

    Every point then has "test" beside "tune", with intervals that hold for all points together (95
    %), and a "claim": is it certified that its bias lies below the tolerance? "handed_over" is the
    best certified one. By `certify`, "front" or "chosen", all are tested
    alike, or the chosen one first. With `seeds` the chosen settings are first trained again so
    many times; "spread" says how they fared. A second call returns what the first one found. Where
    nothing was feasible, test stays sealed. `data`, `model` and `address` are as for `search`,
    `trust_code` as for `resume`.

    Raises UserError where the run is not complete or its data have changed.
    """
    from search.results.confirm import confirm as open_test

    return open_test(
        run,
        seeds=seeds,
        certify=certify,
        data=data,
        model=model,
        address=address,
        trust_code=trust_code,
        listener=on_event,
    )


def report(
    run: Path | str,
    *,
    tolerance: float | None = None,
    bias: str | None = None,
    group: str | None = None,
    say: Callable[[str], None] | None = None,
) -> Path:
    """Writes `report.html`, one file that needs nothing else, and returns its path.

    With another tolerance, measure of bias or grouping ("race", "sex*race", "race=White") every
    candidate is judged anew from its counts, and the file's name carries the change. `say` is
    told of groups that were merged or left out, of what is chosen then, and what is certified.

    Raises UserError where the run's data do not have such groups or are too few for them, or the
    measure is not defined for its classes.
    """
    from search.results.report import report as write

    return write(run, tolerance, bias, group, say)


def export(run: Path | str, candidate: str = "handed_over", to: Path | str | None = None) -> Path:
    """Writes one network of the run's front as a model of its own: weights, masks, decision and a
    card; returns its folder, by default `<run>/exports/<candidate>`.
    `candidate` is a name of `front.json`, any unambiguous beginning of one, "chosen" (on tune), or
    "handed_over": the best that `confirm` has certified, else the chosen one. Raises UserError
    where the front has no such candidate, or `to` is not empty.
    """
    from search.runs.export import export as write

    return write(run, candidate, to)


def load(model: Path | str, net: nn.Module | None = None, *, trust_code: bool = False) -> Model:
    """An exported model: `predict(rows)` gives (n,) class indices, `scores(rows)` probabilities,
    `card` what is known of it.

    `rows` are raw, as the data set's loader or your frame has them. `net`, an untrained network of
    the same architecture, is needed where the network is of the user's own. Instead of it,
    `trust_code` runs the Python file that the card names, so the card must be of somebody whom you
    trust. Raises UserError where the folder holds no exported model, or neither was given.
    """
    from search.runs.export import load as read

    return read(model, net, trust_code=trust_code)


def load_run(run: Path | str) -> dict[str, pd.DataFrame]:
    """A run as frames: "front", "trials" and "reports" (a row per point, trial, trial and epoch).
    Raises UserError where the folder holds no run."""
    from search.runs.folder import RunFolder

    folder = RunFolder(Path(run))
    folder.require()
    return folder.frames()


def front_of(
    run: Path | str,
    *,
    group: str | None = None,
    bias: str | None = None,
    tolerance: float | None = None,
) -> Front:
    """The front of a run, as `front.json` holds it; with test values once it is confirmed.

    By another grouping, measure or tolerance every candidate is judged anew from its counts on
    tune, and nothing is written. Raises UserError as `report` does, and where the search was
    interrupted before it had a front.
    """
    from search.results.judged_anew import judged_anew
    from search.runs.folder import RunFolder

    folder = RunFolder(Path(run))
    if group is None and bias is None and tolerance is None:
        return folder.front()
    return judged_anew(folder, tolerance=tolerance, bias=bias, group=group)[1]


def price(
    run: Path | str,
    tolerances: Iterable[float] | None = None,
    *,
    bias: str | None = None,
    group: str | None = None,
) -> pd.DataFrame:
    """The price of fairness: one row per tolerance with the best network that keeps it on tune,
    its performance, bias, sparsity and method; empty cells where none does.
    `tolerances` lie in (0, 1); by default, around that of the search. `analysis.price` draws the
    result. Raises UserError as `report` does.
    """
    from analysis.price import tolerances_around
    from search.results.report import price_of_fairness
    from search.runs.folder import RunFolder

    if tolerances is None:
        searched = RunFolder(Path(run)).config().objective.tolerance
        tolerances = tolerances_around(searched)
    return price_of_fairness(run, tolerances, bias=bias, group=group)


def mlflow_uri(run: Path | str) -> str:
    """Where MLflow keeps its copy of a run: the server that the search was told of, else the
    database in the run's folder. Raises UserError where the folder holds no run."""
    from search.config.tracking_uri import resolved
    from search.runs.folder import RunFolder
    from search.tracking.stores import default_uri

    folder = RunFolder(Path(run))
    return resolved(folder.config().tracking.uri) or default_uri(folder.path)


def load_data(source: Config | str, args: Mapping[str, Any] | None = None) -> FairData:
    """The data set of that name (`fairfront list datasets`), with `args` for its loader, or the
    one that an experiment's `Config` names: inputs, labels and attributes, before any split.
    Raises UserError for an unknown name, and where files are missing: it says which and whence."""
    from search.problem.opening import open_data
    from trainables.data.registry import load_named

    if not isinstance(source, str):
        return open_data(source)
    try:
        return load_named(source, args)
    except (ValueError, TypeError, FileNotFoundError) as error:
        raise UserError(str(error)) from error


def from_frame(
    frame: pd.DataFrame,
    *,
    label: str,
    attributes: Sequence[str],
    positive: Any = None,
    drop: Sequence[str] = (),
    missing: Literal["refuse", "impute"] = "refuse",
    name: str = "frame",
) -> FairData:
    """A table of yours as data to search on: `label` and `attributes` name columns, all others
    but those in `drop` are inputs.

    With `positive` the task is binary: that value against all others. Without it, labels 0 and 1
    are binary and more than two values are the classes. `attributes` hold who the groups are;
    they stay among the inputs unless dropped. Numbers are scaled and texts one-hot encoded
    later, by the training rows alone. Raises UserError naming the column."""
    from trainables.data import from_frame as read

    try:
        return read(
            frame,
            label=label,
            attributes=attributes,
            positive=positive,
            drop=drop,
            missing=missing,
            name=name,
        )
    except ValueError as error:
        raise UserError(str(error)) from error
