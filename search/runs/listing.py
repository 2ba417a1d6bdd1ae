"""The runs of a folder at a glance; big journals are not parsed for it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from analysis.events import JOURNAL
from analysis.front_json import Front
from search.errors import UserError
from search.journal.events import END_STATUSES, EndStatus, SearchEnd
from search.journal.journal import is_written
from search.runs.beginning import how_far, is_beginning
from search.runs.state import CONFIRMED, FRONT, Completion, completion_of
from search.units import readable_bytes, samples

HEADINGS = (
    *("run", "state", *END_STATUSES, "charged", "spent", "performance", "bias", "journal"),
    *("candidates", "", "checkpoints", "shared", "mlflow"),
)
_LEFT_ALIGNED = 2  # the first columns: run and state


@dataclass(frozen=True)
class RunLine:
    """What one line of `list runs` says; sizes in bytes."""

    name: str
    state: str  # running, interrupted, complete, confirmed, damaged
    trials: Counter[EndStatus] | None  # how many ended how; None: not known
    compute: tuple[float, float] | None  # samples charged and processed, when its search ended
    # performance and bias of what was chosen: on test once confirmed, else tune; None: not known
    chosen: tuple[float | None, float | None]
    journal: int
    candidates: tuple[int, int]  # files, bytes
    checkpoints: int
    shared: int  # results of stages that trials share
    mlflow: int
    trouble: str | None = None  # what of its files cannot be read, and what to do about it

    def cells(self) -> tuple[str, ...]:
        """One text for each of HEADINGS."""
        performance, bias = ("-" if value is None else f"{value:.3f}" for value in self.chosen)
        charged, spent = map(samples, self.compute) if self.compute else ("-", "-")
        files, size = self.candidates
        return (
            *(
                self.name,
                self.state,
                *("-" if self.trials is None else str(self.trials[end]) for end in END_STATUSES),
                charged,
                spent,
            ),
            *(performance, bias, readable_bytes(self.journal), str(files), readable_bytes(size)),
            *map(readable_bytes, (self.checkpoints, self.shared, self.mlflow)),
        )


def run_lines(folder: Path) -> list[str]:
    """A heading and one aligned line for each run in `folder`, or for `folder` if it is one; then
    one for each run of which something cannot be read.

    Raises UserError where there is no run.
    """
    inside = sorted(folder.glob(f"*/{JOURNAL}")) if folder.is_dir() else []
    runs = [folder / JOURNAL] if (folder / JOURNAL).is_file() else inside
    if not folder.is_dir():
        raise UserError(f"list runs: {folder} must be a folder, there is none")
    if not runs:
        raise UserError(f"list runs: {folder} holds no runs")
    lines = [run_line(journal.parent) for journal in runs]
    rows = [HEADINGS, *(line.cells() for line in lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = [
        "  ".join(
            cell.ljust(width) if column < _LEFT_ALIGNED else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return table + [line.trouble for line in lines if line.trouble is not None]


def run_line(folder: Path) -> RunLine:
    """What is to be said of the run in `folder`; one that is damaged hides no other."""
    completion, trouble = Completion(Counter(), None), None
    try:
        completion = completion_of(folder / JOURNAL)
        state, trials = _state(folder, complete=completion.complete), completion.trials
        if is_beginning(folder):
            state = _of_dense_net(folder)
    except (UserError, OSError) as error:
        state, trials, trouble = "damaged", None, str(error)
    chosen: tuple[float | None, float | None] = (None, None)
    front = folder / (CONFIRMED if (folder / CONFIRMED).exists() else FRONT)
    try:
        chosen = _chosen(front)
    except (ValueError, LookupError, TypeError, OSError) as error:
        again = "confirm" if front.name == CONFIRMED else "report"
        trouble = trouble or (
            f"{front} is damaged: {error}; remove it: `fairfront {again} {folder}` writes it again"
        )
    candidates = [path.stat().st_size for path in folder.glob("candidates/*.safetensors")]
    return RunLine(
        name=folder.resolve().name,
        state=state,
        trials=trials,
        compute=_compute(completion.search_end),
        chosen=chosen,
        journal=_file_size(folder / JOURNAL),
        candidates=(len(candidates), sum(candidates)),
        checkpoints=_folder_size(folder / "checkpoints"),
        shared=_folder_size(folder / "stages"),
        mlflow=_folder_size(folder / "mlartifacts") + _file_size(folder / "mlflow.db"),
        trouble=trouble,
    )


def _state(folder: Path, *, complete: bool) -> str:
    if is_written(folder):
        return "running"
    if (folder / CONFIRMED).exists():
        return "confirmed"
    return "complete" if complete else "interrupted"


def _of_dense_net(folder: Path) -> str:
    """`dense net 12/400, interrupted`: of a run whose dense net is still to be trained."""
    told = how_far(folder)
    epochs = "" if told is None else f" {told['epoch']}/{told['epochs']}"
    return f"dense net{epochs}, {'running' if is_written(folder) else 'interrupted'}"


def _compute(end: SearchEnd | None) -> tuple[float, float] | None:
    """Samples charged and processed; None while the search is not over, and of older journals."""
    return None if end is None or "spent" not in end else (end["charged"], end["spent"])


def _chosen(path: Path) -> tuple[float | None, float | None]:
    """Performance and bias of the point that a front file marks as chosen."""
    if path.exists():
        front: Front = json.loads(path.read_text(encoding="utf-8"))
        for point in front["points"]:
            if point["chosen"]:
                values = point["test"] or point["tune"]
                return values["performance"], values["bias"]
    return None, None


def _file_size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _folder_size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
