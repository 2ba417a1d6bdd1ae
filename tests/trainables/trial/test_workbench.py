"""What the counts of a split keep."""

from dataclasses import replace

import numpy as np
import pytest
from torch import nn

from tests.trainables.made_data import made_prepared
from trainables.data.batches import scores_of
from trainables.evaluation.counts import Counts, ScoreCounts
from trainables.evaluation.objective import Objective
from trainables.trial.workbench import Workbench


def bench_of_copies(classes):
    """Tune holds the first half of its rows as group 0, and the same objects as group 1."""
    prepared = made_prepared(classes=classes)
    part = prepared.parts["tune"]
    objects = np.arange(len(part.labels)) % (len(part.labels) // 2)
    second = (np.arange(len(objects)) >= len(objects) // 2).astype(np.int64)
    copies = replace(
        part, labels=part.labels[objects], crossing=second, groups=second, units=objects
    )
    prepared = replace(prepared, parts={**prepared.parts, "tune": copies})
    net = nn.Linear(5, 1 if classes == 2 else classes)
    return Workbench.open(prepared, net, Objective("accuracy", "accuracy_std"), device="cpu")


def test_decided_counts_of_copies_keep_which_predictions_go_together():
    bench = bench_of_copies(classes=3)
    part = bench.prepared.parts["tune"]
    predictions = scores_of(bench.dense, bench.data, "tune").argmax(1).reshape(2, -1)

    counts = bench.count(bench.dense, "tune")

    assert isinstance(counts, Counts)
    expected = np.zeros((3, 3, 3), dtype=int)
    np.add.at(expected, (part.labels[: predictions.shape[1]], *predictions), 1)
    np.testing.assert_array_equal(counts.pairs, expected)
    assert bench.by_group(counts) == counts


@pytest.mark.parametrize(("classes", "part"), [(2, "tune"), (3, "held_back")])
def test_binary_scores_and_rows_of_their_own_have_no_pairs(classes, part):
    bench = bench_of_copies(classes)
    counts = bench.count(bench.dense, part)

    assert isinstance(counts, ScoreCounts) if classes == 2 else counts.pairs is None
