"""How one threshold for everybody can be chosen; see `trainables.corrections.threshold`."""

from __future__ import annotations

from typing import Literal

ChosenBy = Literal["fair", "gain", "balanced_accuracy", "fixed"]
