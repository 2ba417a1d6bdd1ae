"""Which sample of a batch lies in which cell (group x label), and means over cells."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Cells:
    """It is a matrix, so that sums over cells are matrix products, which are deterministic."""

    members: Tensor  # (n, cells) 0 or 1
    counts: Tensor  # (cells,)

    @classmethod
    def of(cls, cell: Tensor, cells: Tensor) -> Cells:
        """`cell` (n,) of each sample, one of `cells` (cells,)."""
        members = (cell[:, None] == cells).float()
        return cls(members, members.sum(0))

    @property
    def present(self) -> Tensor:
        """(cells,) whether the batch has samples there."""
        return self.counts > 0

    def means(self, values: Tensor) -> Tensor:
        """Mean of `values` (n,) or (n, k) in each cell (cells,) or (cells, k); 0 where empty."""
        counts = self.counts.clamp_min(1)
        sums = self.members.T.to(values.dtype) @ values
        return sums / (counts if values.dim() == 1 else counts[:, None])
