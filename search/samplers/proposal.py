"""What a sampler may depend on beside the trials that it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spaces.space import Range
from trainables.stage import derived_seed


@dataclass(frozen=True)
class Proposal:
    """One proposal of one study. Nothing in it depends on the proposal before."""

    seed: int  # of the study
    number: int  # from 0
    budget: int  # trials that the method gets
    ranges: Mapping[str, Range]

    @property
    def draw(self) -> int:
        """A seed of this proposal alone, below 2^32."""
        return self.stream("draw")

    def stream(self, name: str) -> int:
        """A seed for draws that are to be independent of this proposal's other draws."""
        return derived_seed(self.seed, "proposal", self.number, name) % 2**32
