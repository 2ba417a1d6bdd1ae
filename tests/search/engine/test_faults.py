"""Faults of the machine are told from all other errors, however Ray has wrapped them."""

import errno
import os

import pytest
from ray.exceptions import RayTaskError
from ray.tune import TuneError

from search.engine.faults import fault_behind, stopped_by_faults
from search.errors import MachineFault, UserError

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "runs/a/journal.jsonl")
TOLD = "No space left on device: runs/a/journal.jsonl"


def wrapped_by_tune(error):
    """As Ray Tune raises again what its scheduler has raised."""
    try:
        try:
            raise error
        except Exception:
            raise TuneError("Traceback (most recent call last): ...") from None
    except TuneError as tune_error:
        try:
            raise TuneError("the Ray Tune run failed") from tune_error
        except TuneError as outer:
            return outer


def of_a_task(error):
    """As Ray raises what a task on a worker has raised."""
    return RayTaskError("train", "Traceback ...", error).as_instanceof_cause()


@pytest.mark.parametrize("wrap", [lambda error: error, wrapped_by_tune, of_a_task])
def test_an_error_of_the_system_is_found_however_it_is_wrapped(wrap):
    assert fault_behind(wrap(FULL)) == TOLD
    assert fault_behind(wrap(ValueError("no"))) is None


def test_an_error_that_only_came_up_while_a_file_was_looked_for_is_no_fault_of_the_machine():
    try:
        try:
            raise FileNotFoundError(errno.ENOENT, "no such file", "maybe.json")
        except FileNotFoundError:
            raise KeyError("a bug") from None
    except KeyError as error:
        bug = error

    assert bug.__context__ is not None
    assert fault_behind(bug) is None
    with pytest.raises(KeyError), stopped_by_faults("fairfront resume runs/a"):
        raise bug


@pytest.mark.parametrize("fault", [FULL, wrapped_by_tune(MachineFault(TOLD)), MachineFault(TOLD)])
def test_a_fault_is_one_line_that_says_how_to_go_on(fault):
    with pytest.raises(MachineFault) as told, stopped_by_faults("fairfront resume runs/a"):
        raise fault

    assert str(told.value) == (
        f"{TOLD}; stopped, and nothing is lost: once that is mended, "
        f"`fairfront resume runs/a` goes on"
    )
    with pytest.raises(MachineFault, match="resume runs/a") as again, stopped_by_faults("other"):
        raise told.value
    assert "other" not in str(again.value)


def test_bad_input_stays_what_it_is():
    with pytest.raises(UserError, match="bad") as told, stopped_by_faults("again"):
        raise UserError("bad")
    assert (type(told.value), told.value.exit_code) == (UserError, 2)
    assert MachineFault("full").exit_code == 1
