"""What is shown while a search runs and when it has ended."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from analysis.front_table import one_per_trial
from analysis.words import verdict
from search.cli.front_table import front_table, legend, shown_points
from search.cli.live import Figures, LiveView, Tally, watched
from tests.search.made_front import front, point


def trial(name: str, method: str) -> dict[str, Any]:
    spec = {"settings": {"pruner": {"sparsity": 0.5}, "recovery": {"epochs": 9}}}
    return {"event": "trial_start", "trial": name, "method": method, "spec": spec}


def report(name: str, performance: float, epoch: int = 1, **changes: Any) -> dict[str, Any]:
    facts = {"bias": 0.01, "sparsity": 0.5, "feasible": True, "candidate": f"{name}-{epoch}"}
    facts |= {"beats_trivial": True, "decision": {"kind": "threshold"}, "dropped": []}
    facts |= {"trial": name, "epoch": epoch, "name": "adversarial"}
    facts |= {"stage_epoch": epoch, "stage_epochs": 9}
    return {"event": "report", "performance": performance, **facts, **changes}


def end(name: str, status: str, reason: str | None = None) -> dict[str, Any]:
    return {"event": "trial_end", "trial": name, "status": status, "reason": reason}


STATUS = {
    **{"event": "status", "best": None, "hypervolume": 0.25, "seconds_left": 60.0},
    **{"spent_hours": 0.0, "budget_hours": None, "device": "CPU"},
}
EVENTS = [
    {"event": "dense", "performance": 0.95, "bias": 0.2, "sparsity": 0.0},
    trial("t0001", "adv_ft"),
    trial("t0002", "prune_advft"),
    report("t0001", 0.8),
    report("t0001", 0.9, epoch=2, feasible=False),
    report("t0002", 0.7, bias=None, candidate=None, feasible=False),
    end("t0001", "finished"),
    trial("t0003", "adv_ft"),
    report("t0003", 0.85),
    end("t0002", "stopped", "bias stays above 0.03"),
    STATUS,
]


def test_the_tally_counts_trials_by_method_and_keeps_the_best_feasible_candidate_of_each():
    tally = Tally()
    for event in EVENTS:
        tally.take(event)

    assert [tally.count(state) for state in ("running", "finished", "stopped", "failed")] == [
        1,
        1,
        1,
        0,
    ]
    assert tally.count("running", "adv_ft") == 1
    assert tally.best("adv_ft") == Figures(0.85, 0.01, 0.5)
    assert tally.best("prune_advft") is None
    assert tally.best() == tally.best("adv_ft")
    assert 59 < (tally.seconds_left or 0) <= 60


def test_without_a_terminal_every_end_of_a_trial_is_one_plain_line():
    output = io.StringIO()
    with LiveView(4, Console(file=output, width=40)) as shown:
        for event in EVENTS:
            shown.on_event(event)
        shown.on_event({"event": "search_end", "left": 0})

    lines = output.getvalue().splitlines()
    assert lines[0] == "dense net: performance 0.950, bias 0.200, sparsity 0.000"
    assert lines[1] == (
        "[1/4] t0001 adv_ft finished; its best feasible: performance 0.800, bias 0.010, "
        "sparsity 0.500; best so far: performance 0.800, bias 0.010, sparsity 0.500"
    )
    assert lines[2] == (
        "[2/4] t0002 prune_advft stopped (bias stays above 0.03); nothing feasible; "
        "best so far: performance 0.850, bias 0.010, sparsity 0.500"
    )
    assert lines[3].startswith("search ended: 1 finished, 1 stopped, 0 failed; best feasible: ")
    assert len(lines) == 4
    assert "\x1b" not in output.getvalue()


def test_a_listed_trial_is_called_by_its_name_in_the_list():
    output = io.StringIO()
    with LiveView(1, Console(file=output)) as shown:
        shown.on_event({**trial("t0001", "magnitude_retrain"), "row": "WS as long"})
        shown.on_event(end("t0001", "finished"))

    assert output.getvalue().startswith("[1/1] t0001 WS as long finished")
    assert shown.tally.count("finished", "magnitude_retrain") == 1


def test_on_a_terminal_a_table_shows_methods_best_points_hypervolume_and_the_time_left():
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=120)
    with LiveView(4, console) as shown:
        for event in EVENTS:
            shown.on_event(event)

    text = output.getvalue()
    for said in ("adv_ft", "prune_advft", "running", "stopped", "0.850"):
        assert said in text
    assert "2/4 trials ended, hypervolume 0.250" in text
    assert "left" in text
    assert "t0001 adv_ft finished" not in text


def test_a_resumed_search_starts_from_what_was_done_without_telling_it_again():
    output = io.StringIO()
    with LiveView(4, Console(file=output)) as shown:
        for event in EVENTS:
            shown.on_event({"event": "replay", "of": event})
        shown.on_event(end("t0003", "finished"))

    assert output.getvalue().startswith("[3/4] t0003 adv_ft finished")


def test_what_a_trial_had_found_before_it_failed_is_best_no_more() -> None:
    output = io.StringIO()
    with LiveView(1, Console(file=output)) as shown:
        shown.on_event(trial("t0001", "adv_ft"))
        shown.on_event(report("t0001", 0.8))
        shown.on_event(end("t0001", "failed", "the worker process died repeatedly"))
        shown.on_event({"event": "search_end", "left": 0})

    of_trial, of_search = output.getvalue().splitlines()
    assert of_trial == (
        "[1/1] t0001 adv_ft failed (the worker process died repeatedly); no longer counted, its "
        "best feasible: performance 0.800, bias 0.010, sparsity 0.500"
    )
    assert "1 failed; nothing feasible; " in of_search


def rendered(made: dict[str, Any]) -> str:
    console = Console(file=io.StringIO(), width=80)
    console.print(front_table(made))
    return f"{console.file.getvalue()}{legend(made)}\n{verdict(made)}"  # type: ignore[attr-defined]


def test_a_front_fits_a_narrow_terminal_and_marks_what_was_chosen_and_what_is_infeasible():
    text = rendered(
        front(
            point("aaaaaaaabbbb", "magnitude_retrain", feasible=False),
            point("ccccccccdddd", "prune_advft", chosen=True),
        )
    )

    assert all(len(line) <= 80 for line in text.splitlines()[:5])
    assert "x  aaaaaaaa" in text
    assert "*  cccccccc" in text
    assert "on test" not in text.splitlines()[1]
    assert "Chosen: cccccccc (prune_advft); not confirmed on test yet." in text


@pytest.mark.parametrize(
    ("verdict", "said"),
    [("certified", "certified on test to keep"), ("broke", "on test it did NOT keep")],
)
def test_a_confirmed_front_shows_test_values_and_whether_it_is_certified(verdict, said):
    claim = {"verdict": verdict, "p": 0.01, "certified_at": 0.04}
    test = {"performance": 0.876, "bias": None, "sparsity": 0.5, "measures": {}}

    text = rendered(
        front(
            point("cccccccc", "prune_advft", chosen=True, test=test, claim=claim),
            handed_over="cccccccc" if verdict == "certified" else None,
        )
    )

    assert "0.876" in text
    assert f"{said} the tolerance of 0.05" in text


def test_what_cannot_vanish_by_cancellation_stands_beside_the_bias_within_80_columns():
    def values(bias: float, beside: float) -> dict[str, Any]:
        measures = {"aod": bias, "abs_aod": beside}
        return {"performance": 0.8, "bias": bias, "sparsity": 0.5, "measures": measures}

    sealed = point("cccccccc", "adversarial_debiasing", chosen=True, tune=values(0.01, 0.071))
    opened = {**sealed, "test": values(0.02, 0.082)}

    assert "abs." in rendered(front(sealed)) and "0.071" in rendered(front(sealed))
    text = rendered(front(opened))
    assert "0.082" in text and "0.071" not in text
    assert all(len(line) <= 80 for line in text.splitlines()[:5])
    assert "adversarial_debiasing" in text


def test_points_that_need_the_group_are_marked_and_where_all_do_the_verdict_says_how_to_choose():
    text = rendered(front(point("cccccccc", "reject_option", needs_group=True)))

    assert "g  cccccccc" in text
    assert "needs the group at prediction time" in text
    assert "objective.group_at_prediction = true" in text


def test_of_several_points_of_a_trial_the_chosen_or_else_the_best_is_shown():
    def at(name: str, trial: str, performance: float, **changes: Any) -> dict[str, Any]:
        values = {"performance": performance, "bias": 0.01, "sparsity": 0.5, "measures": {}}
        return point(name, "adv_ft", trial=trial, tune=values, **changes)

    made = front(
        at("a1", "t0001", 0.8, chosen=True), at("a2", "t0001", 0.9),
        at("b1", "t0002", 0.7), at("b2", "t0002", 0.6),
    )  # fmt: skip

    assert [one["candidate"] for one in one_per_trial(made)] == ["a1", "b1"]
    assert "2 further points" in legend(made)


def test_a_large_front_fits_a_screen_with_its_chosen_point_and_both_ends():
    def at(place: int) -> dict[str, Any]:
        values = {"performance": 0.9, "bias": 0.01, "sparsity": place / 1000, "measures": {}}
        return point(f"c{place:07d}", "adv_ft", chosen=place == 123, tune=values)

    made = front(*map(at, range(500)))
    shown = [one["candidate"] for one in shown_points(made)]

    assert 30 <= len(shown) <= 31
    assert shown == sorted(shown)
    assert {shown[0], shown[-1]} == {"c0000000", "c0000499"}
    assert "c0000123" in shown
    assert f"{500 - len(shown)} further points" in legend(made)


def test_a_front_with_nothing_feasible_says_so():
    text = rendered(front(point("aaaaaaaa", "adv_ft", feasible=False)))

    assert "Nothing was feasible: no candidate is seen to keep aod below 0.05." in text


def test_a_trial_says_which_epoch_it_is_at_before_its_first_one_has_ended():
    shown = LiveView(4, Console(file=io.StringIO()))
    shown.on_event(trial("t0001", "prune_advft"))
    shown.on_event({**trial("t0002", "one_shot"), "spec": {"settings": {"pruner": {}}}})

    assert "t0001 prune_advft recovery epoch 0 of 9, the first since 0:00" in shown.pulse()
    assert "t0002 one_shot no epoch has ended, the first since 0:00" in shown.pulse()
    shown.on_event(report("t0001", 0.8, epoch=2))
    assert "t0001 prune_advft adversarial epoch 2 of 9" in shown.pulse()


def events_through(progress, on_event, monkeypatch, capsys, *, terminal=False, pause=0.0):
    """What is printed on standard output and standard error of a made search."""
    monkeypatch.setattr("search.cli.live.CALM", 0.1)
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    with watched(progress, on_event, 4, "runs/made") as listener:
        for event in [*EVENTS, {"event": "note", "text": "few rows"}]:
            if listener is not None:
                listener(event)
        time.sleep(pause)
        if listener is not None:
            listener({"event": "search_end", "left": 0})
    return capsys.readouterr()


def test_from_python_a_script_says_now_and_then_how_far_it_is_and_keeps_its_output(
    monkeypatch, capsys
):
    printed = events_through(None, None, monkeypatch, capsys, pause=0.5)

    lines = printed.err.splitlines()
    assert printed.out == ""
    assert 2 <= len(lines) <= 7
    assert lines[0] == "few rows"  # what has to be known of the data and of test
    assert all(line.startswith("... 2/4 trials ended") for line in lines[1:-1])
    assert lines[-1].startswith("search ended: 1 finished, 1 stopped")


def test_from_python_progress_true_tells_all_false_and_a_listener_of_ones_own_tell_nothing(
    monkeypatch, capsys
):
    heard = []

    assert "few rows" in events_through(True, None, monkeypatch, capsys).out
    assert events_through(False, None, monkeypatch, capsys) == ("", "")
    assert events_through(None, heard.append, monkeypatch, capsys) == ("", "")
    assert len(heard) == len(EVENTS) + 2


def test_ctrl_c_in_python_says_how_to_go_on(tmp_path, monkeypatch):
    def said(**handed):
        with pytest.raises(KeyboardInterrupt) as left, watched(False, None, 4, "made", **handed):
            raise KeyboardInterrupt
        return str(left.value)

    monkeypatch.chdir(tmp_path)
    assert said(data=None) == "nothing was written yet"
    Path("made").mkdir()
    assert said(data=None) == "nothing was written yet"
    (Path("made") / "journal.jsonl").touch()
    assert said(data=None, model=None) == "fairfront.resume('made') goes on with it"
    handed = said(data=object(), model=object())
    assert handed == "fairfront.resume('made', data=..., model=...) goes on with it"
