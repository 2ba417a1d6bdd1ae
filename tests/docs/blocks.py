"""The fenced blocks and code spans of the pages, as they stand there."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

_FENCE = re.compile(r"^```(\w*)[ \t]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Block:
    """What stands between two fences."""

    page: str  # README.md, docs/export.md
    line: int  # of its first fence, from 1
    language: str  # as the fence says; empty where it says none
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file that the block is to be typed into: its first line says so, `# mine.toml`."""
        named = re.match(r"# (\S+\.\w+)\n", self.text)
        return named.group(1) if named else None

    @property
    def commands(self) -> list[list[str]]:
        """The words of each command of a shell block, without comments, one for each `&&`."""
        found = []
        for line in self.text.replace("\\\n", " ").splitlines():
            words: list[str] = []
            for word in [*shlex.split(line, comments=True), "&&"]:
                if word != "&&":
                    words.append(word)
                elif words:
                    found.append(words)
                    words = []
        return found


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text("utf-8")
    return [
        Block(name_of(page), text[: found.start()].count("\n") + 1, found[1], found[2])
        for found in _FENCE.finditer(text)
    ]


def spans_of(page: Path) -> list[str]:
    """The code spans of the prose."""
    return _SPAN.findall(_FENCE.sub("", page.read_text("utf-8")))
