"""How commands end that are interrupted, or whose machine has a fault: a code, and one line."""

import errno
import os
import signal

import pytest
from typer.testing import CliRunner

from search.cli.app import app
from search.errors import MachineFault

COMMANDS = {  # what does the work of each, and how it is typed
    "search.config.config.Config.load": ["search", "quick", "--trials", "3"],
    "search.results.report.report": ["report", "run", "--group", "sex*race"],
    "search.results.confirm.confirm": ["confirm", "run", "--seeds", "2"],
    "search.runs.export.export": ["export", "run", "chosen", "--to", "my model"],
    "search.runs.garbage.garbage": ["gc", "run"],
    "search.results.compare.compare": ["compare", "run"],
    "search.replay.audit.audit": ["audit", "run"],
    "search.replay.record.record_table": ["replay", "record", "run", "--to", "t.npz"],
    "search.replay.arms.replay_all": ["replay", "compare"],
    "trainables.data.sets.download.get": ["data", "get", "compas"],
    "search.runs.listing.run_lines": ["list", "runs"],
}
TYPED = {
    "report": "fairfront report run --group 'sex*race'",
    "export": "fairfront export run chosen --to 'my model'",
}


@pytest.fixture
def ended(tmp_path, monkeypatch):
    """What a command ends with, whose work is what is handed over."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "journal.jsonl").touch()

    def run(place, work):
        monkeypatch.setattr(place, work)
        return CliRunner().invoke(app, COMMANDS[place])

    return run


def last_line(result):
    return result.output.rstrip("\n").splitlines()[-1]


@pytest.fixture
def heard():
    """SIGINT as a command in the foreground hears it; what runs in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("place", COMMANDS)
def test_an_interrupted_command_ends_with_the_signal_s_code_and_says_what_goes_on(
    ended, place, number
):
    result = ended(place, lambda *_, **__: os.kill(os.getpid(), number))

    typed = TYPED.get(COMMANDS[place][0], " ".join(["fairfront", *COMMANDS[place]]))
    assert result.exit_code == 128 + number
    assert last_line(result) == f"Interrupted. Go on with: {typed}"
    assert signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)


def full_disk(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "run/report.html")


@pytest.mark.parametrize("place", COMMANDS)
def test_a_full_disk_is_one_line_that_says_how_to_go_on(ended, place):
    result = ended(place, full_disk)

    typed = TYPED.get(COMMANDS[place][0], " ".join(["fairfront", *COMMANDS[place]]))
    assert result.exit_code == 1
    assert last_line(result) == (
        f"fairfront: No space left on device: run/report.html; stopped, and nothing is lost: "
        f"once that is mended, `{typed}` goes on"
    )
    assert len(result.output.strip().splitlines()) == 1


def test_a_fault_that_says_itself_how_to_go_on_is_told_as_it_is(ended):
    def lost(*_, **__):
        raise MachineFault("Ray has died", "fairfront resume run")

    result = ended("search.results.confirm.confirm", lost)

    assert result.exit_code == 1
    assert result.output == f"fairfront: {MachineFault('Ray has died', 'fairfront resume run')}\n"


def test_a_pipe_that_nobody_reads_any_more_is_left_to_the_shell(ended):
    def closed(*_, **__):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    result = ended("search.runs.listing.run_lines", closed)

    assert result.exit_code == 1
    assert result.output == ""
