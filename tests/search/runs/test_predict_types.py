"""A model predicts the same whatever types its rows and groups come in, and says what it lacks."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import torch

from search.runs.export import Model
from trainables.corrections.group_thresholds import ThresholdPerGroup
from trainables.data.encoder import fit_encoder
from trainables.data.task import Binary

TRAIN = pd.DataFrame({0: [1.0, 2.0, 3.0], 1: pd.Categorical([1.0, 2.0, 1.0])})


class First(torch.nn.Module):
    """The first one-hot input as the logit."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, 1:2]


def model(groups: tuple[str, ...]) -> Model:
    """Group 0 is always positive, group 1 never; made of what `predict` asks."""
    decision = ThresholdPerGroup((0, 1000))
    card = {"groups": list(groups)}
    return Model(First(), None, fit_encoder(TRAIN), decision, Binary(), card)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("names", "group", "expected"),
    [
        (("f", "m"), ["m", "f", "f"], [0, 1, 1]),
        (("f", "m"), [1, 0, 0], [0, 1, 1]),
        (("f", "m"), [1.0, 0.0, 0.0], [0, 1, 1]),
        ((" f", " m"), ["m", "f", "f"], [0, 1, 1]),
        (("1", "2"), [2, 1, 1], [0, 1, 1]),  # names, and no places
        (("1", "2"), [2.0, 1.0, 1.0], [0, 1, 1]),
        (("1", "2"), ["2", "1.0", "1"], [0, 1, 1]),
        (("1", "2"), np.array([2, 1, 1], dtype=np.int8), [0, 1, 1]),
        (("0", "1"), [True, False, False], "unknown group 'True'"),
        (("f", "m"), pd.Series(["m", "f", "f"], dtype="category"), [0, 1, 1]),
        (("f", "m"), ["w", "f", "f"], "unknown group 'w'"),
        (("f", "m"), [2, 0, 0], "unknown group '2'"),
        (("f", "m"), [-1, 0, 0], "unknown group '-1'"),
        (("1", "2"), [0, 1, 1], "unknown group '0'"),
        (("f", "m"), ["f", None, "f"], "must be given for each row, got 1 missing"),
    ],
)
def test_groups_are_found_by_how_they_read_or_by_place(names, group, expected):
    if isinstance(expected, str):
        with pytest.raises(ValueError, match=f"predict: .*{expected}"):
            model(names).predict(TRAIN, group)
        return
    assert model(names).predict(TRAIN, group).tolist() == expected


def test_values_that_training_did_not_have_are_counted_and_warned_of():
    later = pd.DataFrame({"0": [1.0, 2.0, 3.0, 3.0], "1": [1, 7, 7, 8]})

    said = "1: 3 of 4 rows have values .* taken for none of them: '7' .2 rows., '8' .1 row."
    with pytest.warns(UserWarning, match=said):
        model(("f", "m")).predict(later, ["f"] * 4)


def test_the_same_codes_in_another_type_give_the_same_scores_and_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = [
            model(("f", "m")).scores(TRAIN.astype({1: kind})).tolist()
            for kind in ("category", "int64", "float32", "str")
        ]
    assert scores == [scores[0]] * 4
    assert scores[0][0] > scores[0][1]
