"""Runs side by side: confirmed hypervolume over compute, whatever their configs differ in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypedDict, cast

import numpy as np

from analysis.hypervolume import hypervolume
from analysis.over_compute import SearchCurve, bands, differences, over_compute_figure
from search.engine.experiment import reopened
from search.errors import UserError
from search.front.growing import GrowingFront
from search.front.judging import values_of
from search.front.selection import IDEAL
from search.front.view import view_of
from search.journal.events import Event, Experiment
from search.journal.journal import Journal, read_events
from search.journal.opening_ledger import record_opening
from search.problem.dense_net import decision_of
from search.runs.folder import RunFolder, write_json
from search.runs.intact import check_candidates
from search.units import flat
from trainables.corrections import decision_from_dict
from trainables.trial.workbench import Workbench

# They bound a search or say where it ran; what was searched, and how, is elsewhere.
_LIMITS = ("trials", "time_limit", "budget", "concurrent")
_ASIDE = {"name", "seed", *(f"search.{limit}" for limit in _LIMITS)}

Point = tuple[float, ...]  # performance, bias and, if it is an objective, sparsity


class ComparedRun(TypedDict):
    """A run's confirmed hypervolume over compute; one entry per ended trial."""

    run: str
    label: str  # what sets runs of its kind apart from the others
    seed: int
    compute: list[float]  # samples charged
    tune: list[float]
    test: list[float]


class Difference(TypedDict):
    """Hypervolume on test of one kind of run less that of the first kind, paired by seed."""

    label: str
    against: str
    share: float  # of the compute that all runs have spent
    seeds: int
    mean: float
    low: float  # 95 %
    high: float


class Compared(TypedDict):
    """What `compare` writes as JSON."""

    runs: list[ComparedRun]
    differences: list[Difference]


@dataclass(frozen=True)
class Step:
    """A search when one of its trials had ended: compute spent, and its front on tune."""

    compute: float
    front: Mapping[str, Point]  # candidate -> its values on tune


def steps(facts: Experiment, events: Iterable[Event]) -> list[Step]:
    """The front after each ended trial, in the order of the journal, of what could be chosen.

    Compute is charged by every report, of stopped and failed trials too. A trial enters once it
    has ended: what it drops before that is not kept, so test could not be opened for it. Trials
    that never ended enter last, as they do in the run's own front.
    """
    growing = GrowingFront(facts, points=False)
    waiting: dict[str, list[Event]] = {}  # trial -> its reports
    charged: dict[str, float] = {}
    taken = []
    for event in events:
        if event["event"] == "trial_start":
            growing.take(event)
            waiting.setdefault(event["trial"], [])
        elif event["event"] == "report":
            charged[event["trial"]] = event["charged"]
            if event["trial"] in waiting:
                waiting[event["trial"]].append(event)
        elif event["event"] == "trial_end":
            for of_trial in (*waiting.pop(event["trial"], ()), event):
                growing.take(of_trial)
            taken.append(Step(float(sum(charged.values())), growing.values()))
    if waiting and taken:
        for of_trial in chain.from_iterable(waiting.values()):
            growing.take(of_trial)
        taken.append(Step(float(sum(charged.values())), growing.values()))
    return taken


def compare(paths: Sequence[Path | str], to: Path | str) -> Compared:
    """Writes `to`.png (figure), `to`.csv (bands) and `to`.json: each run's curve, and the paired
    differences between what the runs' configs differ in. Returns what `to`.json holds.

    Opens the test rows of every run again, which the ledger counts: points that were on a front at
    any time are evaluated, not only those of the last one. Raises UserError where a run was not
    confirmed yet, where two runs share no hypervolume, or where there is nothing to compare.
    """
    folders = [RunFolder(Path(path)) for path in paths]
    if len(folders) < 2:
        raise UserError(f"compare: needs two runs or more, got {len(folders)}")
    _check_same_task(folders)
    for folder in folders:
        if folder.confirmation() is None:
            raise UserError(
                f"compare: {folder.path} must be confirmed first, so that its choice was made "
                f"before test was opened: fairfront confirm {folder.path}"
            )
    labels = _labels(folders)
    searches = [_progress(folder, label) for folder, label in zip(folders, labels, strict=True)]
    target = Path(to)
    target.parent.mkdir(parents=True, exist_ok=True)
    over_compute_figure(searches).savefig(target.with_suffix(".png"), dpi=200)
    bands(searches).to_csv(target.with_suffix(".csv"), index=False)
    result: Compared = {
        "runs": [
            {
                "run": folder.path.name,
                "label": search.label,
                "seed": search.seed,
                "compute": search.compute.tolist(),
                "tune": search.tune.tolist(),
                "test": search.test.tolist(),
            }
            for folder, search in zip(folders, searches, strict=True)
        ],
        "differences": _differences(searches),
    }
    write_json(target.with_suffix(".json"), result)
    return result


