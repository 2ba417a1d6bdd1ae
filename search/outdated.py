"""What to say of a confirmed front when further trials have ended since."""

from __future__ import annotations

import shlex
from pathlib import Path

from search.ends import JOURNAL, ended_after_confirmation
from search.run_folder import RunFolder


def outdated(path: Path) -> str | None:
    """One line where trials of the run ended after its front had been confirmed, else None."""
    if RunFolder(path).confirmation() is None:
        return None
    later, ended = ended_after_confirmation(path / JOURNAL)
    if not later:
        return None
    again = ["fairfront", "search", str(path / "config.toml"), "--warm-start", str(path)]
    return (
        f"This front was confirmed before {later} of the {ended} trials ended and stays as it "
        f"was. For a new one, a new search that learns from all of them: {shlex.join(again)} (its "
        f"own confirm opens test again)"
    )
