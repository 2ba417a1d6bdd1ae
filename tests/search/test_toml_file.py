"""TOML files are read as editors save them, and refused by name where they cannot be."""

from __future__ import annotations

import codecs

import pytest

from search.config.config import Config
from search.errors import UserError
from search.reproduce.tables import load_table
from search.toml_file import read_toml

TEXT = 'name = "loans"\n[data]\nname = "digits"\ngroup = "domain"\n'


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_byte_order_mark_and_other_line_ends_change_nothing(mark, ends, tmp_path):
    file = tmp_path / "loans.toml"
    file.write_bytes(mark + TEXT.replace("\n", ends).encode())

    assert read_toml(file)["data"] == {"name": "digits", "group": "domain"}
    assert Config.load(file).name == "loans"


def test_a_table_of_ones_own_may_have_a_mark_too(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_bytes(codecs.BOM_UTF8 + b"rows = 3\n")

    with pytest.raises(UserError, match=r"mine\.toml: .*rows"):  # read, and refused for its rows
        load_table(str(file))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (TEXT.encode("utf-16"), "must be saved as UTF-8"),
        ('name = "Zürich"'.encode("latin-1"), "must be saved as UTF-8"),
        (b"name = ", "is not valid TOML: Invalid value"),
    ],
)
def test_what_cannot_be_read_is_refused_by_file(content, message, tmp_path):
    file = tmp_path / "loans.toml"
    file.write_bytes(content)

    with pytest.raises(UserError, match=rf"loans\.toml: .*{message}"):
        read_toml(file)
