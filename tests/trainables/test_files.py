from pathlib import Path

import pytest

from trainables.files import cache_folder, opened_here, whole_file


def test_a_file_is_replaced_when_its_writer_is_done_and_not_before(tmp_path):
    path = tmp_path / "new" / "front.json"
    for text in ("old", "new"):
        with whole_file(path) as file:
            file.write_text(text)
            assert not path.exists() or path.read_text() == "old"

    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_after_an_error_the_old_file_stays_and_nothing_lies_beside_it(tmp_path):
    path = tmp_path / "front.json"
    path.write_text("old")

    with pytest.raises(RuntimeError, match="half-way"), whole_file(path) as file:
        file.write_text("ne")
        raise RuntimeError("half-way")

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_cache_lies_where_the_environment_says_else_in_the_users_cache(monkeypatch):
    monkeypatch.setenv("FAIRFRONT_CACHE", "/some/where")
    assert cache_folder() == Path("/some/where")
    monkeypatch.delenv("FAIRFRONT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache_folder() == Path("/caches/fairfront")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache/fairfront"


def test_nobody_can_foresee_where_a_file_is_written_before_it_is_whole(tmp_path):
    names = []
    for _ in range(2):
        with whole_file(tmp_path / "front.json") as file:
            file.write_text("{}")
            names.append(file.name)

    assert names[0] != names[1]
    assert all(name.startswith("front.json.partial-") for name in names)


@pytest.mark.parametrize("mode", ["ab", "wb", "r+b", "a+b"])
def test_a_link_is_never_written_through(tmp_path, mode):
    mine = tmp_path / "mine"
    mine.write_text("mine")
    link, plain = tmp_path / "mirror.log", tmp_path / "plain"
    link.symlink_to(mine)
    plain.write_text("")

    with pytest.raises(OSError, match="symbolic links"), opened_here(link, mode):
        pass
    with whole_file(link) as file:  # takes the link's place
        file.write_text("ours")
    assert mine.read_text() == "mine"
    with opened_here(plain, mode):
        assert plain.stat().st_mode == mine.stat().st_mode
