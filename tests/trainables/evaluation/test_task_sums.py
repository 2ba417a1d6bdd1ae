"""Tasks that are sums over joint classes, against plain loops and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.evaluation.counting import count
from trainables.evaluation.counts import ScoreCounts
from trainables.evaluation.measures import find_measure
from trainables.evaluation.task_sums import TaskSum, task_sums

ATTRIBUTES = {"gender": ("Female", "Male"), "race": ("White", "Black", "Asian")}
JOINT = tuple(f"{race}*{gender}" for race in ATTRIBUTES["race"] for gender in ATTRIBUTES["gender"])


def drawn_probabilities(rows, classes, seed=0):
    raw = np.random.default_rng(seed).exponential(size=(rows, classes))
    return raw / raw.sum(axis=1, keepdims=True)


def test_joint_classes_have_one_sum_for_each_attribute_in_the_attribute_s_own_order():
    sums = task_sums(JOINT, ATTRIBUTES)

    assert list(sums) == ["race", "gender"]
    assert sums["race"].classes == ("White", "Black", "Asian")
    assert sums["race"].of_class.tolist() == [0, 0, 1, 1, 2, 2]
    assert sums["gender"].classes == ("Female", "Male")
    assert sums["gender"].of_class.tolist() == [0, 1, 0, 1, 0, 1]


def test_the_order_of_joint_classes_does_not_matter_and_absent_values_are_left_out():
    classes = ("Male*Asian", "Female*White", "Female*Asian", "Male*White")
    sums = task_sums(classes, ATTRIBUTES)

    assert sums["race"].classes == ("White", "Asian")
    assert sums["race"].of_class.tolist() == [1, 0, 1, 0]
    assert sums["gender"].of_class.tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize(
    "classes",
    [
        ("Female", "Male"),
        ("no", "yes"),
        ("White*Female", "Black"),  # not of the same attributes
        ("White*old", "Black*young"),  # of no known attribute
        ("White*Female", "Black*Female"),  # nothing to tell apart
    ],
)
def test_classes_that_are_not_joint_have_no_sums(classes):
    assert task_sums(classes, ATTRIBUTES) == {}


def test_two_attributes_with_the_same_values_are_told_apart_by_their_place():
    twice = {"left": ("a", "b"), "right": ("a", "b")}
    sums = task_sums(("a*a", "a*b", "b*a", "b*b"), twice)

    assert sums["left"].of_class.tolist() == [0, 0, 1, 1]
    assert sums["right"].of_class.tolist() == [0, 1, 0, 1]


def test_scores_and_labels_of_two_rows_by_hand():
    sums = task_sums(JOINT, ATTRIBUTES)
    rows = [[0.30, 0.05, 0.10, 0.25, 0.10, 0.20], [0.0, 0.4, 0.0, 0.0, 0.35, 0.25]]

    assert sums["gender"].scores(rows) == pytest.approx([0.5, 0.65])
    assert sums["race"].scores(rows) == pytest.approx(
        np.array([[0.35, 0.35, 0.3], [0.4, 0.0, 0.6]])
    )
    assert sums["race"].labels([5, 0, 3]).tolist() == [2, 0, 1]
    assert sums["gender"].labels([5, 0, 3]).tolist() == [1, 0, 1]


def test_a_part_is_decided_by_its_sums_not_by_the_largest_joint_class():
    """White*Female is the likeliest class, but a man is the likelier gender, Asian the race."""
    sums = task_sums(JOINT, ATTRIBUTES)
    row = [[0.30, 0.00, 0.05, 0.25, 0.10, 0.30]]

    assert np.argmax(row) == 0
    assert sums["gender"].scores(row)[0] > 0.5
    assert np.argmax(sums["race"].scores(row)) == 2


@given(st.integers(2, 9), st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_summed_scores_equal_a_plain_loop_and_stay_a_distribution(extra, wanted, seed):
    generator = np.random.default_rng(seed)
    mapping = generator.permutation([*range(wanted), *generator.integers(wanted, size=extra)])
    task = TaskSum("any", tuple("abcd"[:wanted]), mapping)
    probabilities = drawn_probabilities(7, len(mapping), seed)

    loop = np.zeros((7, wanted))
    for row in range(7):
        for joint, own in enumerate(mapping):
            loop[row, own] += probabilities[row, joint]
    scores = task.scores(probabilities)

    assert scores == pytest.approx(loop[:, 1] if wanted == 2 else loop)
    assert scores.min() >= 0 and scores.max() <= 1


def test_sums_that_rounding_lifts_over_one_are_still_scores():
    task = TaskSum("all but one", ("a", "b"), np.array([0, 1, 1, 1]))
    row = np.array([[0.0, 0.4, 0.4, 0.2 + 4e-8]])

    assert task.scores(row).tolist() == [1.0]
    assert isinstance(count(task.scores(row), [1], [0], 1), ScoreCounts)


def test_one_network_is_counted_on_three_tasks_at_the_finest_crossing():
    """Accuracies by crossed group equal those of a loop over rows."""
    generator = np.random.default_rng(3)
    labels = generator.integers(6, size=500)
    crossing = labels  # the joint class is the crossed group
    probabilities = drawn_probabilities(500, 6, seed=4)
    for name, task in task_sums(JOINT, ATTRIBUTES).items():
        counts = count(task.scores(probabilities), task.labels(labels), crossing, 6)
        decided = counts.at(500) if isinstance(counts, ScoreCounts) else counts
        right = np.zeros(6)
        for row in range(500):
            parts = dict.fromkeys(ATTRIBUTES[name], 0.0)
            for joint, probability in zip(JOINT, probabilities[row], strict=True):
                (value,) = set(joint.split("*")) & parts.keys()
                parts[value] += probability
            guess = max(parts, key=parts.get)
            right[crossing[row]] += guess in JOINT[labels[row]].split("*")

        diagonal = np.trace(decided.table, axis1=1, axis2=2)
        assert diagonal.tolist() == right.tolist(), name
        assert find_measure("accuracy").compute(decided.table) == pytest.approx(right.sum() / 500)


@pytest.mark.parametrize(
    ("classes", "mapping", "message"),
    [
        (("a", "b"), [0, 0, 0], "each of its 2 classes must be a sum of some, got"),
        (("a", "b"), [0, 1, 2], "each of its 2 classes must be a sum of some"),
        (("a",), [0, 0], "needs at least two different classes"),
        (("a", "b"), [0.0, 1.0], "needs one class for each class of the other task"),
    ],
)
def test_a_sum_that_is_no_task_is_refused(classes, mapping, message):
    with pytest.raises(ValueError, match=f"task 'odd': {message}"):
        TaskSum("odd", classes, np.array(mapping))


def test_scores_and_labels_of_another_task_are_refused_by_name():
    task = TaskSum("gender", ("f", "m"), np.array([0, 1, 0, 1]))

    with pytest.raises(ValueError, match=r"task 'gender': needs probabilities \(n, 4\), got"):
        task.scores(np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"labels lie in \[0, 4\), got 1 to 4"):
        task.labels([1, 4])
