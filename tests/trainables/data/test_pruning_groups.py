"""The groups that pruners read, beside those that networks are judged by."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.trainables.data.test_prepare import people
from trainables.data.batches import TrialData
from trainables.data.fair_data import Attribute, FairData
from trainables.data.mapped import PackedData
from trainables.data.prepare import prepare
from trainables.data.pruning_groups import groups_of_attributes

CPU = torch.device("cpu")


def with_rare_race(n=6000):
    """Two races of everyday size, and one with too few rows to be judged."""
    return people(n=n, rare=0.02)


def race_of(data: FairData, rows):
    return data.attributes["race"].values[rows]


def test_a_group_too_small_to_be_judged_is_still_a_group_to_prune_by():
    data = with_rare_race()
    prepared = prepare(data, group="race")
    pruned = TrialData(prepared.sealed(), CPU)

    assert prepared.group_names == ("Black", "White")
    assert pruned.pruning_group_names == ("Black", "Rare", "White")
    assert set(pruned.pruning_groups) == {"train", "left_out"}
    train = prepared.parts["train"]
    assert pruned.pruning_groups["train"].tolist() == race_of(data, train.rows).tolist()
    assert set(pruned.pruning_groups["left_out"].tolist()) == {1}
    assert len(pruned.part("left_out")) == len(pruned.pruning_groups["left_out"]) > 20


def test_groups_that_were_merged_to_be_judged_are_apart_while_pruning():
    data = people(n=9000, rare=0.1)
    prepared = prepare(data, group="sex*race")
    pruned = TrialData(prepared, CPU)

    assert len(prepared.group_names) == 5
    assert len(pruned.pruning_group_names) == 6
    assert "left_out" not in prepared.parts
    assert set(pruned.pruning_groups) == {"train"}
    expected = data.crossing[prepared.parts["train"].rows]
    assert pruned.pruning_groups["train"].tolist() == expected.tolist()


def test_rows_left_out_are_those_of_train_as_drawn_and_change_nothing_else():
    data = with_rare_race()
    with_them = prepare(data, group="race")
    everybody = prepare(data, group="sex")
    drawn = everybody.parts["train"].rows
    left_out, train = with_them.parts["left_out"], with_them.parts["train"]

    assert sorted([*left_out.rows, *train.rows]) == drawn.tolist()
    assert "left_out" not in with_them.hashes
    assert with_them.hashes["train"] == everybody.hashes["train"]
    assert (left_out.groups == -1).all()
    statistics = np.concatenate(
        [data.inputs[with_them.parts[name].rows] for name in ("train", "early_stop")]
    )
    expected = (data.inputs[left_out.rows] - statistics.mean(0)) / statistics.std(0)
    np.testing.assert_allclose(left_out.inputs, expected, atol=1e-4)


def test_rows_left_out_travel_in_files_too(tmp_path):
    prepared = prepare(with_rare_race(), group="race").sealed()
    opened = PackedData.pack(prepared, tmp_path, above=0).open()

    assert isinstance(opened.parts["left_out"].inputs, np.memmap)
    np.testing.assert_array_equal(
        opened.parts["left_out"].inputs, prepared.parts["left_out"].inputs
    )


def test_a_combination_without_rows_is_no_group_to_prune_by():
    data = people()
    sex, race = data.attributes["sex"], data.attributes["race"]
    keep = np.flatnonzero(~((sex.values == 0) & (race.values == 1)))
    fewer = FairData(
        name="people",
        inputs=data.inputs[keep],
        labels=data.labels[keep],
        classes=data.classes,
        attributes={
            "sex": Attribute(sex.values[keep], sex.names),
            "race": Attribute(race.values[keep], race.names),
        },
    )
    groups = groups_of_attributes(prepare(fewer, group="sex"), "sex*race")

    assert groups.names == (
        "Female*Black",
        "Female*White",
        "Male*Black",
        "Male*Rare",
        "Male*White",
    )
    assert (groups.counts > 0).all()
    assert groups.counts.sum() == len(groups.groups["train"])


@pytest.mark.parametrize(
    ("grouping", "message"),
    [
        ("gender", "unknown attribute 'gender'; known: race, sex"),
        ("race=Whit", "did you mean 'White'"),
    ],
)
def test_unknown_groups_to_prune_by_are_refused_by_name(grouping, message):
    with pytest.raises(ValueError, match=message):
        groups_of_attributes(prepare(people(), group="sex"), grouping)
