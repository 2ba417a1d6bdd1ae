import pytest

from trainables.files import whole_file


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
