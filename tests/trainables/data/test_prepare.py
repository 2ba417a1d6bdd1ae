"""From a data set to splits: groups, balance, priors, hashes, and what is said about them."""

from __future__ import annotations

import hashlib
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from trainables.data.fair_data import Attribute, FairData
from trainables.data.prepare import _row_hash, prepare
from trainables.data.sets import digits

PARTS = ["debias", "early_stop", "held_back", "test", "train", "tune"]


def people(n: int = 6000, rare: float = 0.1, seed: int = 0) -> FairData:
    """Two features, sex and a race of which "Rare" has the share `rare`."""
    generator = np.random.default_rng(seed)
    sex = generator.integers(0, 2, n)
    race = np.where(generator.random(n) < rare, 1, generator.choice([0, 2], n))
    labels = (generator.random(n) < 0.3 + 0.2 * sex).astype(np.int64)
    inputs = np.stack([labels + generator.normal(size=n), 100 + 5 * generator.normal(size=n)], 1)
    return FairData(
        name="people",
        inputs=inputs,
        labels=labels,
        classes=("no", "yes"),
        attributes={
            "sex": Attribute(sex, ("Female", "Male")),
            "race": Attribute(race, ("Black", "Rare", "White")),
        },
    )


def test_parts_are_disjoint_and_carry_what_the_data_set_says():
    data = people()
    prepared = prepare(data, group="sex")

    assert sorted(prepared.parts) == PARTS
    rows = np.concatenate([part.rows for part in prepared.parts.values()])
    assert len(np.unique(rows)) == len(rows)
    for part in prepared.parts.values():
        assert (part.labels == data.labels[part.rows]).all()
        assert (part.groups == data.attributes["sex"].values[part.rows]).all()
        assert (part.crossing == data.crossing[part.rows]).all()
        assert part.inputs.dtype == np.float32
    assert prepared.group_names == ("Female", "Male")
    assert prepared.crossing_names[5] == ("Male", "White")
    assert prepared.crossing_to_group.tolist() == [0, 0, 0, 1, 1, 1]
    assert prepared.attribute_values == data.attribute_values


def test_sizes_follow_the_default_fractions():
    sizes = {name: len(p) for name, p in prepare(people(), group="sex").parts.items()}

    assert sizes["train"] + sizes["early_stop"] == pytest.approx(3000, abs=2)
    assert sizes["early_stop"] == pytest.approx(300, abs=2)
    assert sizes["held_back"] == pytest.approx(270, abs=2)
    assert sizes["tune"] == pytest.approx(900, abs=2)
    assert sizes["test"] == pytest.approx(1200, abs=2)


def test_encoder_standardises_by_all_of_train_and_only_by_it():
    prepared = prepare(people(), group="sex")
    train = np.concatenate([prepared.parts[n].inputs for n in ("train", "early_stop")])

    assert train.mean(axis=0) == pytest.approx([0, 0], abs=1e-5)
    assert train.std(axis=0) == pytest.approx([1, 1], abs=1e-5)
    assert abs(prepared.parts["test"].inputs.mean(axis=0)).min() > 1e-4


def test_weights_give_each_cell_of_debias_and_held_back_the_same_total():
    prepared = prepare(people(), group="sex")

    for name in ("debias", "held_back"):
        part = prepared.parts[name]
        totals = [
            part.weights[(part.groups == g) & (part.labels == y)].sum()
            for g in (0, 1)
            for y in (0, 1)
        ]
        assert totals == pytest.approx([len(part) / 4] * 4, rel=1e-4)
        assert part.weights.mean() == pytest.approx(1, abs=1e-5)
    assert (prepared.parts["tune"].weights == 1).all()


def test_priors_are_the_joint_shares_of_train():
    data = people()
    prepared = prepare(data, group="sex")
    rows = np.concatenate([prepared.parts[n].rows for n in ("train", "early_stop")])
    female_yes = ((data.attributes["sex"].values[rows] == 0) & (data.labels[rows] == 1)).mean()

    assert prepared.priors.sum() == pytest.approx(1)
    assert prepared.priors[0, 1] == pytest.approx(female_yes)


def test_test_rows_and_hashes_depend_on_the_split_seed_but_not_on_the_grouping():
    by_sex, by_race = (prepare(people(rare=0.3), group=g) for g in ("sex", "race"))
    other = prepare(people(rare=0.3), group="sex", split_seed=1)

    assert (by_sex.parts["test"].rows == by_race.parts["test"].rows).all()
    assert by_sex.hashes == by_race.hashes
    assert by_sex.hashes["test"] != other.hashes["test"]
    assert by_sex.hashes["test"] != prepare(people(rare=0.3, seed=1), group="sex").hashes["test"]


def test_sealed_data_has_no_test_part_and_nothing_else_missing():
    prepared = prepare(people(), group="sex")

    assert sorted(prepared.sealed().parts) == [name for name in PARTS if name != "test"]
    assert "test" in prepared.parts


