"""The command line: what it calls, what it shows, how it ends."""

from __future__ import annotations

import ast
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from search.cli.app import app
from search.cli.interrupt import Interruptible
from search.cli.listing import KINDS
from search.config.registries import registry
from search.reproduce.shipped import table_files
from tests.search.made_front import front, point

ROOT = Path(__file__).resolve().parents[3]


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


class FakeRun:
    """Stands in for `search.engine.experiment.run`: keeps what it was called with, then acts."""

    def __init__(self, act: Callable[[Path], None], *, chosen: bool = True) -> None:
        self.act = act
        self.front = front(point("c0ffee00", "adv_ft", chosen=chosen))
        self.config: Any = None
        self.options: dict[str, Any] = {}

    def __call__(self, config: Any, *, out: Path, **options: Any) -> Any:
        from search.engine.experiment import RunResult

        self.config, self.options = config, {"out": out, **options}
        self.act(out)
        return RunResult(out, self.front)


@pytest.fixture
def fake_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., FakeRun]:
    def make(act: Callable[[Path], None] = lambda out: None, **more: bool) -> FakeRun:
        fake = FakeRun(act, **more)
        monkeypatch.setattr("search.engine.experiment.run", fake)
        monkeypatch.chdir(tmp_path)
        return fake

    return make


def test_after_a_search_its_confirmation_is_named_and_after_a_recording_its_table(fake_run):
    fake_run()
    searched = invoke("search", "quick", "--out", "run")
    recorded = ["--set", "search.recording=true", "--set", "search.scheduler='none'"]
    recording = invoke("search", "quick", "--out", "run", *recorded)

    assert "Next: fairfront confirm run" in searched.output
    assert "Next: fairfront replay record run" in recording.output
    assert "confirm run" not in recording.output


def test_where_nothing_was_chosen_more_trials_are_named_unless_they_are_listed(fake_run):
    fake_run(chosen=False)
    listed = """--set=trials=[{name="WS", method="magnitude_retrain"}]"""
    list_of_its_own = ["--set=search.methods=['magnitude_retrain']", "--set=search.trials=1"]

    proposed = invoke("search", "quick", "--out", "run")
    given = invoke("search", "quick", "--out", "run", listed, *list_of_its_own)

    assert "Next: fairfront resume run --trials N" in proposed.output
    assert "Run: run" in given.output and "--trials" not in given.output


@pytest.mark.parametrize("listed", KINDS)
def test_list_shows_every_name_of_a_registry(listed):
    result = invoke("list", listed)

    assert result.exit_code == 0
    names = [line.split()[0] for line in result.output.splitlines()]
    assert names == list(registry(KINDS[listed]))


def test_list_shows_every_table_with_its_title():
    lines = invoke("list", "tables").output.splitlines()

    assert [line.split()[0] for line in lines] == list(table_files())
    assert all("Table" in line or "Figure" in line for line in lines)


HEAVY = {
    *("torch", "ray", "optuna", "sklearn", "scipy", "mlflow", "matplotlib", "numba", "pandas"),
}


def loaded(modules: set[str], *typed: str) -> list[str]:
    """Which of the modules a process has loaded when it ends what was typed."""
    code = (
        f"import sys; from search.cli.app import main; sys.argv = ['fairfront', *{typed}]\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"print(sorted({modules} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    names: list[str] = ast.literal_eval(done.stdout.splitlines()[-1])
    return names


@pytest.mark.parametrize(
    "typed",
    [
        ["--help"],
        *(["list", what] for what in (*KINDS, "tables")),
        ["data", "list"],
        ["confirm", "nosuch"],
        ["list", "nosuch"],
    ],
    ids=" ".join,
)
def test_what_needs_no_network_loads_none(typed):
    assert loaded(HEAVY, *typed) == []


@pytest.mark.parametrize(
    "typed",
    [
        ["nosuch"],
        *(["quick", "--set", bad] for bad in ("nosuch=1", "search.trails=3", "search.trials=0")),
        *(["quick", "--set", bad] for bad in ("objective.bias=nosuch", "data.group=''")),
        *(["quick", "--set", bad] for bad in ("search.methods=['nosuch']", "data.name=nosuch")),
        *(["quick", "--set", bad] for bad in ("correction.name=nosuch", "dense.name=nosuch")),
    ],
    ids=" ".join,
)
def test_an_experiment_that_names_what_there_is_not_is_refused_without_numpy(typed):
    assert loaded({*HEAVY, "numpy"}, "search", *typed) == []


def test_a_dry_run_loads_torch_for_the_network_and_nothing_else_that_takes_long(
    tmp_path, monkeypatch
):
    slow = {*HEAVY, "pyarrow", "torch._dynamo", "sympy"}
    monkeypatch.setenv("FAIRFRONT_CACHE", str(tmp_path))

    assert loaded(slow, "search", "quick", "--dry-run") == ["torch"]
    assert loaded(slow, "search", "quick", "--dry-run") == []  # it says again what it found


def test_the_module_is_the_command_and_listing_presets_needs_no_heavy_import():
    code = (
        "import sys; from search.cli.app import main\n"
        "sys.argv = ['fairfront', 'list', 'presets']\n"
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


def test_searches_that_begin_in_the_same_second_get_folders_of_their_own(fake_run, monkeypatch):
    monkeypatch.setattr("time.strftime", lambda *_: "20300101-000000")
    fakes = []
    for _ in range(2):
        fakes.append(fake_run())
        invoke("search", "quick")

    first, second = (fake.options["out"].name for fake in fakes)
    assert first != second
    assert first.startswith("quick-20300101-000000") and second.startswith("quick-20300101-000000")


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
    assert "would be certified to keep bias_amplification below 0.1" in result.output
    assert "method adv_ft: 4 trials" in result.output
    assert "method prune_advft: 3 trials" in result.output
    assert "pruner.keep_target: 0.05 .. 0.4 (log), first 0.1" in result.output
    assert "time of the search: " in result.output
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


def test_an_interruption_that_a_library_dropped_is_raised_at_the_next_check():
    with Interruptible() as interruption:
        interruption.check()
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            interruption.check()

    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_current_folder_that_is_gone_is_told_in_one_line(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    result = invoke("search", "quick")

    assert result.exit_code == 2
    assert "the folder that this was started in is gone" in result.output
    assert len(result.output.splitlines()) == 1
