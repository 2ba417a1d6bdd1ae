"""Faults of the machine, a full disk above all: they end a search, and no trial is to blame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ray.tune import TuneError

from search.errors import GOES_ON, MachineFault, UserError
from trainables.files import what_failed


@contextmanager
def stopped_by_faults(again: str) -> Iterator[None]:
    """Within the block a fault of the machine becomes a MachineFault: one line that says how to go
    on, by the command `again`."""
    before = GOES_ON.set(again)
    try:
        yield
    except MachineFault as error:
        if error.again is not None:
            raise
        raise MachineFault(error.fault, again) from error
    except UserError:
        raise
    except Exception as error:
        if (fault := fault_behind(error)) is None:
            raise
        raise MachineFault(fault, again) from error
    finally:
        GOES_ON.reset(before)


def fault_behind(error: BaseException | None) -> str | None:
    """What the machine's fault is that an error says or wraps; None where there is none.

    That is a MachineFault or any error of the operating system. Ray wraps what is raised in a
    worker, and Ray Tune what its scheduler and searcher raise: in fifty lines of text.
    """
    while error is not None:
        cause = getattr(error, "cause", error)  # of a task's error; else the error itself
        if isinstance(cause, MachineFault):
            return cause.fault
        if isinstance(cause, OSError):
            return what_failed(cause)
        wrapped = error.__context__ if isinstance(error, TuneError) else None
        error = error.__cause__ or wrapped
    return None
