"""Ctrl-C that arrives in the middle of a library's own work is not lost."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

INTERRUPTED = 130  # exit code
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruptible:
    """Turns Ctrl-C and SIGTERM into KeyboardInterrupt for the length of a `with` block.

    A KeyboardInterrupt that falls into a callback of a compiled library is dropped there. `check`,
    called now and then, raises it again.
    """

    def __init__(self) -> None:
        self._asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
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

    def check(self) -> None:
        """Raises KeyboardInterrupt if an interruption was asked for and nothing came of it."""
        if self._asked:
            raise KeyboardInterrupt

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._asked = True
        raise KeyboardInterrupt