def _check_same_task(folders: Sequence[RunFolder]) -> None:
    """Raises UserError where runs differ in what a hypervolume is of: then none is larger."""
    first, *others = folders
    task = _task(first.facts())
    for other in others:
        for key, value in _task(other.facts()).items():
            if value != task[key]:
                raise UserError(
                    f"compare: runs must share their {key}, else their hypervolumes are of "
                    f"different things; got {task[key]} ({first.path}) and {value} ({other.path})"
                )


def _task(facts: Experiment) -> dict[str, str]:
    """What the hypervolume of a run is of, by what it is called in messages."""
    objective = facts["objective"]
    return {
        "data": facts["data"],
        "classes": " / ".join(facts["classes"]),
        "group": f"{facts['group']} ({' / '.join(facts['group_names'])})",
        "bias measure": objective["bias"],
        "performance measure": objective["performance"],
        # The box ends at the bias of the reference, by default the tolerance.
        "bias of the hypervolume's reference": f"{facts['reference'][1]:g}",
        "objectives": "with sparsity" if facts["sparsity"] else "without sparsity",
    }


def _differences(searches: Sequence[SearchCurve]) -> list[Difference]:
    """Empty where some kind of run shares less than two seeds with the first kind."""
    seeds: dict[str, set[int]] = {}
    for search in searches:
        seeds.setdefault(search.label, set()).add(search.seed)
    first, *others = seeds.values()
    if not others or min(len(first & other) for other in others) < 2:
        return []
    return cast("list[Difference]", differences(searches).to_dict("records"))


def _labels(folders: Sequence[RunFolder]) -> list[str]:
    """What sets each run apart: the settings that differ between the configs, but for the seed,
    what bounds the search and where it ran."""
    configs = [flat(folder.config().model_dump(mode="json")) for folder in folders]
    keys = sorted({key for config in configs for key in config})
    telling = [
        key
        for key in keys
        if key not in _ASIDE
        and not key.startswith(("tracking.", "resources."))
        and len({repr(config.get(key)) for config in configs}) > 1
    ]
    return [
        ", ".join(f"{key.rpartition('.')[2]} {config.get(key)}" for key in telling) or "all runs"
        for config in configs
    ]


def _progress(folder: RunFolder, label: str) -> SearchCurve:
    facts = folder.facts()
    reference = tuple(facts["reference"])[: 2 + facts["sparsity"]]
    ideal = IDEAL[: len(reference)]
    taken = steps(facts, read_events(folder.journal))
    if not taken:
        raise UserError(f"compare: no trial of {folder.path} has ended")
    test = _test_points(folder, facts, {name for step in taken for name in step.front})
    return SearchCurve(
        label,
        int(facts["seed"]),
        np.array([step.compute for step in taken]),
        np.array([_volume(list(step.front.values()), reference, ideal) for step in taken]),
        np.array([_volume([test[n] for n in step.front], reference, ideal) for step in taken]),
    )


def _volume(points: list[Point], reference: Point, ideal: Point) -> float:
    """Points whose bias does not keep the tolerance lie outside the box and count nothing."""
    return hypervolume(np.array(points).reshape(-1, len(reference)), reference, ideal)


def _test_points(folder: RunFolder, facts: Experiment, names: set[str]) -> dict[str, Point]:
    """Test values of candidates, opened and entered in the ledger."""
    problem, dense = reopened(folder, folder.config(), None, None, "compare")
    gone = sorted(name for name in names if name not in folder.candidates)
    if gone:
        raise UserError(
            f"compare: {folder.path} lacks the weights of {len(gone)} points that were on its "
            f"front once ({gone[0][:8]}, ...); were they collected as garbage?"
        )
    check_candidates(folder, sorted(names), "compare")
    journal = Journal(folder.path)
    journal.append({"event": "compare_start", "candidates": sorted(names)})
    journal.close()
    record_opening(facts["hashes"]["test"], facts["run"], facts["name"], sorted(names))
    view = view_of(facts)
    of_dense = decision_of(problem.correction, folder.dense_event())
    bench = Workbench.open(problem.prepared, dense, problem.objective, given_decision=of_dense)
    points = {}
    for name in sorted(names):
        masked = folder.candidates.load(name, deepcopy(bench.dense))
        stored = folder.candidates.facts(name)
        decision = decision_from_dict(stored["decision"])
        counts = bench.count(masked.net, "test")
        values = values_of(counts, decision, view, sparsity=stored["sparsity"])
        place = (values["performance"], values["bias"], values["sparsity"])[: 2 + view.sparsity]
        points[name] = tuple(np.nan if value is None else float(value) for value in place)
    return points
