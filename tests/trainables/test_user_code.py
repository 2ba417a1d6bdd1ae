import sys

import pytest

from trainables.user_code import load_function

FUNCTION = "def load(): return 3\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("random", "Python's own random"),
        ("queue", "Python's own queue"),
        ("numpy", "the installed library numpy"),
        ("sklearn", "the installed library sklearn"),  # not every installed one is loaded by now
        ("search", "a package of fairfront"),
    ],
)
def test_a_module_that_would_take_anothers_place_is_refused_by_name(folder, name, owner):
    (folder / f"{name}.py").write_text(FUNCTION)
    before = sys.modules.get(name)

    message = rf"data\.load: module must not be named like {owner}.*'{name}:load'; rename the file"
    with pytest.raises(ValueError, match=message):
        load_function("data.load", f"{name}:load", folder)
    assert sys.modules.get(name) is before


def test_a_module_of_another_name_is_the_file_beside_the_experiment(folder):
    (folder / "rows_of_mine.py").write_text(FUNCTION)
    inside = folder / "numpy_helpers"
    inside.mkdir()
    (inside / "random.py").write_text(FUNCTION)  # numpy_helpers.random is nobody else's

    assert load_function("data.load", "rows_of_mine:load", folder)() == 3
    assert load_function("data.load", "numpy_helpers.random:load", folder)() == 3


def test_a_file_where_python_runs_does_not_stand_in_the_way(folder, monkeypatch, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "nets_of_mine.py").write_text("def load(): return 4\n")
    (folder / "nets_of_mine.py").write_text(FUNCTION)
    sys.path.insert(0, str(elsewhere))

    assert load_function("model.build", "nets_of_mine:load", folder)() == 3