def test_a_small_group_is_left_out_of_every_part_by_name():
    prepared = prepare(people(rare=0.02), group="race")

    assert prepared.group_names == ("Black", "White")
    assert prepared.crossing_to_group.tolist() == [0, -1, 1, 0, -1, 1]
    assert any("were left out: 'Rare'" in note for note in prepared.notes)
    compared = {name: part for name, part in prepared.parts.items() if name != "left_out"}
    assert sorted(compared) == PARTS
    assert all((part.crossing % 3 != 1).all() for part in compared.values())
    assert prepared.priors.shape == (2, 2)


def test_small_groups_of_a_crossing_are_merged_where_that_is_enough():
    prepared = prepare(people(n=9000, rare=0.1), group="sex*race")
    merged = "Female*Rare + Male*Rare"

    assert prepared.group_names[-1] == merged
    assert prepared.crossing_to_group.tolist() == [0, 4, 1, 2, 4, 3]
    assert any(merged in note for note in prepared.notes)
    dropped = prepare(people(n=9000, rare=0.1), group="sex*race", small_cells="drop")
    assert dropped.group_names == prepared.group_names[:-1]


def test_fewer_than_two_groups_left_is_an_error_that_names_the_cells():
    with pytest.raises(ValueError, match=r"at least two groups must have min_cell=500 rows"):
        prepare(people(), group="sex", min_cell=500)


def test_too_rare_a_cell_caps_the_others_and_this_is_said():
    data = people(n=8000)
    scarce = (data.labels == 1) & (data.attributes["sex"].values == 0)
    keep = np.flatnonzero(~scarce | (np.arange(8000) % 8 == 0))
    fewer = FairData(
        name="people",
        inputs=data.inputs[keep],
        labels=data.labels[keep],
        classes=data.classes,
        attributes={"sex": Attribute(data.attributes["sex"].values[keep], ("Female", "Male"))},
    )
    prepared = prepare(fewer, group="sex", min_cell=5)
    part = prepared.parts["debias"]
    counts = np.bincount(part.groups * 2 + part.labels)

    assert counts.min() == counts[1] < 40
    assert counts.max() < np.bincount(data.labels[prepared.parts["tune"].rows]).max()
    assert counts.max() > counts.min()  # never cut down to the rarest cell
    assert any("rows of its large cells are not used" in note for note in prepared.notes)
    assert any("(Female, yes)" in note for note in prepared.notes)


def test_digits_come_as_small_images_with_both_copies_outside_of_train():
    prepared = prepare(digits.load(), group="domain")

    assert prepared.input_shape == (3, 8, 8)
    assert prepared.parts["train"].inputs.dtype == np.uint8
    assert prepared.group_names == ("grey", "colour")
    for name in ("held_back", "tune", "test"):
        part = prepared.parts[name]
        assert (np.bincount(part.groups) == len(part) / 2).all()
        _, copies = np.unique(part.units, return_counts=True)
        assert (copies == 2).all()
    assert len(np.unique(prepared.parts["train"].units)) == len(prepared.parts["train"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group": "gender"}, "unknown attribute 'gender'; known: race, sex"),
        ({"group": "race=Whit"}, "did you mean 'White'"),
        ({"group": "sex**race"}, "must read like"),
        ({"group": "sex*sex"}, "may appear once"),
        ({"group": "sex", "min_cell": 0}, "min_cell: must be at least 1, got 0"),
        ({"group": "sex", "small_cells": "keep"}, "small_cells: must be 'merge' or 'drop'"),
        ({"group": "sex", "split_seed": -1}, "split_seed: must be 0 or more, got -1"),
        ({"group": "sex", "fractions": {"train": 0.5}}, "must name train, debias, tune, test"),
        (
            {"group": "sex", "fractions": {"train": 0.5, "debias": 0.2, "tune": 0.2, "tes": 0.1}},
            "unknown split 'tes'; did you mean 'test'",
        ),
        (
            {"group": "sex", "fractions": {"train": 0.5, "debias": 0.2, "tune": 0.2, "test": 0.2}},
            "must sum to 1, got 1.1",
        ),
    ],
)
def test_bad_options_are_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(").replace("*", r"\*")):
        prepare(people(), **options)


def test_the_hash_of_a_split_is_that_of_its_rows_and_copies_few_at_a_time():
    data = people(n=5000)
    images = np.random.default_rng(0).integers(0, 256, (5000, 3, 32, 32)).astype(np.uint8)
    data = replace(data, inputs=images)
    rows = np.random.default_rng(1).permutation(5000)[:4500]
    digest = hashlib.sha256(images[rows].tobytes() + data.labels[rows].tobytes())
    for name, attribute in data.attributes.items():
        digest.update(f"{name}\x1f{attribute.names}".encode() + attribute.values[rows].tobytes())

    tracemalloc.start()
    hashed = _row_hash(data, rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert hashed == digest.hexdigest()
    assert peak < images[rows].nbytes
