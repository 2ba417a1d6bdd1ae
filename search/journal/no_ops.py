"""Which trials did nothing of what their stages are meant to do: seen from reports alone.

A stage's settings say what that looks like (`NoOp` in trainables/stage.py), and the start of a
trial has it. Since the losses of every epoch are in the journal too, it can be asked of any run,
also of one that was stopped and resumed, or whose stage another trial has computed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from analysis.front_json import NoOpRow
from search.journal.events import EndStatus, Event, NoOpSign, ReportEvent, TrialStart

ENOUGH = 3  # epochs of a stage that was cut short before it can be said to have done nothing


@dataclass
class _Sign:
    """One sign of a stage of one trial, and the largest value of its loss so far."""

    of: NoOpSign
    epochs: int = 0  # that said something of it
    highest: float = 0.0
    over: bool = False  # the stage has come to its end

    def hear(self, report: ReportEvent) -> None:
        value = report["losses"].get(self.of["loss"])
        if value is not None:
            self.highest = value if not self.epochs else max(self.highest, value)
            self.epochs += 1
        self.over = report["stage_epoch"] == report["stage_epochs"]

    def holds(self, ended: EndStatus | None) -> bool:
        cut_short = ended in ("finished", "stopped") and self.epochs >= ENOUGH
        return (
            bool(self.epochs) and (self.over or cut_short) and self.highest <= self.of["at_most"]
        )

    @property
    def sentence(self) -> str:
        return (
            f"{self.of['name']}: {self.of['says']} ({self.of['loss']} at most {self.highest:.2g})"
        )


@dataclass
class _Trial:
    method: str
    signs: Mapping[int, list[_Sign]]  # place of the stage in the trial -> its own
    epoch: int = 0
    ended: EndStatus | None = None
    of_stages: list[_Sign] = field(init=False)

    def __post_init__(self) -> None:
        self.of_stages = [sign for of_stage in self.signs.values() for sign in of_stage]


class NoOps:
    """Kept up event by event, in the order of the journal; a repeated epoch is passed over."""

    def __init__(self) -> None:
        self._trials: dict[str, _Trial] = {}  # those with a stage that can be seen to do nothing

    def take(self, event: Event) -> None:
        """Any event of the journal."""
        if event["event"] == "trial_start":
            if event["trial"] not in self._trials and (signs := _signs(event)):
                self._trials[event["trial"]] = _Trial(event["method"], signs)
        elif event["event"] == "report" and (trial := self._trials.get(event["trial"])):
            if event["epoch"] > trial.epoch:
                trial.epoch = event["epoch"]
                for sign in trial.signs.get(event["stage"], ()):
                    sign.hear(event)
        elif event["event"] == "trial_end" and (trial := self._trials.get(event["trial"])):
            trial.ended = event["status"]

    def of(self, trial: str) -> list[str]:
        """What the trial's stages did not do, one sentence each; empty where all did something."""
        known = self._trials.get(trial)
        return [] if known is None else [sign.sentence for sign in _holding(known)]

    def rows(self) -> list[NoOpRow]:
        """Method and stage by what did not happen there, and in how many of the trials that could
        show it."""
        seen: Counter[tuple[str, str, str]] = Counter()
        held: Counter[tuple[str, str, str]] = Counter()
        for trial in self._trials.values():
            seen.update(_key(trial, sign) for sign in trial.of_stages if sign.epochs)
            held.update(_key(trial, sign) for sign in _holding(trial))
        return [
            {
                "method": key[0],
                "stage": key[1],
                "what": key[2],
                "trials": held[key],
                "of": seen[key],
            }
            for key in held
        ]


def _holding(trial: _Trial) -> Iterator[_Sign]:
    return (sign for sign in trial.of_stages if sign.holds(trial.ended))


def _key(trial: _Trial, sign: _Sign) -> tuple[str, str, str]:
    return trial.method, sign.of["name"], sign.of["says"]


def _signs(start: TrialStart) -> dict[int, list[_Sign]]:
    """By the place of the stage."""
    told = start["no_ops"] if "no_ops" in start else _of_earlier_version(start)
    signs: dict[int, list[_Sign]] = {}
    for one in told:
        signs.setdefault(one["stage"], []).append(_Sign(one))
    return signs


def _of_earlier_version(start: TrialStart) -> list[NoOpSign]:
    """What the settings say today; nothing where they are none any more."""
    from search.journal.start import signs_of  # loads torch
    from trainables.trial.spec import Spec

    try:
        return signs_of(Spec.from_config(start["spec"]))
    except (ValueError, TypeError, KeyError):
        return []
