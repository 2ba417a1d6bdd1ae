"""The user's own data, from a module beside the experiment file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from trainables.data.frame import load_user

MODULE = """
import numpy as np
import pandas as pd
from trainables.data import Attribute, FairData


def frame(n=40):
    return pd.DataFrame({
        "score": np.arange(n), "sex": ["w", "m"] * (n // 2), "paid": [0, 1, 1, 0] * (n // 4),
    })


def fair():
    return FairData("mine", np.zeros((4, 2)), np.array([0, 1, 0, 1]), ("no", "yes"),
                    {"sex": Attribute(np.array([0, 0, 1, 1]), ("w", "m"))})


def nothing():
    return None
"""
COLUMNS = {"label": "paid", "attributes": ["sex"], "positive": 1}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "loans_of_mine.py").write_text(MODULE)
    yield tmp_path
    sys.modules.pop("loans_of_mine", None)
    if str(tmp_path) in sys.path:
        sys.path.remove(str(tmp_path))


def test_a_frame_is_read_by_the_columns_that_the_config_names(folder):
    data = load_user("loans_of_mine:frame", {"n": 80}, folder, COLUMNS)

    assert len(data) == 80
    assert data.name == "loans_of_mine"
    assert data.attributes["sex"].names == ("m", "w")


def test_fair_data_are_taken_as_they_are(folder):
    untouched = {"label": None, "positive": None, "attributes": (), "missing": "refuse"}

    assert load_user("loans_of_mine:fair", {}, folder, untouched).name == "mine"


@pytest.mark.parametrize(
    ("spec", "args", "options", "message"),
    [
        (
            "loans_of_mine:fair",
            {},
            COLUMNS,
            "label, attributes, positive only go with a DataFrame",
        ),
        ("loans_of_mine:frame", {}, {}, "data.label: must be given where .* returns a DataFrame"),
        ("loans_of_mine:frame", {}, {"label": "paid"}, "data.attributes: must be given"),
        ("loans_of_mine:frame", {"m": 3}, COLUMNS, "data.args: must fit .* got {'m': 3}"),
        ("loans_of_mine:nothing", {}, {}, "must return FairData or a DataFrame, got NoneType"),
        ("loans_of_mine:frames", {}, COLUMNS, "data.load: .*did you mean 'frame'"),
        ("loans_of_mine", {}, COLUMNS, "data.load: must have the form 'module:function'"),
        ("search:frame", {}, COLUMNS, "must not be named like a package of fairfront"),
        ("no_such_module:frame", {}, COLUMNS, "data.load: .*no_such_module"),
    ],
)
def test_bad_own_data_are_refused_by_key(folder: Path, spec, args, options, message):
    with pytest.raises(ValueError, match=message):
        load_user(spec, args, folder, options)
