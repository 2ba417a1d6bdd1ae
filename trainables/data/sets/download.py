"""Fetching the official data files: the only code that downloads anything."""

from __future__ import annotations

import http.client
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from trainables.data.sets import cifar10s
from trainables.data.sets.folder import check_sha256, data_folder, sha256
from trainables.files import opened_here
from trainables.names import known_names

Progress = Callable[[str, int, int | None], None]  # file name, bytes so far, bytes in all
TIMEOUT = 30  # seconds without an answer
BLOCK = 1 << 18  # bytes


class DownloadError(OSError):
    """The download did not come to its end; what has arrived is kept, so that it can go on."""


@dataclass(frozen=True)
class Remote:
    """A file to fetch into `path`, or a tar archive of which the `members` are taken."""

    url: str
    sha256: str
    path: str  # inside the data folder
    members: Mapping[str, str] = field(default_factory=dict)  # path -> sha256


REMOTES: dict[str, tuple[Remote, ...]] = {
    "adult": (
        Remote(
            "https://archive.ics.uci.edu/ml/machine-learning-databases/adult/adult.data",
            "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
            "adult/adult.data",
        ),
        Remote(
            "https://archive.ics.uci.edu/ml/machine-learning-databases/adult/adult.test",
            "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
            "adult/adult.test",
        ),
    ),
    "compas": (
        Remote(
            "https://raw.githubusercontent.com/propublica/compas-analysis/master/"
            "compas-scores-two-years.csv",
            "a5e5c34bfd2d1f065bb12a44c0323421baf74b98b97d585915a0c2e1513ecaba",
            "compas/compas-scores-two-years.csv",
        ),
    ),
    "cifar10s": (
        Remote(
            "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
            "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
            "cifar-10-python.tar.gz",
            cifar10s.CHECKSUMS,
        ),
    ),
}


def get(
    name: str,
    folder: Path | None = None,
    *,
    base_url: str | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Fetches the files of the data set `name` into `folder` and returns their paths.

    Files that are there already are left alone. `base_url` is a mirror: a folder that holds
    files of the same names. Raises ValueError for an unknown name or a wrong checksum, and
    DownloadError where the connection failed; calling again then resumes.
    """
    if name not in REMOTES:
        raise ValueError(
            f"data get: nothing to download for {name!r}; {known_names(name, REMOTES)}"
        )
    folder = folder or data_folder()
    paths = []
    for remote in REMOTES[name]:
        wanted = remote.members or {remote.path: remote.sha256}
        if not all(_is_there(folder / path, digest) for path, digest in wanted.items()):
            _fetch(name, remote, folder, base_url, progress or _silent)
        paths += [folder / path for path in wanted]
    return paths


def _silent(name: str, done: int, total: int | None) -> None:
    """For callers that do not watch."""


def _is_there(path: Path, digest: str) -> bool:
    return path.is_file() and sha256(path) == digest


def _fetch(
    name: str, remote: Remote, folder: Path, base_url: str | None, progress: Progress
) -> None:
    target = folder / remote.path
    url = remote.url
    if base_url is not None:
        url = f"{base_url.rstrip('/')}/{url.rpartition('/')[2]}"
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError(f"data get: address must start with http:// or https://, got {url}")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = _part_of(target)
    _download(url, part, lambda done, total: progress(target.name, done, total))
    if sha256(part) != remote.sha256:
        checksum = sha256(part)
        part.unlink()
        raise ValueError(
            f"data get: {url} must have the sha256 {remote.sha256[:12]}..., "
            f"got {checksum[:12]}...; it was deleted (the file may have changed at its source)"
        )
    if remote.members:
        _extract(name, part, remote.members, folder)
        part.unlink()
    else:
        part.replace(target)


def _part_of(target: Path) -> Path:
    """Where a file is written until it is whole.

    Others may write to the data folder, too: what lies there in its place and is no file, such as
    a link to one of the user's own, is removed.
    """
    part = target.with_name(target.name + ".part")
    if part.is_symlink():
        part.unlink()
    return part


def _download(url: str, part: Path, progress: Callable[[int, int | None], None]) -> None:
    """Fetches `url` into `part`, going on where an earlier attempt stopped."""
    start = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            if response.status != http.client.PARTIAL_CONTENT:
                start = 0  # the server sends all of it
            length = response.headers.get("Content-Length")
            total = None if length is None else start + int(length)
            done = _write(response, part, start, lambda n: progress(n, total))
    except urllib.error.HTTPError as error:
        if start and error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # nothing is missing; the checksum tells whether it is right
        raise DownloadError(f"data get: {url} answered {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(
            f"data get: {url} could not be fetched: {error}; run it again to go on"
        ) from error
    if total is not None and done < total:
        raise DownloadError(
            f"data get: {url} broke off after {done} of {total} bytes; run it again to go on"
        )


def _write(
    response: http.client.HTTPResponse, part: Path, start: int, progress: Callable[[int], None]
) -> int:
    done = start
    with opened_here(part, "ab") as file:
        file.truncate(start)
        while block := response.read(BLOCK):
            file.write(block)
            done += len(block)
            progress(done)
    return done


def _extract(name: str, archive: Path, members: Mapping[str, str], folder: Path) -> None:
    """Takes the expected regular files, by name, and nothing else from the archive."""
    missing = dict(members)
    with tarfile.open(archive) as tar:
        for entry in tar:  # one pass: going back in a gzip file means reading it again
            digest = missing.pop(entry.name, None) if entry.isfile() else None
            content = tar.extractfile(entry) if digest else None
            if content is None or digest is None:
                continue
            target = folder / entry.name  # one of our own names, so inside the folder
            target.parent.mkdir(parents=True, exist_ok=True)
            unpacked = _part_of(target)
            with content, opened_here(unpacked, "wb") as file:
                shutil.copyfileobj(content, file)
            check_sha256(name, unpacked, digest)
            unpacked.replace(target)
    if missing:
        raise ValueError(
            f"data get: {archive.name} must hold {', '.join(missing)}, got none of it"
        )
