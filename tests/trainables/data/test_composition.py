"""The composition of data is counted, not remembered."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trainables.data.composition import composition
from trainables.data.fair_data import Attribute, FairData


def made(labels, genders, races):
    return FairData(
        name="made",
        inputs=np.zeros((len(labels), 2)),
        labels=np.array(labels),
        classes=("no", "yes"),
        attributes={
            "gender": Attribute(np.array(genders), ("Female", "Male")),
            "race": Attribute(np.array(races), ("White", "Black", "Asian")),
        },
    )


def test_rows_are_counted_by_class_and_by_each_attribute():
    counted = composition(made([0, 1, 1, 1, 0], [0, 0, 0, 1, 1], [0, 0, 2, 2, 2]))

    assert (counted.name, counted.rows) == ("made", 5)
    assert counted.groups == {
        "gender": {"Female": 3, "Male": 2},
        "race": {"White": 2, "Black": 0, "Asian": 3},
    }
    assert counted.classes == {"no": 2, "yes": 3}
    assert list(counted.groups["race"]) == ["White", "Black", "Asian"]


@given(st.lists(st.tuples(*[st.integers(0, 1)] * 2, st.integers(0, 2)), min_size=1))
def test_each_count_adds_up_to_all_rows(rows):
    rows = [(0, 0, 0), (1, 1, 1), *rows]
    counted = composition(made(*zip(*rows, strict=True)))

    assert counted.rows == len(rows)
    for counts in (*counted.groups.values(), counted.classes):
        assert sum(counts.values()) == len(rows)
    assert counted.groups["race"]["Black"] == sum(race == 1 for *_, race in rows)
