"""Copies a run folder's files into MLflow: config, front, figure, report, confirmed models."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
import tomllib
from collections.abc import Iterable
from pathlib import Path

import tomli_w

from analysis.against_references import best_reference
from analysis.claims import certified_at, verdict_of
from analysis.front_json import Front, FrontPoint
from analysis.front_table import handed_over
from search.runs.state import CONFIG, FRONT, REPORT
from search.tracking.mlflow_runs import MlflowRun, SearchRuns
from search.tracking.texts import (
    draw_front,
    front_table,
    metrics_of,
    metrics_of_references,
    note_of_search,
    note_of_trial,
    other_metrics,
    references_table,
)
from search.tracking.updates import SEARCH, Translator, numbers
from search.units import flat

SOONEST = 20.0  # seconds between two refreshes of the front while the search runs
COST = 50  # ... and at least so many times what the last one took: 2 % of one core
# Tag of the search's run: file -> digest of what was sent. MLflow's page hides "mlflow." tags.
SENT = "mlflow.fairfront.files"
NOTE = "mlflow.note.content"  # what MLflow's page of a run shows as its description
# Tags of trials on the front, and of the search's run about the chosen point.
ON_FRONT = (
    *("fairfront.front", "fairfront.chosen", "fairfront.candidate", "fairfront.verdict"),
    "fairfront.handed_over",
)
# Which reference is the best that keeps the tolerance on tune, without the group and with it.
OF_REFERENCES = {"fairfront.reference": False, "fairfront.reference_with_group": True}
OF_CHOSEN = (
    *("fairfront.chosen_trial", "fairfront.candidate", "fairfront.verdict"),
    "fairfront.handed_over",
)


class FolderMirror:
    """Sends what the files of a search's folder say to its runs, each state of a file once.

    What was sent is kept in a tag of the search's run, so the next mirror knows it too.
    """

    def __init__(self, folder: Path, runs: SearchRuns, translator: Translator) -> None:
        self._folder, self._runs, self._translator = folder, runs, translator
        self._looked_at: dict[str, tuple[int, int]] = {}  # file -> its (mtime, size) at that time
        self._version = -1  # of the growing front that was sent last
        self._due = 0.0  # when it may be sent again, on the clock of time.monotonic

    def send(self, *, at_once: bool = False) -> None:
        """Sends whatever is new; the front of a running search only now and then, or `at_once`."""
        parent = self._runs.find(SEARCH)
        if parent is None:
            return
        for name in (CONFIG, REPORT):
            if (content := self._changed(parent, name)) is not None:
                if name == CONFIG:
                    self._send_config(parent, content)
                else:
                    self._runs.put_file(parent, self._folder / name)
                self._mark_sent(parent, name, _digest(content))
        if not self._has_front():
            self._send_growing(parent, at_once)
        elif (content := self._changed(parent, FRONT)) is not None:
            front: Front = json.loads(content)
            self._runs.put_file(parent, self._folder / FRONT)
            self._send_front(parent, front)
            if front["opening"] is not None:
                self._send_models(parent, front)
            self._mark_sent(parent, FRONT, _digest(content))

    def _send_config(self, parent: MlflowRun, content: bytes) -> None:
        """The settings as params and as a file, but for where this copy lies: that is no setting
        of the search, and is nobody else's business."""
        settings = tomllib.loads(content.decode("utf-8-sig"))
        settings.pop("tracking", None)
        self._runs.log(parent, [], flat(settings))
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / CONFIG).write_text(tomli_w.dumps(settings), encoding="utf-8")
            self._runs.put_file(parent, Path(folder) / CONFIG)

    def _has_front(self) -> bool:
        """Whether front.json knows all that the journal does: it was written after its last event.

        So it is once a search has ended, and where an interrupted one was reported.
        """
        path = self._folder / FRONT
        if not path.exists():
            return False
        latest = max(self._translator.last_time.values())
        return self._translator.over or path.stat().st_mtime * 1000 >= latest

    def _send_growing(self, parent: MlflowRun, at_once: bool) -> None:
        growing = self._translator.front
        if growing is None or growing.version == self._version:
            return
        begun = time.monotonic()
        if begun < self._due and not at_once:
            return
        version = growing.version
        self._mark_sent(parent, FRONT, "")  # MLflow no longer shows what that file says
        self._send_front(parent, growing.as_front())
        self._version = version
        ended = time.monotonic()
        self._due = ended + max(SOONEST, COST * (ended - begun))

    def _send_front(self, parent: MlflowRun, front: Front) -> None:
        """Table, figure and description; values and tags of the trials on the front."""
        runs = self._runs
        if front["references"]:
            runs.put_table(parent, references_table(front), "references.json")
        if front["points"]:
            runs.put_table(parent, front_table(front), "front_table.json")
            with tempfile.TemporaryDirectory() as folder:
                draw_front(front, Path(folder) / "front.png")
                runs.put_file(parent, Path(folder) / "front.png")
        by_trial: dict[str, list[FrontPoint]] = {}
        for point in front["points"]:
            by_trial.setdefault(point["trial"], []).append(point)
        for trial, run in runs.trials().items():
            if trial in by_trial:
                self._send_points(run, by_trial[trial], front.get("handed_over"))
            else:
                self._drop(run, (*ON_FRONT, NOTE))
        self._send_values(parent, front)

    def _send_values(self, parent: MlflowRun, front: Front) -> None:
        """What the search's own run says of the front: counts, chosen point, description."""
        size = float(sum(point["feasible"] for point in front["points"]))
        values = numbers({"front/points": size, "opening": front["opening"]})
        values |= metrics_of(front["dense"]["test"], "dense/test/")
        values |= metrics_of_references(front)
        tags = {NOTE: note_of_search(front, self._translator.ended)}
        for point in front["points"]:
            if point["chosen"]:
                values |= metrics_of(point["tune"], "chosen/tune/")
                values |= metrics_of(point["test"], "chosen/test/")
                tags |= {"fairfront.candidate": point["candidate"], **_verdict(point)}
                tags["fairfront.chosen_trial"] = point["trial"]
            if point["candidate"] == front.get("handed_over"):
                tags["fairfront.handed_over"] = point["candidate"]
        for tag, needs_group in OF_REFERENCES.items():
            if (best := best_reference(front, needs_group=needs_group)) is not None:
                tags[tag] = best["label"]
        self._drop(parent, {*OF_CHOSEN, *OF_REFERENCES} - tags.keys())
        at = self._translator.last_time[SEARCH]
        metrics = [(name, value, at, 0) for name, value in values.items()]
        metrics += [(name, value, at, step) for name, value, step in other_metrics(front)]
        self._runs.log(parent, metrics, tags=tags)

    def _send_points(self, run: MlflowRun, points: list[FrontPoint], given: str | None) -> None:
        """A trial's point that is handed over, or chosen, or best, as metrics; all of its points
        in its description."""
        best = max(
            points,
            key=lambda point: (
                *(point["candidate"] == given, point["chosen"]),
                point["tune"]["performance"],
            ),
        )
        tags = {"fairfront.candidate": best["candidate"], **_verdict(best)}
        if best["candidate"] == given:
            tags["fairfront.handed_over"] = "true"
        if any(point["feasible"] for point in points):
            tags["fairfront.front"] = "true"
        if best["chosen"]:
            tags["fairfront.chosen"] = "true"
        tags[NOTE] = note_of_trial(points)
        self._drop(run, set(ON_FRONT) - tags.keys())
        changed = {name: value for name, value in tags.items() if run.tags.get(name) != value}
        if changed:  # the description holds all values
            at = self._translator.last_time[SEARCH]
            values = metrics_of(best["tune"], "front/") | metrics_of(best["test"], "test/")
            values |= numbers({"test/certified_at": certified_at(best)})
            self._runs.log(
                run, [(name, value, at, 0) for name, value in values.items()], {}, changed
            )

    def _drop(self, run: MlflowRun, tags: Iterable[str]) -> None:
        for name in sorted(tags):
            self._runs.set_tag(run, name, None)

    def _send_models(self, parent: MlflowRun, front: Front) -> None:
        """Of a confirmed front: every point's card, and as an exported model what is handed
        over."""
        from search.runs.export import (  # brings torch: only where there is one
            card_of_point,
            export,
        )
        from search.runs.folder import RunFolder
        from trainables.trial.names import checked_candidate

        folder, given = RunFolder(self._folder), handed_over(front)
        with tempfile.TemporaryDirectory() as scratch:
            for point in front["points"]:
                run = self._runs.find(point["trial"])
                if run is None:
                    continue
                cards = Path(scratch) / checked_candidate(point["candidate"])
                cards.mkdir()
                card = cards / f"{cards.name}.json"
                card.write_text(json.dumps(card_of_point(folder, point), indent=1))
                self._runs.put_file(run, card, "cards")
                if point is given:
                    model = export(self._folder, point["candidate"], Path(scratch) / "model")
                    for owner in (run, parent):
                        self._runs.put_folder(owner, model, "model")

    def _changed(self, parent: MlflowRun, name: str) -> bytes | None:
        """The content of a file unless it was sent before."""
        path = self._folder / name
        if not path.exists():
            return None
        state = (path.stat().st_mtime_ns, path.stat().st_size)
        if self._looked_at.get(name) == state and self._sent(parent).get(name):
            return None
        content = path.read_bytes()
        self._looked_at[name] = state
        return None if self._sent(parent).get(name) == _digest(content) else content

    @staticmethod
    def _sent(parent: MlflowRun) -> dict[str, str]:
        return dict(json.loads(parent.tags.get(SENT, "{}")))

    def _mark_sent(self, parent: MlflowRun, name: str, digest: str) -> None:
        sent = {**self._sent(parent), name: digest}
        self._runs.set_tag(parent, SENT, json.dumps(sent, sort_keys=True))


def _verdict(point: FrontPoint) -> dict[str, str]:
    """The tag that says what is claimed of a point; none before confirm."""
    verdict = verdict_of(point)
    return {} if verdict is None else {"fairfront.verdict": verdict}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
