"""Downloads, against a server on this machine that can send parts of files."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from trainables.data.sets import download
from trainables.data.sets.download import DownloadError, Remote, get

CONTENT = bytes(range(256)) * 4096  # 1 MiB: several blocks


class Files(BaseHTTPRequestHandler):
    """Serves `files`; breaks off after `limit` bytes of an answer; ignores ranges on request."""

    files: dict[str, bytes]
    limit: int | None
    ranges: bool
    asked: list[str | None]

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.asked.append(asked)
        content = self.files.get(self.path.rpartition("/")[2])
        if content is None:
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if start and self.ranges:
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            content = content[start:]
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content if self.limit is None else content[: self.limit])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch) -> Iterator[type[Files]]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = type("Handler", (Files,), {"files": {}, "limit": None, "ranges": True, "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        handler.url = f"http://127.0.0.1:{running.server_port}/mirror"
        yield handler
        running.shutdown()
        thread.join()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def table(server, monkeypatch) -> type[Files]:
    """One registered file, `table/rows.csv`, with the content above."""
    remote = Remote("https://example.org/official/rows.csv", digest(CONTENT), "table/rows.csv")
    monkeypatch.setattr(download, "REMOTES", {"table": (remote,)})
    server.files["rows.csv"] = CONTENT
    return server


def test_a_file_is_fetched_with_progress_and_left_alone_the_next_time(table, tmp_path):
    seen = []
    paths = get("table", tmp_path, base_url=table.url, progress=lambda *step: seen.append(step))

    assert paths == [tmp_path / "table/rows.csv"]
    assert paths[0].read_bytes() == CONTENT
    assert seen[-1] == ("rows.csv", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert len(seen) > 1
    get("table", tmp_path, base_url=table.url)
    assert len(table.asked) == 1
    assert list(paths[0].parent.iterdir()) == paths  # no .part is left


def test_a_broken_download_goes_on_where_it_stopped(table, tmp_path):
    table.limit = 300_000
    with pytest.raises(DownloadError, match="run it again to go on"):
        get("table", tmp_path, base_url=table.url)
    part = tmp_path / "table/rows.csv.part"
    have = part.stat().st_size
    assert 0 < have <= 300_000
    assert not (tmp_path / "table/rows.csv").exists()

    table.limit = None
    seen = []
    get("table", tmp_path, base_url=table.url, progress=lambda *step: seen.append(step))
    assert table.asked == [None, f"bytes={have}-"]
    assert (tmp_path / "table/rows.csv").read_bytes() == CONTENT
    assert seen[0][1] > have
    assert seen[-1][1:] == (len(CONTENT), len(CONTENT))


def test_a_server_without_ranges_sends_all_of_it_again(table, tmp_path):
    (tmp_path / "table").mkdir()
    (tmp_path / "table/rows.csv.part").write_bytes(b"other" * 100)
    table.ranges = False
    get("table", tmp_path, base_url=table.url)

    assert (tmp_path / "table/rows.csv").read_bytes() == CONTENT


def test_a_part_that_is_complete_already_is_not_fetched_again(table, tmp_path):
    (tmp_path / "table").mkdir()
    (tmp_path / "table/rows.csv.part").write_bytes(CONTENT)
    get("table", tmp_path, base_url=table.url)

    assert (tmp_path / "table/rows.csv").read_bytes() == CONTENT


def test_a_wrong_checksum_is_refused_and_nothing_is_left(table, tmp_path):
    table.files["rows.csv"] = CONTENT[:-1] + b"!"
    with pytest.raises(ValueError, match=r"must have the sha256 .* it was deleted"):
        get("table", tmp_path, base_url=table.url)

    assert list((tmp_path / "table").iterdir()) == []


def test_a_changed_file_is_fetched_anew(table, tmp_path):
    (tmp_path / "table").mkdir()
    (tmp_path / "table/rows.csv").write_bytes(b"half")
    get("table", tmp_path, base_url=table.url)

    assert (tmp_path / "table/rows.csv").read_bytes() == CONTENT


def test_an_answer_of_not_found_is_told(table, tmp_path):
    table.files.clear()

    with pytest.raises(DownloadError, match=r"mirror/rows\.csv answered 404"):
        get("table", tmp_path, base_url=table.url)


def test_no_server_at_all_is_told(table, tmp_path, monkeypatch):
    with pytest.raises(DownloadError, match="could not be fetched"):
        get("table", tmp_path, base_url="http://127.0.0.1:9")


def test_other_addresses_than_of_the_web_are_refused(table, tmp_path):
    with pytest.raises(ValueError, match="must start with http"):
        get("table", tmp_path, base_url=tmp_path.as_uri())


def packed(**files: bytes) -> bytes:
    """A tar.gz with these files, a link and a file that would land outside."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in {**files, "../outside": b"x"}.items():
            entry = tarfile.TarInfo(name.replace("__", "/"))
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        link = tarfile.TarInfo("set/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    return buffer.getvalue()


def register_archive(server, monkeypatch, content: bytes, members: dict[str, bytes]) -> None:
    digests = {path: digest(inside) for path, inside in members.items()}
    remote = Remote("https://example.org/set.tar.gz", digest(content), "set.tar.gz", digests)
    monkeypatch.setattr(download, "REMOTES", {"archive": (remote,)})
    server.files["set.tar.gz"] = content


def test_only_the_expected_files_are_taken_from_an_archive(server, tmp_path, monkeypatch):
    archive = packed(set__a=b"one", set__b=b"two", set__extra=b"no")
    register_archive(server, monkeypatch, archive, {"set/a": b"one", "set/b": b"two"})
    target = tmp_path / "data"
    paths = get("archive", target, base_url=server.url)

    assert [path.read_bytes() for path in paths] == [b"one", b"two"]
    assert sorted(
        p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()
    ) == [
        "data/set/a",
        "data/set/b",
    ]
    get("archive", target, base_url=server.url)
    assert len(server.asked) == 1


@pytest.mark.parametrize("path", ["set/absent", "set/link"])
def test_an_archive_without_an_expected_file_is_refused(server, tmp_path, monkeypatch, path):
    register_archive(server, monkeypatch, packed(set__a=b"one"), {"set/a": b"one", path: b"?"})

    with pytest.raises(ValueError, match=f"must hold {path}, got none"):
        get("archive", tmp_path, base_url=server.url)


def test_an_unknown_name_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(ValueError, match="nothing to download for 'adutl'; did you mean 'adult'"):
        get("adutl", tmp_path)
    with pytest.raises(ValueError, match="nothing to download for 'digits'"):
        get("digits", tmp_path)


@pytest.mark.parametrize("limit", [None, 300_000])
def test_a_planted_link_is_not_followed(table, tmp_path, limit):
    mine = tmp_path / "mine"
    mine.write_bytes(b"mine")
    part = tmp_path / "table/rows.csv.part"
    part.parent.mkdir()
    part.symlink_to(mine)

    table.limit = limit
    if limit is None:
        get("table", tmp_path, base_url=table.url)
    else:
        with pytest.raises(DownloadError):
            get("table", tmp_path, base_url=table.url)

    assert mine.read_bytes() == b"mine"
    assert not part.is_symlink()


def test_a_link_that_is_planted_at_the_last_moment_is_refused(tmp_path):
    mine = tmp_path / "mine"
    mine.write_bytes(b"mine")
    (tmp_path / "rows.csv.part").symlink_to(mine)

    with pytest.raises(OSError, match="symbolic links"):
        download._write(io.BytesIO(b"theirs"), tmp_path / "rows.csv.part", 0, lambda _: None)
    assert mine.read_bytes() == b"mine"
