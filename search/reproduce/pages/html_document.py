"""One HTML file that needs nothing else: style within, no script, pictures as data."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
WIDE = "main { max-width: 1640px; } th, td { padding: 5px 5px; }"


def document(title: str, body: Sequence[str]) -> str:
    """The file; `title` is plain text, the parts of `body` are HTML."""
    style = files("analysis.report").joinpath("report.css").read_text("utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}{WIDE}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )
