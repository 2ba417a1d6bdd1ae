import errno
import os

import pytest

from search.config.config import Config
from search.engine.dry_run import describe
from search.engine.experiment import run
from search.errors import UserError
from search.runs.places import check_places


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "some" / "cache"
    monkeypatch.setenv("FAIRFRONT_CACHE", str(folder))
    return folder


def test_places_that_can_be_made_are_left_as_they_were(tmp_path, cache):
    empty = tmp_path / "empty"
    empty.mkdir()
    for out in (tmp_path / "deep" / "er" / "run", empty):
        check_places(out)

    assert sorted(path.name for path in tmp_path.rglob("*")) == ["empty"]


@pytest.mark.parametrize("name", ["file/run", "x" * 300])
def test_a_folder_that_cannot_be_made_is_named(tmp_path, cache, name):
    (tmp_path / "file").touch()

    with pytest.raises(UserError, match=r"out: .* must be a folder.*--out names another") as error:
        check_places(tmp_path / "new" / ".." / name)
    assert name in str(error.value)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file"]


@pytest.mark.parametrize(
    ("variable", "name", "home", "who"),
    [
        ("FAIRFRONT_CACHE", "cache", "XDG_CACHE_HOME", "cache"),
        ("FAIRFRONT_LEDGER", "ledger.jsonl", "XDG_DATA_HOME", "ledger"),
    ],
)
def test_a_cache_or_ledger_that_cannot_be_made_is_named_before_the_search(
    tmp_path, cache, monkeypatch, variable, name, home, who
):
    (tmp_path / "file").touch()
    monkeypatch.setenv(variable, str(tmp_path / "file" / name))
    with pytest.raises(UserError, match=rf"^{variable}: .*/file.* must be a folder"):
        check_places(None)

    monkeypatch.delenv(variable)
    monkeypatch.setenv(home, str(tmp_path / "file"))
    with pytest.raises(UserError, match=rf"^{who}: .*Not a directory; {variable} names another"):
        check_places(None)


def test_a_place_on_a_full_or_read_only_disk_is_named(tmp_path, cache, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("search.runs.places.tempfile.TemporaryFile", full)
    with pytest.raises(UserError, match="got: Read-only file system; --out names another"):
        check_places(tmp_path / "run")
    assert list(tmp_path.rglob("*")) == []


def test_a_search_looks_at_its_places_first(tmp_path, cache):
    (tmp_path / "file").touch()
    config = Config.model_validate({"name": "placed", "data": {"group": "sex", "load": "no:rows"}})

    with pytest.raises(UserError, match="out: "):  # and not for the rows that are not there
        run(config, out=tmp_path / "file" / "run")
    with pytest.raises(UserError, match="out: "):
        next(describe(config, tmp_path / "file" / "run"))
