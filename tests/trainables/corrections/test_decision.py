import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.corrections import KINDS, decision_from_dict
from trainables.corrections.argmax import LargestScore
from trainables.corrections.calibrated_odds import WithheldScores
from trainables.corrections.equalized_odds import DerivedPredictor
from trainables.corrections.group_thresholds import ThresholdPerGroup
from trainables.corrections.reject_option import RejectBand
from trainables.corrections.threshold import CommonThreshold
from trainables.evaluation.counting import count, count_predictions

EDGES = st.integers(0, 1000).flatmap(
    lambda k: st.sampled_from(
        [k / 1000, float(np.nextafter(k / 1000, 0)), float(np.nextafter(k / 1000, 1))]
    )
)
SCORES = st.one_of(EDGES, st.floats(0, 1), st.floats(0, 1, width=32))
# rows by the finest crossing of 4 cells, the last of which is left out of the grouping
ROWS = st.lists(
    st.tuples(SCORES, st.integers(0, 1), st.integers(0, 3)), min_size=1, max_size=40
).map(lambda rows: tuple(np.array(column) for column in zip(*rows, strict=True)))
TO_GROUP = np.array([1, 0, 1, -1])
INDEX = st.integers(0, 1000)


@given(ROWS, INDEX)
def test_a_common_threshold_decides_counts_and_rows_alike(rows, index):
    scores, labels, crossing = rows
    decision = CommonThreshold(index)
    predicted = count_predictions(decision.predict(scores), labels, crossing, 4, 2)

    counts = count(scores, labels, crossing, 4)
    assert decision.decide(counts, TO_GROUP) == predicted
    assert decision.decide(counts) == predicted


@given(ROWS, st.tuples(INDEX, INDEX))
def test_thresholds_per_group_decide_counts_and_rows_alike(rows, indices):
    scores, labels, crossing = rows
    decision = ThresholdPerGroup(indices)
    kept = TO_GROUP[crossing] >= 0
    predicted = decision.predict(scores[kept], TO_GROUP[crossing[kept]])
    expected = count_predictions(predicted, labels[kept], crossing[kept], 4, 2)

    counts = count(scores, labels, crossing, 4)
    assert decision.decide(counts, TO_GROUP) == expected
    assert decision.decide(counts, TO_GROUP).regroup(TO_GROUP) == decision.decide(
        counts.regroup(TO_GROUP)
    )


@given(
    st.lists(
        st.tuples(st.tuples(*[st.floats(-5, 5, width=16)] * 3), st.integers(0, 2)), min_size=1
    )
)
def test_argmax_decides_counts_and_rows_alike(rows):
    scores = np.array([row[0] for row in rows])
    labels = np.array([row[1] for row in rows])
    groups = np.zeros(len(rows), dtype=int)
    decision = LargestScore()

    assert decision.decide(count(scores, labels, groups, 1)) == count_predictions(
        decision.predict(scores), labels, groups, 1, 3
    )


@pytest.mark.parametrize(
    "decision",
    [
        CommonThreshold(437),
        ThresholdPerGroup((0, 1000, 3), trivial=True),
        LargestScore(),
        RejectBand((120, 640)),
        DerivedPredictor(500, ((0.1, 0.0), (0.0, 1 / 3)), seed=7),
        WithheldScores(500, ((0.0, 0.25), (0.0, 0.0)), seed=3, trivial=True),
    ],
)
def test_decisions_survive_json(decision):
    assert decision_from_dict(json.loads(json.dumps(decision.to_dict()))) == decision


def test_what_decides_by_group_needs_the_group():
    assert ThresholdPerGroup((1, 2)).needs_group
    assert RejectBand((1, 2)).needs_group
    assert DerivedPredictor(500, ((0, 0), (0, 0)), seed=0).needs_group
    assert not CommonThreshold(1).needs_group
    assert not LargestScore().needs_group


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CommonThreshold(1001), r"index must lie in \[0, 1001\), got 1001"),
        (lambda: CommonThreshold(5).predict([np.nan]), r"scores must be \(n,\) in \[0, 1\]"),
        (lambda: CommonThreshold(5).predict([[0.5]]), r"scores must be \(n,\)"),
        (lambda: ThresholdPerGroup((5, 6)).predict([0.5]), "needs the group of every row"),
        (lambda: ThresholdPerGroup((5, 6)).predict([0.5], [2]), r"groups lie in \[0, 2\)"),
        (lambda: ThresholdPerGroup((5, 6)).predict([0.5], [0, 1]), "groups must have shape"),
        (
            lambda: ThresholdPerGroup((5, 6)).decide(count([0.5], [0], [0], 3)),
            "needs the group of each of 3 counted cells",
        ),
        (lambda: LargestScore().predict([0.5]), r"scores must be finite \(n, classes\)"),
        (lambda: LargestScore().decide(count([0.5], [0], [0], 1)), "needs decided counts"),
        (lambda: CommonThreshold(1).decide(count([[0, 1]], [0], [0], 1)), "needs scores of"),
        (lambda: decision_from_dict({"kind": "coin", "trivial": False}), "got 'coin'"),
    ],
)
def test_what_a_decision_cannot_decide_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_band_is_not_taken_for_thresholds_per_group():
    assert RejectBand((120, 640)) != ThresholdPerGroup((120, 640))
    assert RejectBand((120, 640)).to_dict()["kind"] == "reject_option"


@pytest.mark.parametrize("kind", KINDS)
def test_a_decision_is_registered_under_its_kind(kind):
    assert KINDS[kind].kind == kind
