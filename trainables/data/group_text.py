"""What can be said of the text of a grouping before the data are known."""

from __future__ import annotations


def checked(text: str) -> str:
    """`text` unchanged; raises ValueError where nothing is named."""
    if not text.strip():
        raise unreadable(text)
    return text


def unreadable(text: str) -> ValueError:
    """What is to be said of a text that is no grouping."""
    return ValueError(f'group: must read like "sex", "sex*race" or "race=White", got {text!r}')
