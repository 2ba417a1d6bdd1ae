"""Nothing that a run or data name acts on the terminal: it is shown as what it is."""

import io
import logging
from pathlib import Path

import pytest
from rich.console import Console

from search.cli.front_table import front_table
from search.cli.live import LiveView
from search.cli.say import log_plainly, plain, say, show_table
from tests.search.made_front import front, point

CLI = Path(__file__).parents[3] / "search" / "cli"
EVIL = "\x1b[2J\x1b]0;owned\x07[red]women\u202e\x9b\r"


def harmless(text):
    return all(char.isprintable() or char == "\n" for char in text)


def test_control_characters_are_shown_as_what_they_are():
    assert plain(EVIL) == r"\x1b[2J\x1b]0;owned\x07[red]women\u202e\x9b\r"
    assert plain("naïve 日本 a\tb\n") == "naïve 日本 a\tb\n"
    assert plain("\udcff") == r"\udcff"  # of a file's name that is no text


def test_lines_tables_and_warnings_hold_no_control_character(capsys, monkeypatch):
    say(EVIL)
    say(EVIL, err=True)
    shown = Console(file=io.StringIO(), width=200)
    shown.print(front_table({**front(point(EVIL, EVIL)), "references": []}))
    said = capsys.readouterr()

    assert harmless(said.out)
    assert harmless(said.err)
    assert harmless(shown.file.getvalue())
    assert "[red]women" in shown.file.getvalue()  # no markup either


def test_notes_beside_the_live_table_hold_no_control_character():
    view = LiveView(1, Console(file=io.StringIO(), width=200))
    view.on_event({"event": "note", "text": f"groups: {EVIL}"})

    assert harmless(view.console.file.getvalue())
    assert "[red]women" in view.console.file.getvalue()


def test_warnings_hold_no_control_character(capsys, monkeypatch):
    monkeypatch.setattr(logging, "lastResort", logging.StreamHandler(io.StringIO()))
    log_plainly()

    logging.lastResort.handle(logging.makeLogRecord({"msg": "no %s", "args": (EVIL,)}))
    assert logging.lastResort.stream.getvalue() == f"no {plain(EVIL)}\n"


@pytest.mark.parametrize("path", sorted(CLI.glob("*.py")), ids=lambda path: path.stem)
def test_everything_is_said_through_say(path):
    if path.name != "say.py":
        assert "typer.echo" not in path.read_text()
        assert "click.echo" not in path.read_text()


@pytest.fixture
def with_second_decision():
    value = {"performance": 0.812, "bias": 0.024}
    of_both = {**point("a" * 16, "m" * 24), "beside": {"tune": value, "test": None}}
    return {**front(of_both), "references": [], "beside": "fixed"}


@pytest.mark.parametrize(("terminal", "width", "second"), [(False, 20, 1), (True, 79, 0)])
def test_figures_are_never_cut(with_second_decision, terminal, width, second):
    shown = Console(file=io.StringIO(), width=width, force_terminal=terminal)
    table = front_table(with_second_decision)

    show_table(table, front_table(with_second_decision, beside=False), shown)

    text = shown.file.getvalue()
    assert "…" not in text
    assert text.count("0.812") == second
