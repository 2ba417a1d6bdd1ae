"""No new search starts on numbers that were read as texts."""

from __future__ import annotations

from search.errors import UserError
from trainables.data import Prepared


def refuse_unread_numbers(prepared: Prepared) -> None:
    """Raises UserError naming the columns; a run that has begun with them may still go on."""
    if prepared.refusals:
        raise UserError("\n".join(f"[data] {refusal}" for refusal in prepared.refusals))
