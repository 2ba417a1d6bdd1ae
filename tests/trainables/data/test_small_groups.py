"""Groups of enough rows, where nothing asks for rows of every label in them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.trainables.data.test_prepare import people
from trainables.data.batches import TrialData
from trainables.data.fair_data import Attribute, FairData
from trainables.data.prepare import prepare
from trainables.data.small_cells import min_cell_of, resolve_small_cells
from trainables.data.splits import HEAVIEST, balance_weights
from trainables.evaluation.measures import MEASURES

GENDERS, RACES = ("Female", "Male"), ("a", "b", "c", "d", "e", "f", "g")


def faces(label: str, n: int = 7000) -> FairData:
    """The label is the gender, the race, or one of their 14 combinations."""
    draw = np.random.default_rng(3)
    gender, race = (
        draw.integers(0, 2, n),
        draw.choice(7, n, p=[0.3, 0.2, 0.2, 0.1, 0.1, 0.06, 0.04]),
    )
    labels, classes = {
        "gender": (gender, GENDERS),
        "race": (race, RACES),
        "joint": (race + gender * 7, tuple(f"{g} {r}" for g in GENDERS for r in RACES)),
    }[label]
    return FairData(
        name="faces",
        inputs=draw.normal(size=(n, 3)),
        labels=labels.astype(np.int64),
        classes=classes,
        attributes={
            "gender": Attribute(gender.astype(np.int64), GENDERS),
            "race": Attribute(race.astype(np.int64), RACES),
        },
    )


@pytest.mark.parametrize(
    ("label", "group", "groups"),
    [
        ("gender", "gender", 2),
        ("race", "race", 7),
        ("race", "gender*race", 14),
        ("joint", "race*gender", 14),
        ("joint", "race", 7),
    ],
)
def test_groups_that_are_labels_can_be_compared_by_accuracy(label, group, groups):
    data = faces(label)
    with pytest.raises(
        ValueError, match="at least two groups must have min_cell=20 rows of every"
    ):
        prepare(data, group=group)
    prepared = prepare(data, group=group, min_cell_of="groups")

    assert prepared.n_groups == groups
    assert prepared.priors.sum() == pytest.approx(1)
    assert (prepared.priors == 0).any()
    for name in ("debias", "held_back"):
        part = prepared.parts[name]
        cells = part.groups * len(data.classes) + part.labels
        totals = np.array([part.weights[cells == cell].sum() for cell in np.unique(cells)])
        np.testing.assert_allclose(totals, len(part) / len(totals), rtol=1e-4)


def test_nothing_is_said_of_cells_that_cannot_exist():
    notes = prepare(faces("race"), group="race", min_cell_of="groups").notes

    assert not any(" has 0 rows" in note or ") 0" in note for note in notes)
    told = [note for note in notes if "rarest cell" in note]
    assert len(told) == 1
    assert "(g, g)" in told[0]


def test_a_cell_that_exists_but_not_in_debias_is_still_told():
    data = faces("gender")
    race, labels = data.attributes["race"].values, data.labels
    women_of_g = np.flatnonzero((race == 6) & (labels == 0))
    keep = np.setdiff1d(np.arange(len(labels)), women_of_g[2:])
    fewer = FairData(
        name="faces",
        inputs=data.inputs[keep],
        labels=labels[keep],
        classes=data.classes,
        attributes={"race": Attribute(race[keep], RACES)},
    )
    prepared = prepare(fewer, group="race", min_cell_of="groups", min_cell=5)

    assert prepared.group_names == RACES
    assert any("its rarest cell (g, Female)" in note for note in prepared.notes)
    assert prepared.parts["debias"].weights.max() < 2 * HEAVIEST


def test_what_a_measure_of_rates_within_cells_asks_for_is_what_it_was():
    within = {"eod", "aod", "abs_aod", "deo_sum", "deo_max", "deo_mean"}
    asked = {name for name in MEASURES if min_cell_of(name) == "cells"}

    assert within <= asked
    assert asked.isdisjoint({"spd", "di", "accuracy_std", "bias_amplification", "accuracy"})
    assert min_cell_of("accuracy_std", "accuracy") == "groups"
    assert min_cell_of("aod", "accuracy") == "cells"


def test_where_no_group_is_small_both_rules_draw_the_same_rows_with_the_same_weights():
    of_cells, of_groups = (
        prepare(people(), group="sex", min_cell_of=rule) for rule in ("cells", "groups")
    )

    assert of_cells.hashes == of_groups.hashes
    assert of_cells.notes == of_groups.notes
    for name, part in of_cells.parts.items():
        assert (part.rows == of_groups.parts[name].rows).all()
        assert (part.weights == of_groups.parts[name].weights).all()


CLASSES, NAMES = ("no", "yes"), ("a", "b", "c", "d")


def by_groups(*rows: tuple[int, int], policy="merge"):
    counts = {"tune": np.full((len(rows), 2), 99), "test": np.array(rows)}
    return resolve_small_cells(
        "race", NAMES[: len(rows)], CLASSES, counts, min_cell=20, policy=policy, of="groups"
    )


def test_a_group_of_enough_rows_stays_though_one_of_its_cells_is_empty():
    resolved = by_groups((20, 0), (0, 30), (12, 8))

    assert resolved.names == ("a", "b", "c")
    assert resolved.notes == ()


def test_groups_of_too_few_rows_are_merged_or_left_out_by_what_they_have():
    merged = by_groups((9, 3), (20, 30), (10, 0), (99, 20))
    assert merged.names == ("b", "d", "a + c")
    assert merged.notes == (
        "race: groups under min_cell=20 were merged into one group: "
        "'a' (12 rows on test); 'c' (10 rows on test)",
    )
    assert by_groups((9, 3), (20, 30), (10, 0), (99, 20), policy="drop").names == ("b", "d")
    with pytest.raises(ValueError, match=r"must have min_cell=20 rows on tune, test, got \['b'\]"):
        by_groups((9, 3), (20, 30))


@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=12),
    st.integers(0, 60),
)
def test_weights_balance_cells_but_no_row_drowns_the_others(sizes, rare):
    cells = np.repeat(np.arange(len(sizes)), sizes)
    weights = balance_weights(cells, rare).astype(np.float64)
    share = len(cells) / len(sizes)
    heavy = [size < rare and share / size > HEAVIEST for size in sizes]
    wanted = np.array(
        [HEAVIEST if drowns else share / size for drowns, size in zip(heavy, sizes, strict=True)]
    )[cells]

    assert weights.mean() == pytest.approx(1, rel=1e-5)
    np.testing.assert_allclose(weights, wanted / wanted.mean(), rtol=1e-5)


def test_soft_rates_of_a_group_leave_out_a_label_of_which_its_part_has_no_rows():
    prepared = prepare(faces("gender"), group="race", min_cell_of="groups")
    data = TrialData(prepared, torch.device("cpu"))
    assert data.priors_on("debias") is data.priors

    part = data.part("debias")
    part.labels[part.groups == 2] = 1  # as if no women of race c had been drawn
    priors = data.priors_on("debias")

    assert priors[2].tolist() == pytest.approx([0, data.priors[2].sum().item()])
    others = [group for group in range(7) if group != 2]
    torch.testing.assert_close(priors[others], data.priors[others])
