"""A line every few seconds where nothing else was said: what takes long is seen to be alive."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

SILENT = 4.0  # seconds without a line


class Pulse:
    """Says `text()` by `say` whenever `said` was not called for a while, within a `with` block.

    Both are called by a thread of its own, under `lock`.
    """

    def __init__(
        self, text: Callable[[], str], say: Callable[[str], None], silent: float = SILENT
    ) -> None:
        """`silent`: after how many seconds without a line there is one."""
        self.lock = threading.RLock()
        self._text, self._say, self._silent = text, say, silent
        self._last = time.monotonic()
        self._over = threading.Event()

    def said(self) -> None:
        """A line was printed."""
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        self._last = time.monotonic()
        threading.Thread(target=self._speak, name="progress", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()

    def _speak(self) -> None:
        while not self._over.wait(self._silent / 8):
            with self.lock:
                if time.monotonic() - self._last >= self._silent and not self._over.is_set():
                    self.said()
                    self._say(self._text())
