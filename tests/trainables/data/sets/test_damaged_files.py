"""Official files that are damaged are refused by file, column and row."""

from __future__ import annotations

import pandas as pd
import pytest

from trainables.data.sets import adult, compas
from trainables.data.sets.folder import check_numbers, reading

ADULT = (
    "39, State-gov, 77516, Bachelors, 13, Never-married, x, y, White, Male, 1, 0, 40, US, <=50K"
)


@pytest.fixture
def small_adult(tmp_path, monkeypatch):
    """A folder for files of three rows each."""
    (tmp_path / "adult").mkdir()
    monkeypatch.setattr(adult, "ROWS", {"adult.data": 3, "adult.test": 3})
    return tmp_path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "\n".join([ADULT, ADULT.replace("39", "?"), ADULT.replace("39", "3g")]).encode(),
            r"adult: column 'age' of .*adult\.data must hold numbers, got '3g' in row 3",
        ),
        (
            "\n".join([ADULT] * 3).encode("utf-16"),
            r"adult: .*adult\.data must be the official",
        ),
    ],
)
def test_a_damaged_file_of_adult_is_named_with_column_and_row(small_adult, content, message):
    (small_adult / "adult" / "adult.data").write_bytes(content)
    (small_adult / "adult" / "adult.test").write_bytes(content)

    with pytest.raises(ValueError, match=message):
        adult.load(folder=small_adult)


@pytest.mark.parametrize(
    ("age", "message"),
    [
        ("old", r"compas: column 'age' of .*two-years\.csv must hold numbers, got 'old' in row 2"),
        ('"', r"compas: .*two-years\.csv must be the official file, got Error tokenizing"),
    ],
)
def test_a_damaged_file_of_compas_is_named_with_column_and_row(age, message, tmp_path):
    numbers = [*compas.NUMBERS, compas.LABEL, *compas.CHOSEN_BY[:2]]
    texts = ["sex", "race", *compas.CATEGORIES, "score_text"]
    header = ",".join([*numbers, *texts])
    row = ",".join(["1"] * len(numbers) + ["a"] * len(texts))
    path = tmp_path / compas.FILES[0]
    path.parent.mkdir()
    path.write_text(f"{header}\n{row}\n{age}{row[1:]}\n")

    with pytest.raises(ValueError, match=message):
        compas.load(folder=tmp_path)


def test_missing_numbers_are_no_damage(tmp_path):
    check_numbers("x", tmp_path, pd.DataFrame({"a": [1.5, None], "b": [1, 2]}), ["a", "b"])
    check_numbers("x", tmp_path, pd.DataFrame({"a": ["1", "?"]}), ["a"], "?")


def test_other_errors_keep_their_words(tmp_path):
    with pytest.raises(ValueError, match=r"^mine$"), reading("x", tmp_path):
        raise ValueError("mine")
