"""Face images from a folder or a zip archive, decoded once into a file that is then mapped."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from trainables.data.sets.folder import MissingDataError
from trainables.files import cache_folder, whole_file

DECODED = "decoded"  # folder of the decoded images
THREADS = 4  # decoders; images are read from disk meanwhile


@dataclass(frozen=True)
class FaceImages:
    """The images of a data set: a folder of files, or an archive with such a folder in it."""

    who: str  # the data set, for messages
    path: Path
    beside: Path  # the data set's own folder, where decoded images are kept if it can be written
    official: tuple[int, int] | None = None  # width and height that every image must have

    def pixels(self, names: list[str], side: int) -> NDArray[np.uint8]:
        """(n, 3, side, side): the largest square in the middle of each image, made `side` wide.

        Images are decoded once for each list of names and side, and mapped from that file ever
        after. It lies beside the originals, or in the user's cache folder where that place cannot
        be written to. It appears whole or not at all: a build that is cut off leaves no such file,
        and two processes that build at once make the same one. Raises ValueError for an image that
        is missing, cannot be read or is not of the official size.
        """
        relative = Path(DECODED) / f"{side}px-{self._key(names)}.npy"
        beside, cached = self.beside / relative, cache_folder() / self.who / relative
        file = next((place for place in (beside, cached) if place.exists()), None)
        if file is None:
            file = beside if _writable(self.beside) else cached
            with whole_file(file) as unfinished:
                self._decode_into(unfinished, names, side)
        decoded: NDArray[np.uint8] = np.load(file, mmap_mode="r")
        return decoded

    def _key(self, names: list[str]) -> str:
        """Depends on which images are asked for, and on size and last change of each (or of the
        archive)."""
        archive = self.path.is_file()
        facts = [*names, *([_change(self.path)] if archive else map(self._change, names))]
        return hashlib.sha256("\x1f".join(facts).encode()).hexdigest()[:16]

    def _change(self, name: str) -> str:
        try:
            return _change(self.path / name)
        except FileNotFoundError as error:
            raise self._absent(name) from error

    def _absent(self, name: str) -> MissingDataError:
        return MissingDataError(f"{self.who}: {self.path} must hold {name}, got none")

    def _decode_into(self, file: Path, names: list[str], side: int) -> None:
        """Writes the images one after the other: a full disk is an error like any other then."""
        shape = (len(names), 3, side, side)
        with file.open("wb") as opened:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(opened, header)
            for image in self._decoded(names, side):
                opened.write(image.tobytes())

    def _decoded(self, names: list[str], side: int) -> Iterator[NDArray[np.uint8]]:
        with ExitStack() as stack:
            threads = stack.enter_context(ThreadPoolExecutor(THREADS))
            archive = None
            if self.path.is_file():
                archive = stack.enter_context(zipfile.ZipFile(self.path))
            yield from threads.map(partial(self._image, archive=archive, side=side), names)

    def _image(self, name: str, archive: zipfile.ZipFile | None, side: int) -> NDArray[np.uint8]:
        """(3, side, side)."""
        content = self._content(name, archive)
        try:
            with Image.open(io.BytesIO(content)) as image:
                if self.official is not None and image.size != self.official:
                    raise ValueError(
                        f"{self.who}: {name} must have {self.official[0]} x {self.official[1]} "
                        f"pixels as the official images, got {image.size[0]} x {image.size[1]}"
                    )
                square = ImageOps.fit(
                    image.convert("RGB"), (side, side), Image.Resampling.BILINEAR
                )
        except (UnidentifiedImageError, OSError) as error:
            raise ValueError(f"{self.who}: {name} must be a whole image, got {error}") from error
        return np.asarray(square, dtype=np.uint8).transpose(2, 0, 1)

    def _content(self, name: str, archive: zipfile.ZipFile | None) -> bytes:
        if archive is None:
            return (self.path / name).read_bytes()
        try:
            return archive.read(f"{self.path.stem}/{name}")
        except KeyError as error:
            raise self._absent(name) from error


def _change(path: Path) -> str:
    """Text that is another one once the file has been written to."""
    facts = path.stat()
    return f"{facts.st_size} {facts.st_mtime_ns}"


def _writable(folder: Path) -> bool:
    """Whether files may be put there. Root could everywhere, but keeps to the folder's rights."""
    return os.access(folder, os.W_OK) and bool(folder.stat().st_mode & 0o222)
