"""The runs of a folder at a glance; big journals are not parsed for it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.errors import UserError
from search.journal.journal import is_written
from search.runs.state import ends_of
from analysis.events import JOURNAL
from search.units import human, samples

ENDS = ("finished", "stopped", "failed")
HEADINGS = (
    *("run", "state", *ENDS, "charged", "spent", "performance", "bias", "journal"),
    *("candidates", "", "checkpoints", "shared", "mlflow"),
)


@dataclass(frozen=True)
class RunLine:
    """What one line of `list runs` says; sizes in bytes."""

    name: str
    state: str  # running, interrupted, complete, confirmed
    ends: Counter[str]  # how trials ended
    compute: tuple[float, float] | None  # samples charged and processed, when its search ended
    chosen: tuple[float, float] | None  # performance and bias: on test once confirmed, else tune
    journal: int
    candidates: tuple[int, int]  # files, bytes
    checkpoints: int
    shared: int  # results of stages that trials share
    mlflow: int

    def cells(self) -> tuple[str, ...]:
        performance, bias = (f"{x:.3f}" for x in self.chosen) if self.chosen else ("-", "-")
        number, size = self.candidates
        took = [samples(count) for count in self.compute] if self.compute else ["-", "-"]
        return (
            *(self.name, self.state, *(str(self.ends[end]) for end in ENDS), *took),
            *(performance, bias, human(self.journal), str(number), human(size)),
            *(human(self.checkpoints), human(self.shared), human(self.mlflow)),
        )


def run_lines(folder: Path) -> list[str]:
    """A heading and one aligned line for each run in `folder`, or for `folder` if it is one.

    Raises UserError where there is none.
    """
    inside = sorted(folder.glob(f"*/{JOURNAL}")) if folder.is_dir() else []
    runs = [folder / JOURNAL] if (folder / JOURNAL).is_file() else inside
    if not folder.is_dir():
        raise UserError(f"list runs: {folder} must be a folder, there is none")
    if not runs:
        raise UserError(f"list runs: {folder} holds no runs")
    rows = [HEADINGS, *(run_line(journal.parent).cells() for journal in runs)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    left = 2  # columns that are read from the left: name and state
    return [
        "  ".join(
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def run_line(folder: Path) -> RunLine:
    ends = ends_of(folder / JOURNAL)
    confirmed = folder / "confirmed.json"
    front = confirmed if confirmed.exists() else folder / "front.json"
    mlflow = _bytes(folder / "mlartifacts") + _size(folder / "mlflow.db")
    candidates = [p.stat().st_size for p in folder.glob("candidates/*.safetensors")]
    return RunLine(
        name=folder.resolve().name,
        state=_state(folder, complete=ends.complete),
        ends=ends.trials,
        compute=_compute(ends.search),
        chosen=_chosen(front),
        journal=_size(folder / JOURNAL),
        candidates=(len(candidates), sum(candidates)),
        checkpoints=_bytes(folder / "checkpoints"),
        shared=_bytes(folder / "stages"),
        mlflow=mlflow,
    )


def _state(folder: Path, *, complete: bool) -> str:
    if is_written(folder):
        return "running"
    if (folder / "confirmed.json").exists():
        return "confirmed"
    return "complete" if complete else "interrupted"


def _compute(end: dict[str, Any] | None) -> tuple[float, float] | None:
    return None if end is None or "spent" not in end else (end["charged"], end["spent"])


def _chosen(front: Path) -> tuple[float, float] | None:
    if not front.exists():
        return None
    points = json.loads(front.read_text(encoding="utf-8"))["points"]
    for point in points:
        if point["chosen"]:
            values = point["test"] or point["tune"]
            return values["performance"], values["bias"]
    return None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
