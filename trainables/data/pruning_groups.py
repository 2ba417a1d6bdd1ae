"""The groups that pruners read: which weights matter to whom. No judge sees them.

By default they are the groups of the experiment before small ones were merged or left out, since a
group that is too small to be judged can still count while pruning (Lin et al., FairGRAPE, ECCV
2022).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trainables.data.grouping import Grouping
from trainables.files import whole_file

if TYPE_CHECKING:
    from trainables.data.prepare import Prepared

PRUNED_ON = ("train", "left_out")  # parts that have groups to prune by; the second may be absent


@dataclass(frozen=True, eq=False)
class PruningGroups:
    """The group of each row that pruners may read. Each group has rows."""

    source: str  # a grouping, such as sex*race, or clusters:7
    names: tuple[str, ...]  # index = group
    groups: Mapping[str, NDArray[np.int64]]  # by part of PRUNED_ON: (n,) group of each row

    def __post_init__(self) -> None:
        for part, groups in self.groups.items():
            if len(groups) and not 0 <= groups.min() <= groups.max() < len(self.names):
                raise ValueError(
                    f"prune_by: groups of {part} must lie in 0..{len(self.names) - 1}, "
                    f"got {groups.min()} to {groups.max()}"
                )

    @property
    def counts(self) -> NDArray[np.int64]:
        """(groups,) rows of each group."""
        together = np.concatenate(list(self.groups.values()))
        return np.bincount(together, minlength=len(self.names))

    @property
    def digest(self) -> str:
        """sha256 of names and assignment: what decides results that depend on them."""
        digest = hashlib.sha256("\x1f".join(self.names).encode())
        for part in PRUNED_ON:
            if part in self.groups:
                digest.update(part.encode())
                digest.update(np.ascontiguousarray(self.groups[part], dtype=np.int64).tobytes())
        return digest.hexdigest()

    def save(self, path: Path) -> None:
        """Writes an .npz of plain arrays; `load` reads it without unpickling anything."""
        with whole_file(path) as file, file.open("wb") as opened:
            np.savez_compressed(
                opened,
                source=np.array(self.source),
                names=np.array(self.names),
                **self.groups,  # type: ignore[arg-type]
            )

    @classmethod
    def load(cls, path: Path) -> PruningGroups:
        """Raises FileNotFoundError where the run has none."""
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return cls(
                str(stored["source"]),
                tuple(str(name) for name in stored["names"]),
                {part: stored[part] for part in PRUNED_ON if part in stored},
            )


def groups_of_attributes(prepared: Prepared, grouping: str | None = None) -> PruningGroups:
    """The groups of a grouping such as `sex*race`; None: of the experiment's own.

    No group is merged or left out, but one without any row has no index. Raises ValueError for an
    unknown attribute or value.
    """
    source = prepared.grouping if grouping is None else grouping
    parsed, values = Grouping.parse(source), prepared.attribute_values
    of_crossing, names = parsed.of_crossing(values), parsed.names(values)
    groups = {
        part: of_crossing[prepared.parts[part].crossing]
        for part in PRUNED_ON
        if part in prepared.parts
    }
    present = np.unique(np.concatenate(list(groups.values())))
    index = np.full(len(names), -1, dtype=np.int64)
    index[present] = np.arange(len(present))
    return PruningGroups(
        source,
        tuple(names[group] for group in present),
        {part: index[of_rows] for part, of_rows in groups.items()},
    )
