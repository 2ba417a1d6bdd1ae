"""Face images from a folder or a zip archive, decoded once into a file that is then mapped."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from trainables.data.sets.folder import VARIABLE, MissingDataError
from trainables.files import whole_file

OFFICIAL = (178, 218)  # width and height in pixels
DECODED = "decoded"  # folder beside the images
THREADS = 4  # decoders; images are read from disk meanwhile


@dataclass(frozen=True)
class FaceImages:
    """The place of the images: a folder of files, or an archive with such a folder in it."""

    path: Path

    @classmethod
    def find(cls, folder: Path, either: tuple[str, str], source: str) -> FaceImages:
        """Raises MissingDataError, naming both, where neither the folder nor the archive is."""
        for relative in either:
            if (folder / relative).exists():
                return cls(folder / relative)
        unpacked, archive = (folder / relative for relative in either)
        raise MissingDataError(
            f"celeba: needs the folder {unpacked} or the archive {archive}, which are missing; "
            f"put one there from {source} (the folder is set by {VARIABLE})"
        )

    def pixels(self, names: list[str], size: int, *, official: bool) -> NDArray[np.uint8]:
        """(n, 3, size, size): the largest square in the middle of each image, made smaller.

        Decoded images are kept in a file beside the originals and mapped from there. Where that
        place cannot be written to, they are decoded again each time. Raises ValueError for an
        image that cannot be read or, with `official`, is not of the official size.
        """
        place = self.path.parent
        shape = (len(names), 3, size, size)
        if not os.access(place, os.W_OK):
            pixels = np.empty(shape, dtype=np.uint8)
            self._decode_into(pixels, names, official)
            return pixels
        file = place / DECODED / f"{size}px-{self._key(names)}.npy"
        if not file.exists():
            with whole_file(file) as partial:
                mapped = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
                self._decode_into(mapped, names, official)
                mapped.flush()
        decoded: NDArray[np.uint8] = np.load(file, mmap_mode="r")
        return decoded

    def _key(self, names: list[str]) -> str:
        """Depends on which images are asked for and on the last change of each, or the archive."""
        archive = self.path.is_file()
        facts = [*names, *map(_change, [self.path] if archive else map(self._file, names))]
        return hashlib.sha256("\x1f".join(facts).encode()).hexdigest()[:16]

    def _file(self, name: str) -> Path:
        path = self.path / name
        if not path.is_file():
            raise self._absent(name)
        return path

    def _absent(self, name: str) -> MissingDataError:
        return MissingDataError(f"celeba: {self.path} must hold {name}, got none")

    def _decode_into(self, pixels: NDArray[Any], names: list[str], official: bool) -> None:
        with ExitStack() as stack:
            threads = stack.enter_context(ThreadPoolExecutor(THREADS))
            archive = None
            if self.path.is_file():
                archive = stack.enter_context(zipfile.ZipFile(self.path))

            def decode(place: int) -> None:
                content = self._content(names[place], archive)
                pixels[place] = _decoded(names[place], content, pixels.shape[-1], official)

            list(threads.map(decode, range(len(names))))  # raises what a thread raised

    def _content(self, name: str, archive: zipfile.ZipFile | None) -> bytes:
        if archive is None:
            return self._file(name).read_bytes()
        try:
            return archive.read(f"{self.path.stem}/{name}")
        except KeyError as error:
            raise self._absent(name) from error


def _change(path: Path) -> str:
    """Text that is another one once the file has been written to."""
    facts = path.stat()
    return f"{facts.st_size} {facts.st_mtime_ns}"


def _decoded(name: str, content: bytes, size: int, official: bool) -> NDArray[np.uint8]:
    """(3, size, size)."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            if official and image.size != OFFICIAL:
                raise ValueError(
                    f"celeba: {name} must have {OFFICIAL[0]} x {OFFICIAL[1]} pixels as the "
                    f"aligned images, got {image.size[0]} x {image.size[1]}"
                )
            square = ImageOps.fit(image.convert("RGB"), (size, size), Image.Resampling.BILINEAR)
    except (UnidentifiedImageError, OSError) as error:
        raise ValueError(f"celeba: {name} must be a whole image, got {error}") from error
    return np.asarray(square, dtype=np.uint8).transpose(2, 0, 1)
