"""Decoded images lie in one file, whole or not at all, wherever a file can be written."""

import errno
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from trainables.data.sets.faces.images import FaceImages
from trainables.files import cache_folder

NAMES = [f"{number}.png" for number in range(12)]


@pytest.fixture
def faces(tmp_path, monkeypatch):
    """Images of one colour each, twenty-one apart; a cache of their own."""
    monkeypatch.setenv("FAIRFRONT_CACHE", str(tmp_path / "cache"))
    place = tmp_path / "made" / "faces"
    place.mkdir(parents=True)
    for number, name in enumerate(NAMES):
        Image.new("RGB", (20, 20), (21 * number, 0, 255)).save(place / name)
    return FaceImages("made", place, beside=place.parent)


@pytest.fixture
def read_only(faces):
    faces.beside.chmod(0o555)
    yield faces
    faces.beside.chmod(0o755)


def decoded_once(monkeypatch):
    monkeypatch.setattr(FaceImages, "_image", lambda *_, **__: pytest.fail("decoded again"))


def check(pixels, names=NAMES):
    assert pixels.shape == (len(names), 3, 8, 8)
    assert pixels[:, 0].reshape(len(names), -1).tolist() == [
        [21 * NAMES.index(name)] * 64 for name in names
    ]
    assert (pixels[:, 1] == 0).all() and (pixels[:, 2] == 255).all()


def test_images_are_decoded_once_and_mapped(faces, monkeypatch):
    check(faces.pixels(NAMES, 8))
    decoded_once(monkeypatch)
    again = faces.pixels(NAMES, 8)

    check(again)
    assert isinstance(again, np.memmap)
    assert len(list((faces.beside / "decoded").iterdir())) == 1


def test_a_side_and_a_list_of_names_have_a_file_each(faces):
    check(faces.pixels(NAMES, 8))
    check(faces.pixels(NAMES[::-1], 8), NAMES[::-1])
    assert faces.pixels(NAMES, 10).shape == (12, 3, 10, 10)

    assert len(list((faces.beside / "decoded").iterdir())) == 3


def test_an_image_that_has_changed_is_decoded_anew(faces):
    faces.pixels(NAMES, 8)
    path = faces.path / NAMES[2]
    before = path.stat()
    Image.new("RGB", (20, 20), (200, 0, 255)).save(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))

    assert (faces.pixels(NAMES, 8)[2, 0] == 200).all()


def test_where_the_folder_cannot_be_written_the_file_is_in_the_users_cache(read_only, monkeypatch):
    check(read_only.pixels(NAMES, 8))
    decoded_once(monkeypatch)
    check(read_only.pixels(NAMES, 8))

    assert os.listdir(read_only.beside) == ["faces"]
    assert len(list((cache_folder() / "made/decoded").iterdir())) == 1


def test_a_file_beside_the_images_is_used_though_none_could_be_written(faces, monkeypatch):
    faces.pixels(NAMES, 8)
    faces.beside.chmod(0o555)
    decoded_once(monkeypatch)
    check(faces.pixels(NAMES, 8))
    faces.beside.chmod(0o755)


def test_a_build_that_fails_leaves_nothing(faces):
    (faces.path / NAMES[7]).write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"made: 7\.png must be a whole image"):
        faces.pixels(NAMES, 8)

    assert list((faces.beside / "decoded").iterdir()) == []


BUILD = """
import sys
from pathlib import Path
from trainables.data.sets.faces.images import FaceImages
place = Path(sys.argv[1])
pixels = FaceImages("made", place, beside=place.parent).pixels(sys.argv[3:], int(sys.argv[2]))
print(int(pixels[:, 0].astype(int).sum()))
"""


def build(faces, side=8):
    call = [sys.executable, "-c", BUILD, str(faces.path), str(side), *NAMES]
    return subprocess.Popen(call, stdout=subprocess.PIPE, text=True)


def test_two_processes_that_build_at_once_make_the_same_file(faces):
    with build(faces) as first, build(faces) as second:
        sums = [process.communicate(timeout=120)[0].strip() for process in (first, second)]

    assert sums == [str(sum(21 * number for number in range(12)) * 64)] * 2
    check(faces.pixels(NAMES, 8))
    assert len(list((faces.beside / "decoded").iterdir())) == 1


def test_a_build_that_is_killed_leaves_no_file_that_counts(faces):
    fifo = faces.path / NAMES[5]
    content = fifo.read_bytes()
    fifo.unlink()
    os.mkfifo(fifo)  # whoever reads it waits
    with build(faces) as process, fifo.open("wb"):  # which opens once the process reads it
        process.kill()
    decoded = faces.beside / "decoded"
    assert all(".partial-" in file.name for file in decoded.iterdir())
    fifo.unlink()
    fifo.write_bytes(content)

    check(faces.pixels(NAMES, 8))


def test_a_full_disk_is_said_and_leaves_nothing(faces, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", full)
    with pytest.raises(OSError, match="No space left"):
        faces.pixels(NAMES, 8)

    assert list((faces.beside / "decoded").iterdir()) == []


def test_a_missing_image_is_named(faces):
    (faces.path / NAMES[3]).unlink()
    with pytest.raises(FileNotFoundError, match=r"made: .*faces must hold 3\.png, got none"):
        faces.pixels(NAMES, 8)


def test_an_image_of_another_size_than_the_official_one_is_refused(faces):
    official = FaceImages("made", faces.path, faces.beside, official=(20, 20))
    check(official.pixels(NAMES, 8))
    shutil.rmtree(faces.beside / "decoded")
    Image.new("RGB", (20, 24)).save(faces.path / NAMES[1])
    with pytest.raises(ValueError, match=r"1\.png must have 20 x 20 .* got 20 x 24"):
        official.pixels(NAMES, 8)
