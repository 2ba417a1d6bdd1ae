"""The user's trained network.

Intra-processing starts from a given, unfair network: Savani, White, Govindarajulu, NeurIPS 2020,
arXiv:2006.08564.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from trainables.dense.unchanged import Unchanged
from trainables.stage import Context, Run


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Given:
    """Takes the network with the weights that were loaded into it."""

    inputs: ClassVar[int] = 0
    learns_from: ClassVar[str] = "nothing"

    def start(self, context: Context) -> Run:
        return Unchanged(context)
