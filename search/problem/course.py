"""The training of a dense net under way: how far it is, what of it is kept, when it must end."""

from __future__ import annotations

import io
import json
import logging
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from search.journal.events import HowFar
from trainables.files import whole_file
from trainables.stage import StageRun

log = logging.getLogger(__name__)

KEEP_EVERY = 1.0  # seconds: more is lost to nothing but an epoch that takes longer
COST = 0.05  # share of the time that may go into keeping


class Halted(Exception):
    """The training was told to end, or its time is over."""


class Allowance(NamedTuple):
    """Seconds from now that a training should take, and may take where it has no epoch by then;
    None: as long as it takes."""

    should: float | None = None
    may: float | None = None


AS_LONG_AS_IT_TAKES = Allowance()


class Course:
    """Asked before each batch, told of each epoch.

    With a file `kept`, weights, optimizer and schedule are written there after each epoch (at most
    once a second), so that another session goes on from there and comes to the same network; how
    far it is stands beside it as JSON. When its time is over the training ends with what it has.
    """

    def __init__(self, kept: Path | None = None, allowed: Allowance = AS_LONG_AS_IT_TAKES) -> None:
        self.how_far: HowFar | None = None  # written by one thread, read by others
        self._kept = kept
        self._allowed, self._begun = allowed, time.monotonic()
        self._asked = threading.Event()
        self._written = 0.0  # monotonic, when the state was kept last
        self._took = 0.0  # seconds, to keep it
        self._epoch_begun = 0.0

    def halt(self) -> None:
        """Lets the training end before its next batch; any thread may say so."""
        self._asked.set()

    def check(self) -> None:
        """Raises Halted where the training must end now."""
        epochs = 0 if self.how_far is None else self.how_far["epoch"]
        seconds = self._allowed.should if epochs else self._allowed.may
        late = seconds is not None and time.monotonic() - self._begun > seconds
        if late or self._asked.is_set():
            raise Halted

    def begin(self, key: str, run: StageRun, early: nn.Module) -> int:
        """Puts `run` where an earlier session left it, and returns the epochs that it had.

        `key` tells one training from another; `early` gets the weights from early in it.
        """
        state = self._read(key, next(early.parameters(), torch.empty(0)).device)
        told: HowFar = {
            "epoch": 0,
            "epochs": run.epochs,
            "seconds": 0.0,
            "best": None,
            "best_epoch": None,
        }
        if state is not None:
            run.load_state_dict(state["run"])
            if state["early"] is not None:
                early.load_state_dict(state["early"])
            told = {**told, **state["how_far"], "epochs": run.epochs}
        self.how_far = told
        self._epoch_begun = self._written = time.monotonic()
        return told["epoch"]

    def passed(
        self, key: str, run: StageRun, early: nn.Module | None, losses: dict[str, float]
    ) -> None:
        """Takes in that `run` has ended another epoch; `early` is None before it is early."""
        before = self.how_far
        if before is None:
            raise RuntimeError("course: an epoch has passed before it has begun")
        now = time.monotonic()
        told: HowFar = {
            **before,
            "epoch": before["epoch"] + 1,
            "epochs": run.epochs,
            "seconds": before["seconds"] + now - self._epoch_begun,
        }
        loss = losses.get("early_stop")
        if loss is not None and (told["best"] is None or loss < told["best"]):
            told["best"], told["best_epoch"] = loss, told["epoch"]
        self.how_far = told
        due = max(KEEP_EVERY, self._took / COST)
        if self._kept is not None and now - self._written >= due:
            self._write(self._kept, key, run, early, told)
        self._epoch_begun = time.monotonic()

    def _write(
        self, path: Path, key: str, run: StageRun, early: nn.Module | None, told: HowFar
    ) -> None:
        begun = time.monotonic()
        content = io.BytesIO()
        state = {
            "key": key,
            "run": run.state_dict(),
            "early": None if early is None else early.state_dict(),
            "how_far": dict(told),
        }
        torch.save(state, content)
        with whole_file(path) as file:  # by Python: torch does not say that a disk is full
            file.write_bytes(content.getbuffer())
        with whole_file(path.with_suffix(".json")) as file:
            file.write_text(json.dumps(told), encoding="utf-8")
        self._written = time.monotonic()
        self._took = self._written - begun

    def _read(self, key: str, device: torch.device) -> dict[str, Any] | None:
        """What an earlier session has kept of this training; None where that was another one."""
        if self._kept is None or not self._kept.exists():
            return None
        content = io.BytesIO(self._kept.read_bytes())
        try:
            state: dict[str, Any] = torch.load(content, weights_only=True, map_location=device)
        except Exception as error:  # of many kinds: half of it is missing after a power cut
            log.warning("%s cannot be read: %s; the dense net is trained anew", self._kept, error)
            return None
        return state if state.get("key") == key else None
