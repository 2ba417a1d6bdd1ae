"""The time left is told right, on a clock of its own, for searches whose trials were recorded."""

from __future__ import annotations

import heapq
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.engine.eta import Eta
from search.replay.table import RecordedTable

TABLES = Path(__file__).parents[3] / "search" / "replay" / "tables"
FACTOR = 1.5
FROM = 0.1  # of the whole time
SLACK = 0.03  # of the whole time: a second too much is no harm when two are left
PER_SAMPLE, PER_EPOCH = 1e-4, 0.05  # seconds
Trial = tuple[str, list[tuple[float, int, int, bool]]]  # method, (seconds, epoch, epochs, final)


def recorded(name: str) -> dict[str, list[Trial]]:
    """Method -> its recorded trials, an epoch's time by the samples that it took."""
    table = RecordedTable.load(TABLES / f"{name}.npz")
    trials: dict[str, list[Trial]] = {}
    for facts, first, end in zip(
        table.header.trials, table.starts, table.starts[1:], strict=False
    ):
        columns = {name: column[first:end] for name, column in table.columns.items()}
        samples = np.diff(columns["charged"].astype(float), prepend=0.0)
        epochs = zip(
            PER_SAMPLE * samples + PER_EPOCH,
            columns["stage_epoch"],
            columns["stage_epochs"],
            columns["final_stage"],
            strict=True,
        )
        rows = [(float(s), int(epoch), int(of), bool(final)) for s, epoch, of, final in epochs]
        trials.setdefault(facts.method, []).append((facts.method, rows))
    return trials


def drawn(trials: dict[str, list[Trial]], count: int, seed: int) -> list[Trial]:
    """Methods take turns; four trials in ten are stopped after a third of their epochs."""
    draws = np.random.default_rng(seed)
    search = []
    for number in range(count):
        of_method = trials[list(trials)[number % len(trials)]]
        method, rows = of_method[draws.integers(len(of_method))]
        whole = draws.random() < 0.6
        search.append((method, rows if whole else rows[: max(1, len(rows) // 3)]))
    return search


def events(search: list[Trial], workers: int) -> list[tuple[float, Any]]:
    """What so many workers report, with the times at which they do."""
    told: list[tuple[float, Any]] = []
    free = [0.0] * workers
    for number, (method, rows) in enumerate(search):
        now, trial = heapq.heappop(free), f"t{number}"
        told.append((now, {"event": "trial_start", "trial": trial, "method": method}))
        for seconds, epoch, epochs, final in rows:
            now += seconds
            report = {"event": "report", "trial": trial, "seconds": seconds}
            report |= {"stage_epoch": epoch, "stage_epochs": epochs, "final_stage": final}
            told.append((now, report))
        told.append((now, {"event": "trial_end", "trial": trial, "status": "finished"}))
        heapq.heappush(free, now)
    return sorted(told, key=lambda event: event[0])


@pytest.mark.parametrize("table", ["digits", "adult", "compas"])
@pytest.mark.parametrize(("trials", "workers"), [(24, 2), (60, 2), (60, 4), (200, 16)])
def test_from_a_tenth_of_the_way_on_it_is_right_within_a_factor_of_one_and_a_half(
    table: str, trials: int, workers: int
) -> None:
    of_methods = recorded(table)
    wrong, looks = 0, 0
    for seed in range(5):
        told = events(drawn(of_methods, trials, seed), workers)
        whole = told[-1][0]
        eta, taken = Eta(), 0
        eta.expect(trials, 0.0)
        for now in np.linspace(FROM * whole, whole, 90, endpoint=False):
            while taken < len(told) and told[taken][0] <= now:
                eta.take(told[taken][1], told[taken][0])
                taken += 1
            left, said = whole - now, eta.seconds_left(now)
            low, high = left / FACTOR - SLACK * whole, left * FACTOR + SLACK * whole
            looks += 1
            wrong += said is None or not low <= said <= high
    print(f"{table}, {trials} trials, {workers} workers: wrong {wrong} of {looks} times")
    assert wrong <= 0.06 * looks


def test_nothing_is_said_before_a_trial_has_reported_and_all_is_over_at_the_end() -> None:
    eta = Eta()
    assert eta.seconds_left(0.0) is None
    eta.expect(2, 0.0)
    eta.take({"event": "trial_start", "trial": "a", "method": "m"}, 0.0)  # type: ignore[typeddict-item]
    assert eta.seconds_left(3.0) is None

    eta.take({"event": "trial_end", "trial": "a", "status": "failed", "reason": None}, 10.0)
    assert eta.seconds_left(10.0) == pytest.approx(10.0)
    eta.take({"event": "trial_start", "trial": "b", "method": "m"}, 10.0)  # type: ignore[typeddict-item]
    eta.take({"event": "trial_end", "trial": "b", "status": "failed", "reason": None}, 15.0)
    assert eta.seconds_left(15.0) == 0.0
