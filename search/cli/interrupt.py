"""Ctrl-C and SIGTERM end every command in good order, also in the middle of a library's work."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, ClassVar, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)
CODES = tuple(128 + one for one in SIGNALS)  # exit codes, as shells say them


class Interrupted(KeyboardInterrupt):
    """An interruption that says by `how` the work is gone on with: one line of text."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


class Interruptible:
    """Turns Ctrl-C and SIGTERM into KeyboardInterrupt for the length of a `with` block.

    A KeyboardInterrupt that falls into a callback of a compiled library is dropped there. `check`,
    called now and then, raises it again. Blocks may lie within each other: a signal is one of the
    process.
    """

    _asked: ClassVar[int | None] = None  # the signal that came

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        Interruptible._asked = None
        if threading.current_thread() is threading.main_thread():
            self._before = {one: signal.signal(one, self._on_signal) for one in SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)

    @property
    def code(self) -> int:
        """The exit code of a command that was interrupted: 130 after Ctrl-C, 143 after SIGTERM."""
        return 128 + (self._asked or signal.SIGINT)

    def check(self) -> None:
        """Raises KeyboardInterrupt if an interruption was asked for and nothing came of it."""
        if self._asked is not None:
            raise KeyboardInterrupt

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        Interruptible._asked = number
        raise KeyboardInterrupt
