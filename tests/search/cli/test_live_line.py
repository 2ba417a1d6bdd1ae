"""The line about a trial's end: what it has reached, not where it happened to stop."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from search.cli.live import LiveView, Tally


def report(performance: float, bias: float | None, **changes: Any) -> dict[str, Any]:
    facts = {"event": "report", "trial": "t0001", "epoch": 1, "sparsity": 0.5, "candidate": "c"}
    facts |= {"feasible": bias is not None and bias < 0.03, "beats_trivial": True}
    facts |= {"decision": {"kind": "threshold"}, "dropped": []}
    return {**facts, "performance": performance, "bias": bias, **changes}


def words(*reports: dict[str, Any], group_allowed: bool = False) -> str:
    """Of a trial that finishes after `reports`."""
    tally = Tally(group_allowed=group_allowed)
    tally.take(
        {"event": "trial_start", "trial": "t0001", "method": "adv_ft", "spec": {"settings": {}}}
    )
    for epoch, one in enumerate(reports, start=1):
        name = one["candidate"] and f"{one['candidate']}{epoch}"
        tally.take({**one, "epoch": epoch, "candidate": name})
    tally.take({"event": "trial_end", "trial": "t0001", "status": "finished", "reason": None})
    return tally.summaries["t0001"].words(group_allowed=group_allowed)


def test_it_tells_the_best_feasible_report_though_the_last_one_is_another() -> None:
    told = words(
        report(0.67, 0.02),
        report(0.683, 0.012),
        report(0.69, 0.01, candidate=None),  # no weights of it are kept
        report(0.70, 0.001, beats_trivial=False),
        report(0.662, 0.08),
    )
    assert told == "best feasible: performance 0.683, bias 0.012, sparsity 0.500"


def test_where_nothing_is_feasible_it_tells_the_least_bias() -> None:
    told = words(
        report(0.69, 0.09),
        report(0.662, 0.08, candidate=None),
        report(0.70, 0.10),
        report(0.5, 0.0, beats_trivial=False),
        report(0.6, None),
    )
    assert told == "nothing feasible; least bias 0.080 at performance 0.662, sparsity 0.500"


def test_a_constant_prediction_is_told_as_one_and_no_bias_as_nothing() -> None:
    assert words(report(0.5, 0.0, beats_trivial=False)) == (
        "nothing feasible; least bias 0.000 at performance 0.500, sparsity 0.500, "
        "no better than a constant prediction"
    )
    assert words(report(0.6, None)) == "nothing feasible"


@pytest.mark.parametrize(
    ("allowed", "said"), [(False, "best feasible (needs the group): "), (True, "best feasible: ")]
)
def test_what_needs_the_group_is_marked_unless_it_may_be_chosen(allowed: bool, said: str) -> None:
    by_group = report(0.7, 0.01, decision={"kind": "group_thresholds"})
    assert words(by_group, group_allowed=allowed).startswith(said)

    output = io.StringIO()
    experiment = {"event": "experiment", "correction": {"name": "threshold"}}
    with LiveView(1, Console(file=output)) as shown:
        shown.on_event({**experiment, "group_at_prediction": allowed})
        start = {"trial": "t0001", "method": "group_thresholds", "spec": {"settings": {}}}
        shown.on_event({"event": "trial_start", **start})
        shown.on_event(by_group)
        end = {"event": "trial_end", "trial": "t0001", "status": "finished", "reason": None}
        shown.on_event(end)
    assert f"t0001 group_thresholds finished; its {said}performance 0.700" in output.getvalue()
