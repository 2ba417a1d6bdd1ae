"""The runs of one search in MLflow. The only module that imports it."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from types import MappingProxyType
from typing import Any

from search.tracking.stores import ARTIFACTS, database_of
from search.tracking.updates import SEARCH, Update

# Read by MLflow when it is imported; what the user has set stays.
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",  # seconds
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # a creation repeated blindly would double a run
}
EXPERIMENT = "fairfront"
COLUMNS = (  # of the list of trials on a front
    *("tags.`fairfront.method`", "tags.`fairfront.chosen`", "metrics.`front/performance`"),
    *("metrics.`front/bias`", "metrics.`front/sparsity`", "metrics.`test/performance`"),
    *("metrics.`test/bias`", "tags.`fairfront.verdict`"),
)
FRONT_VIEW = "fairfront-front"  # name of a stored view; `?viewStateShareKey=` of a page opens it
ABOUT = {  # the experiment's own tags
    # Its page shows runs, not traces of language models.
    "mlflow.experimentKind": "custom_model_development",
    "mlflow.note.content": "Searches of fairfront: one run each, their trials nested in it.",
    # A list sorted by date folds trials under their search; sorted otherwise it is flat.
    f"mlflow.sharedViewState.{FRONT_VIEW}": json.dumps(
        {
            "searchFilter": "tags.\"fairfront.front\" = 'true'",
            "orderByKey": "metrics.`front/performance`",
            "orderByAsc": False,
            "selectedColumns": COLUMNS,
        }
    ),
}
# MLflow's limits: 1000 metrics, 100 params and 100 tags a batch, 1000 of all together.
METRICS_A_BATCH, PARAMS_A_BATCH = 850, 90
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass
class MlflowRun:
    """What a tracking server knows of one of its runs, as far as it matters here."""

    id: str
    offset: int  # byte of the journal up to which the run knows everything
    status: str
    tags: dict[str, str]
    params: dict[str, str]


class SearchRuns:
    """One run for the search and one for each trial, found again by their tags.

    A run is only created after the server was asked for it. How much of the journal a run knows is
    a tag of the run itself, written after what it counts. So the next mirror goes on where one has
    died, and nothing is there twice.
    """

    def __init__(self, uri: str, search: str, name: str, *, rebuildable: bool = False) -> None:
        """`search` identifies the search, whatever its folder is called.

        `rebuildable`: the store holds copies alone, so it may be written without care, see
        `_write_lazily`.
        """
        if rebuildable:
            _write_lazily()
        self._client = _client(uri)
        self._search = search
        self._name = name
        self.note: str | None = None  # what the user should know of the store
        self._experiment = self._open_experiment(uri)
        self._runs: dict[str, MlflowRun] | None = None

    def find(self, trial: str) -> MlflowRun | None:
        """The run of a trial (or of SEARCH) where the server has one."""
        if self._runs is None:
            self._runs = self._load()
        return self._runs.get(trial)

    def send(self, trial: str, updates: Sequence[Update]) -> None:
        """Sends a trial's updates, oldest first; not those that its run knows already."""
        run = self.find(trial) or self._create(trial, updates[0])
        new = [update for update in updates if update.end > run.offset]
        if not new:
            return
        metrics = [
            (name, value, update.time, update.step)
            for update in new
            for name, value in update.metrics.items()
        ]
        params = {name: value for update in new for name, value in update.params.items()}
        tags = {name: value for update in new for name, value in update.tags.items()}
        self.set_status(run, new[-1].status, new[-1].time)
        self.log(run, metrics, params, {**tags, "fairfront.offset": str(new[-1].end)})
        run.offset = new[-1].end

    def log(
        self,
        run: MlflowRun,
        metrics: Sequence[tuple[str, float, int, int]],
        params: Mapping[str, str] = NOTHING,
        tags: Mapping[str, str] = NOTHING,
    ) -> None:
        """Logs metrics (name, value, milliseconds, step), params and, last of all, tags.

        A param that the run has stays as it is: MLflow refuses to change one.
        """
        from mlflow.entities import Metric, Param, RunTag

        some_metrics = _chunks([Metric(*metric) for metric in metrics], METRICS_A_BATCH)
        added = {name: value for name, value in params.items() if name not in run.params}
        some_params = _chunks([Param(*param) for param in added.items()], PARAMS_A_BATCH)
        batches = [*zip_longest(some_metrics, some_params, fillvalue=())]
        for batch in batches[:-1]:
            self._client.log_batch(run.id, *batch)
        if batches or tags:
            last = batches[-1] if batches else ()
            self._client.log_batch(run.id, *last, tags=[RunTag(*tag) for tag in tags.items()])
        run.tags |= tags
        run.params |= added

    def set_status(self, run: MlflowRun, status: str, time: int) -> None:
        """RUNNING, FINISHED, KILLED or FAILED; `time` in milliseconds is when it ended."""
        if run.status == status:
            return
        if status == "RUNNING":
            self._client.update_run(run.id, status=status)
        else:
            self._client.set_terminated(run.id, status, end_time=time)
        run.status = status

    def set_tag(self, run: MlflowRun, name: str, value: str | None) -> None:
        """Sets a tag, or removes it where `value` is None; no request where it is so already."""
        if run.tags.get(name) == value:
            return
        if value is None:
            self._client.delete_tag(run.id, name)
            del run.tags[name]
        else:
            self._client.set_tag(run.id, name, value)
            run.tags[name] = value

    def put_file(self, run: MlflowRun, path: Path, under: str | None = None) -> None:
        self._client.log_artifact(run.id, str(path), under)

    def put_folder(self, run: MlflowRun, path: Path, under: str) -> None:
        self._client.log_artifacts(run.id, str(path), under)

    def put_table(self, run: MlflowRun, table: str, file: str) -> None:
        """A table as `log_table` stores it, but in place of an older one: that method appends."""
        self._client.log_text(run.id, table, file)
        self.set_tag(run, "mlflow.loggedArtifacts", json.dumps([{"path": file, "type": "table"}]))

    def trials(self) -> dict[str, MlflowRun]:
        """The runs of trials that the server has."""
        if self._runs is None:
            self._runs = self._load()
        return {trial: run for trial, run in self._runs.items() if trial != SEARCH}

    def _create(self, trial: str, first: Update) -> MlflowRun:
        tags = {"fairfront.run_id": self._search, "mlflow.source.name": "fairfront"}
        name = self._name
        if trial != SEARCH:
            parent = self.find(SEARCH)
            if parent is None:
                raise RuntimeError(f"tracking: trial {trial} comes before its search")
            tags |= {"fairfront.trial": trial, "mlflow.parentRunId": parent.id}
            name = f"{trial} {first.tags.get('fairfront.method', '')}".strip()
        tags |= first.tags
        # Forgotten until it is certain what became of the call; else all runs are loaded again.
        known, self._runs = self._runs or {}, None
        created = self._client.create_run(self._experiment, first.time, tags, name)
        known[trial] = MlflowRun(created.info.run_id, 0, "RUNNING", tags, {})
        self._runs = known
        return known[trial]

    def _load(self) -> dict[str, MlflowRun]:
        runs: dict[str, MlflowRun] = {}
        for run in self._pages():
            tags = dict(run.data.tags)
            trial = tags.get("fairfront.trial", SEARCH)
            if trial in runs:  # a creation that was answered too late and therefore repeated
                self._client.delete_run(run.info.run_id)
                continue
            offset = int(tags.get("fairfront.offset", 0))
            params = dict(run.data.params)
            runs[trial] = MlflowRun(run.info.run_id, offset, run.info.status, tags, params)
        return runs

    def _pages(self) -> Iterator[Any]:
        """All runs of the search as MLflow gives them, in pages, oldest first."""
        mine, token = f"tags.`fairfront.run_id` = '{self._search}'", None
        while True:
            page = self._client.search_runs(
                [self._experiment],
                mine,
                max_results=1000,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
            yield from page
            token = page.token
            if not token:
                return

    def _open_experiment(self, uri: str) -> str:
        from mlflow.exceptions import MlflowException

        place = None  # a server decides itself where artifacts lie
        if (database := database_of(uri)) is not None:
            place = (database.parent / ARTIFACTS).as_uri()
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        if experiment is None:
            try:
                return str(self._client.create_experiment(EXPERIMENT, place, ABOUT))
            except MlflowException:  # where another search has just created it, that one serves
                experiment = self._client.get_experiment_by_name(EXPERIMENT)
                if experiment is None:
                    raise
        if experiment.lifecycle_stage == "deleted":
            self._restore(experiment.experiment_id)
        for name, value in ABOUT.items():  # made by an older version, or by hand
            if name not in experiment.tags:
                self._client.set_experiment_tag(experiment.experiment_id, name, value)
        if database is not None and place and experiment.artifact_location != place:
            _move_artifacts(database, experiment.artifact_location, place)
        return str(experiment.experiment_id)

    def _restore(self, experiment: str) -> None:
        """MLflow keeps a deleted experiment, and with it the name: no other can be made."""
        try:
            self._client.restore_experiment(experiment)
        except Exception as error:
            raise RuntimeError(
                f"its experiment {EXPERIMENT!r} was deleted and cannot be restored from here "
                f"({error}); `mlflow experiments restore --experiment-id {experiment}` does it"
            ) from error
        self.note = f"its experiment {EXPERIMENT!r} was deleted, and has been restored"


def _client(uri: str) -> Any:
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient  # takes a second and 170 MB: only where it is used

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=uri)


def is_gone(error: Exception) -> bool:
    """Whether a store says that what it was asked to change is not there, or was deleted."""
    code = getattr(error, "error_code", None)  # of an MlflowException
    return code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "INVALID_STATE")


def _move_artifacts(database: Path, old: str, new: str) -> None:
    """Corrects a database whose run folder was copied or moved: it still names the old place.

    The tracking interface has no call for it.
    """
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute(
            "UPDATE experiments SET artifact_location = ? WHERE artifact_location = ?", (new, old)
        )
        opened.execute(
            "UPDATE runs SET artifact_uri = ? || substr(artifact_uri, ?)"
            " WHERE substr(artifact_uri, 1, ?) = ?",
            (new, len(old) + 1, len(old) + 1, f"{old}/"),
        )


def _write_lazily() -> None:
    """Makes SQLite not wait for the disk at each commit, of which a trial takes seven.

    A killed process loses nothing by it. A power cut may damage the file, but everything in it can
    be made again from the journal.
    """
    from sqlalchemy import Engine, event

    @event.listens_for(Engine, "connect")
    def _(connection: Any, record: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")


def _chunks(entries: list[Any], size: int) -> list[list[Any]]:
    return [entries[begin : begin + size] for begin in range(0, len(entries), size)]
