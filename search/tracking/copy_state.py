"""How far the copy of a run in MLflow is: the mirror writes it down, the last lines tell it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from analysis.events import JOURNAL
from search.config.tracking_uri import masked
from search.runs.state import CONFIG
from search.toml_file import read_toml
from search.tracking.stores import database_of, default_uri
from trainables.files import opened_here, take_lock, whole_file

STATE = "mirror.json"
LONGEST = 300  # characters of a reason


@dataclass(frozen=True)
class CopyState:
    """What the mirror has got done. Nothing secret stands in it."""

    store: str  # its address, secrets masked
    known: int  # bytes of the journal that MLflow knows
    whole: bool = False  # the mirror had nothing left to send, files included
    problem: str | None = None  # why it is not further
    note: str | None = None  # what else the user should know

    def write(self, folder: Path) -> None:
        with whole_file(folder / STATE) as file:
            file.write_text(json.dumps(asdict(self)), encoding="utf-8")


def _state(folder: Path) -> CopyState:
    return CopyState(**json.loads((folder / STATE).read_text(encoding="utf-8")))


def is_mirrored(folder: Path) -> bool:
    """Whether a mirror is following this folder now."""
    with opened_here(folder / "mirror.lock", "ab") as lock:
        return not take_lock(lock)


def copy_sentence(folder: Path) -> str | None:
    """How far the copy of the run in `folder` is; None where it is to have none."""
    try:
        config = read_toml(folder / CONFIG)
        state, size = _state(folder), (folder / JOURNAL).stat().st_size
    except (OSError, ValueError, TypeError):  # no mirror has come so far
        return None
    if not config.get("tracking", {}).get("enabled", True):
        return None
    own = state.store == masked(default_uri(folder))
    where = "in the run's folder" if own else f"in {state.store}"
    note = f" ({state.note})" if state.note else ""
    if state.whole and state.known >= size:
        return f"MLflow: the copy {where} is complete{note}"
    if own and is_mirrored(folder):
        return f"MLflow: the copy {where} is being completed{note}"
    share = min(0.99, state.known / size) if size else 0.0
    reason = state.problem or "it was given no more time"
    return (
        f"MLflow: the copy {where} is at {share:.0%} of the journal{note}: {reason}. Nothing is "
        f"lost: `fairfront report {folder}` sends the rest"
    )


def reason_of(error: BaseException, uri: str) -> str:
    """One line on why a store could not be written, without the secrets of its address."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConnectionError | TimeoutError) and database_of(uri) is None:
            answer = getattr(cause, "strerror", None) or type(cause).__name__
            return f"{masked(uri)} does not answer ({answer})"
        cause = cause.__cause__ or cause.__context__
    text = masked(str(error).replace(uri, masked(uri))).strip() or type(error).__name__
    line = "".join(c if c.isprintable() else " " for c in text.splitlines()[0])
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} ..."
