"""The command line: what it calls, what it shows, how it ends."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from search.cli import app
from search.interrupt import Interruptible
from search.listing import KINDS
from search.live import Progress, Tally
from search.registries import registry
from search.summary import front_table, legend, verdict

ROOT = Path(__file__).resolve().parents[2]


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def point(name: str, method: str, **changes: Any) -> dict[str, Any]:
    """A point of a front that is not confirmed."""
    values = {"performance": 0.9, "bias": 0.01, "sparsity": 0.5, "measures": {}}
    return {
        "candidate": name,
        "method": method,
        "tune": values,
        "test": None,
        "feasible": True,
        "chosen": False,
        "kept_promise": None,
        **changes,
    }


def front(*points: dict[str, Any]) -> dict[str, Any]:
    dense = {"performance": 0.95, "bias": 0.2, "sparsity": 0.0, "measures": {}}
    return {
        "name": "made",
        "objective": {"performance": "accuracy", "bias": "aod", "tolerance": 0.05},
        "dense": {"tune": dense, "test": None},
        "points": list(points),
    }


class FakeRun:
    """Stands in for `search.experiment.run`: keeps what it was called with, then acts."""

    def __init__(self, act: Callable[[Path], None]) -> None:
        self.act = act
        self.config: Any = None
        self.options: dict[str, Any] = {}

    def __call__(self, config: Any, *, out: Path, **options: Any) -> Any:
        from search.experiment import RunResult

        self.config, self.options = config, {"out": out, **options}
        self.act(out)
        return RunResult(out, front(point("c0ffee00", "adv_ft", chosen=True)))


@pytest.fixture
def fake_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., FakeRun]:
    def make(act: Callable[[Path], None] = lambda out: None) -> FakeRun:
        fake = FakeRun(act)
        monkeypatch.setattr("search.experiment.run", fake)
        monkeypatch.chdir(tmp_path)
        return fake

    return make


@pytest.mark.parametrize("listed", KINDS)
def test_list_shows_every_name_of_a_registry(listed):
    result = invoke("list", listed)

    assert result.exit_code == 0
    names = [line.split()[0] for line in result.output.splitlines()]
    assert names == list(registry(KINDS[listed]))


def test_the_module_is_the_command_and_listing_presets_needs_no_heavy_import():
    code = (
        "import sys; from search.cli import main; sys.argv = ['fairfront', 'list', 'presets']\n"
        "try: main()\nexcept SystemExit as end: assert not end.code\n"
        "print(sorted({'torch', 'ray', 'pandas', 'optuna'} & set(sys.modules)))"
    )
    alone = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    module = subprocess.run(
        [sys.executable, "-m", "search", "list", "presets"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert alone.stdout == module.stdout + "[]\n"


def test_search_hands_everything_on_and_says_where_to_look_and_what_is_next(fake_run, tmp_path):
    fake = fake_run()

    result = invoke(
        *("search", "quick", "--set", "seed=3", "--set", "data.args.skew=0.9", "--trials", "5"),
        *("--time-limit", "2m", "--tracking-uri", "http://127.0.0.1:5000", "--address", "auto"),
        *("--out", "here"),
    )

    assert result.exit_code == 0, result.output
    assert fake.config.seed == 3
    assert fake.config.data.args == {"skew": 0.9}
    assert fake.config.search.trials == 5
    assert fake.config.search.time_limit == 120
    assert fake.config.tracking.uri == "http://127.0.0.1:5000"
    assert fake.options["address"] == "auto"
    assert fake.options["out"] == Path("here")
    assert "Chosen: c0ffee00 (adv_ft)" in result.output
    assert "Next: fairfront confirm here" in result.output


def test_without_out_a_new_folder_under_runs_is_named_after_the_experiment_and_the_time(fake_run):
    fake = fake_run()

    invoke("search", "quick")

    assert fake.options["out"].parent == Path("runs")
    assert fake.options["out"].name.startswith("quick-20")


def test_an_interrupted_search_says_how_to_go_on_and_ends_with_130(fake_run):
    def interrupted(out: Path) -> None:
        out.mkdir(parents=True)
        (out / "journal.jsonl").write_text("")
        os.kill(os.getpid(), signal.SIGINT)

    fake_run(interrupted)
    result = invoke("search", "quick", "--out", "cut")

    assert result.exit_code == 130
    assert "fairfront resume cut" in result.output


def test_a_failure_that_is_not_the_users_keeps_its_traceback_and_ends_with_1(fake_run):
    def broken(out: Path) -> None:
        raise RuntimeError("the disk is full")

    fake_run(broken)
    result = invoke("search", "quick")

    assert result.exit_code == 1
    assert isinstance(result.exception, RuntimeError)


def test_a_dry_run_shows_config_cells_and_spaces_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    result = invoke("search", "quick", "--dry-run", "--trials", "7")

    assert result.exit_code == 0, result.output
    assert "trials = 7" in result.output
    assert "cells on tune (domain x label):" in result.output
    assert "smallest tolerance of bias_amplification" in result.output
    assert "method adv_ft: 3 trials" in result.output
    assert "method magnitude_retrain: 2 trials" in result.output
    assert "pruner.sparsity: 0.5 .. 0.99, first 0.9" in result.output
    assert list(tmp_path.iterdir()) == []


def test_data_list_says_which_files_are_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRFRONT_DATA", str(tmp_path))
    (tmp_path / "compas").mkdir()
    (tmp_path / "compas" / "compas-scores-two-years.csv").write_text("")

    output = invoke("data", "list").output

    assert f"folder: {tmp_path}" in output
    assert "digits: needs no files" in output
    assert "compas: ready" in output
    assert "adult: missing adult/adult.data, adult/adult.test" in output


def test_a_download_that_fails_ends_with_1_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRFRONT_DATA", str(tmp_path))

    result = invoke("data", "get", "compas", "--mirror", "http://127.0.0.1:9")

    assert result.exit_code == 1
    assert "fairfront: data get: http://127.0.0.1:9/" in result.output


def trial(name: str, method: str) -> dict[str, Any]:
    return {"event": "trial_start", "trial": name, "method": method}


def report(name: str, performance: float, **changes: Any) -> dict[str, Any]:
    facts = {"bias": 0.01, "sparsity": 0.5, "feasible": True, "candidate": f"{name}-1"}
    return {
        "event": "report",
        "trial": name,
        "performance": performance,
        **facts,
        **changes,
    }


def end(name: str, status: str, reason: str | None = None) -> dict[str, Any]:
    return {"event": "trial_end", "trial": name, "status": status, "reason": reason}


EVENTS = [
    {"event": "dense", "performance": 0.95, "bias": 0.2, "sparsity": 0.0},
    trial("t0001", "adv_ft"),
    trial("t0002", "prune_advft"),
    report("t0001", 0.8),
    report("t0001", 0.9, feasible=False),
    report("t0002", 0.7, bias=None, candidate=None, feasible=False),
    end("t0001", "finished"),
    trial("t0003", "adv_ft"),
    report("t0003", 0.85),
    end("t0002", "stopped", "bias stays above 0.03"),
    {"event": "status", "best": None, "hypervolume": 0.25, "seconds_left": 60.0},
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
    assert tally.best["adv_ft"]["performance"] == 0.85
    assert "prune_advft" not in tally.best
    assert tally.overall_best == tally.best["adv_ft"]
    assert 59 < (tally.seconds_left or 0) <= 60


def test_without_a_terminal_every_end_of_a_trial_is_one_plain_line():
    output = io.StringIO()
    with Progress(4, Console(file=output, width=40)) as shown:
        for event in EVENTS:
            shown.on_event(event)
        shown.on_event({"event": "search_end"})

    lines = output.getvalue().splitlines()
    assert lines[0] == "dense net: performance 0.950, bias 0.200, sparsity 0.000"
    assert lines[1] == (
        "[1/4] t0001 adv_ft finished: performance 0.900, bias 0.010, sparsity 0.500"
    )
    assert lines[2] == (
        "[2/4] t0002 prune_advft stopped (bias stays above 0.03): "
        "performance 0.700, bias -, sparsity 0.500"
    )
    assert lines[3].startswith("search ended: 1 finished, 1 stopped, 0 failed; best feasible: ")
    assert len(lines) == 4
    assert "\x1b" not in output.getvalue()


def test_on_a_terminal_a_table_shows_methods_best_points_hypervolume_and_the_time_left():
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=120)
    with Progress(4, console) as shown:
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
    with Progress(4, Console(file=output)) as shown:
        shown.catch_up(EVENTS)
        shown.on_event(end("t0003", "finished"))

    assert output.getvalue().startswith("[3/4] t0003 adv_ft finished")


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


@pytest.mark.parametrize(("kept", "said"), [(True, "it kept the"), (False, "it did NOT keep the")])
def test_a_confirmed_front_shows_test_values_and_whether_the_promise_was_kept(kept, said):
    test = {"performance": 0.876, "bias": None, "sparsity": 0.5, "measures": {}}

    text = rendered(
        front(point("cccccccc", "prune_advft", chosen=True, test=test, kept_promise=kept))
    )

    assert "0.876" in text
    assert f"on test {said} tolerance of 0.05" in text


def test_a_front_with_nothing_feasible_says_so():
    text = rendered(front(point("aaaaaaaa", "adv_ft", feasible=False)))

    assert "Nothing was feasible: no candidate is seen to keep aod below 0.05." in text


def test_an_interruption_that_a_library_dropped_is_raised_at_the_next_check():
    with Interruptible() as interruption:
        interruption.check()
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            interruption.check()

    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
