"""A front that was confirmed before the last trials ended: that it is old is said."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from search.cli.app import app
from search.cli.run import show_end
from search.engine.experiment import RunResult
from search.journal.journal import Journal
from search.results import report as reporting
from search.runs.state import note_on_later_trials
from tests.search.made_front import front, point


def made(path: Path, *kinds: str, confirmed: bool = True) -> Path:
    """A folder whose journal holds events of `kinds`."""
    path.mkdir(parents=True)
    journal = Journal(path)
    for number, kind in enumerate(kinds):
        journal.append({"event": kind, "trial": f"t{number:04}", "status": "finished", "left": 0})
    journal.close()
    if confirmed:
        stored = {**front(point("c0ffee00", "adv_ft", chosen=True)), "opening": 1}
        (path / "confirmed.json").write_text(json.dumps(stored))
    return path


LATER = ("trial_end", "trial_end", "search_end", "confirm_start", "confirm", "trial_end")


def test_the_trials_that_ended_since_are_counted_and_the_way_to_a_new_front_is_named(
    tmp_path: Path,
) -> None:
    path = made(tmp_path / "my run", *LATER, "search_end")

    note = note_on_later_trials(path) or ""

    assert "confirmed before 1 of the 3 trials ended and stays as it was" in note
    command = f"fairfront search {shlex.quote(str(path / 'config.toml'))} --warm-start "
    assert command + shlex.quote(str(path)) in note
    assert "opens test again" in note
    assert "\n" not in note


@pytest.mark.parametrize(
    ("kinds", "confirmed"),
    [
        (("trial_end", "confirm_start", "confirm", "compare_start", "search_end"), True),
        (("trial_end", "confirm_start", "trial_end"), False),  # confirm was interrupted
        (("trial_end", "confirm_start", "trial_end", "confirm_start", "confirm"), True),
    ],
)
def test_of_a_front_of_all_trials_or_none_that_was_confirmed_nothing_is_said(
    kinds: tuple[str, ...], confirmed: bool, tmp_path: Path
) -> None:
    assert note_on_later_trials(made(tmp_path / "run", *kinds, confirmed=confirmed)) is None


def test_the_end_of_a_resumed_search_and_a_second_confirmation_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = made(tmp_path / "run", *LATER)
    confirmed = json.loads((path / "confirmed.json").read_text())

    show_end(RunResult(path, confirmed), {"event": "search_end", "left": 0}, recording=False)
    assert "before 1 of the 3 trials ended" in capsys.readouterr().out
    assert (
        "before 1 of the 3 trials ended" in CliRunner().invoke(app, ["confirm", str(path)]).output
    )


@pytest.mark.parametrize(("view", "said"), [([], True), (["--tolerance", "0.1"], False)])
def test_a_report_of_the_confirmed_front_says_so_and_one_judged_anew_does_not(
    view: list[str], said: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "report", lambda folder, *_, **__: folder / "report.html")
    path = made(tmp_path / "run", *LATER)

    output = CliRunner().invoke(app, ["report", str(path), *view]).output

    assert "Report: " in output
    assert ("before 1 of the 3 trials ended" in output) is said
