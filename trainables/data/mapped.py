"""Data too large to be copied: their inputs lie in files that the workers of a node share."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trainables.files import whole_file

if TYPE_CHECKING:
    from trainables.data.prepare import Prepared

MAPPED_ABOVE = 256 * 2**20  # bytes of inputs; smaller ones travel through memory


@dataclass(frozen=True, eq=False)
class PackedData:
    """Prepared data on their way to a worker; `open` gives them back.

    Large inputs are left in files, which each worker maps into its memory: pages are read when
    they are touched, and only once per machine, however many workers it has.
    """

    prepared: Prepared  # with empty inputs where these are in files
    files: Mapping[str, Path]  # by part; empty where nothing is mapped

    @classmethod
    def pack(cls, prepared: Prepared, folder: Path, above: int = MAPPED_ABOVE) -> PackedData:
        """Writes the inputs to `folder`, which all workers see, if they have over `above` bytes.

        A file appears whole or not at all and is named by its rows. So one that an earlier session
        of the same search has left is used as it is.
        """
        if sum(part.inputs.nbytes for part in prepared.parts.values()) <= above:
            return cls(prepared, {})
        # left_out has no hash of its own: its rows were drawn with those of train.
        hashes = {"left_out": prepared.hashes["train"], **prepared.hashes}
        files = {name: folder / f"{name}-{hashes[name][:16]}.npy" for name in prepared.parts}
        for name, file in files.items():
            if not file.exists():
                with whole_file(file) as partial, partial.open("wb") as opened:
                    np.save(opened, prepared.parts[name].inputs)
        empty = {name: part.inputs[:0] for name, part in prepared.parts.items()}
        return cls(_with_inputs(prepared, empty), files)

    def open(self) -> Prepared:
        """The data as they were. Raises FileNotFoundError where the folder is not shared."""
        if not self.files:
            return self.prepared
        # "c": what is written to the array stays in this process and never reaches the file.
        mapped = {name: np.load(file, mmap_mode="c") for name, file in self.files.items()}
        return _with_inputs(self.prepared, mapped)


def _with_inputs(prepared: Prepared, inputs: Mapping[str, NDArray[Any]]) -> Prepared:
    parts = {
        name: dataclasses.replace(part, inputs=inputs[name])
        for name, part in prepared.parts.items()
    }
    return dataclasses.replace(prepared, parts=parts)
