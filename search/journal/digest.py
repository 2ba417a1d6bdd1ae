"""Digests of what is written down as JSON."""

from __future__ import annotations

import hashlib
import json


def json_digest(value: object) -> str:
    """sha256 of a JSON-able value; the order of keys has no say."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
