"""What the counts of a split keep."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

from tests.trainables.made_data import made_prepared
from trainables.data.batches import scores_of
from trainables.evaluation.counting import count
from trainables.evaluation.counts import Counts, ScoreCounts
from trainables.evaluation.objective import Objective
from trainables.models.build import build
from trainables.trial.workbench import Workbench, usual_decision


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


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("fused", ["auto", "off"])
def test_several_splits_are_counted_as_each_by_itself(classes, fused):
    dense = build("mlp", (5,), 1 if classes == 2 else classes, seed=0, hidden=2)
    objective = Objective("accuracy", "accuracy_drop_std")
    bench = Workbench.open(made_prepared(classes=classes), dense, objective, fused=fused)
    net = build("mlp", (5,), 1 if classes == 2 else classes, seed=1, hidden=2).train()

    parts = ("tune", "held_back")
    counts = bench.count_each(net, parts)
    assert counts == {part: bench.count(net, part) for part in parts}
    for part, of_part in counts.items():
        split = bench.prepared.parts[part]
        own, before = scores_of(net, bench.data, part), bench.dense_predictions(part)
        again = count(own, split.labels, split.crossing, 2, split.units, before)
        assert of_part == again
    assert all(module.training for module in net.modules())


def test_a_split_whose_scores_are_not_finite_is_named():
    bench, net = bench_of_copies(classes=2), nn.Linear(5, 1)
    nn.init.constant_(net.weight, torch.inf)

    with pytest.raises(FloatingPointError, match="logits on held_back must be finite"):
        bench.count_each(net, ("held_back", "tune"))


def bench_of_joint_classes():
    """Six joint classes of two attributes; the crossed group of a row is its label's."""
    values = {"race": ("White", "Black", "Asian"), "sex": ("Female", "Male")}
    names = tuple(product(*values.values()))
    made = made_prepared(classes=6, groups=6)
    prepared = replace(
        made,
        classes=tuple("*".join(pair) for pair in names),
        grouping="race*sex",
        attribute_names=tuple(values),
        crossing_names=names,
    )
    return Workbench.open(
        prepared, nn.Linear(5, 6), Objective("accuracy", "accuracy_std"), device="cpu"
    )


def test_one_network_of_joint_classes_is_counted_on_three_tasks_beside_the_dense_net():
    bench = bench_of_joint_classes()
    part, net = bench.prepared.parts["tune"], nn.Linear(5, 6)
    own, dense = (scores_of(it, bench.data, "tune") for it in (net, bench.dense))
    expected = {
        "race": (lambda scores: (scores[:, ::2] + scores[:, 1::2]).argmax(1), part.labels // 2, 3),
        "sex": (lambda scores: scores[:, 1::2].sum(1) > 0.5, part.labels % 2, 2),
    }

    assert list(bench.tasks) == ["race", "sex"]
    for name, (decide, labels, classes) in expected.items():
        counts = bench.count(net, "tune", bench.tasks[name])
        decided = usual_decision(bench.tasks[name]).decide(counts)
        table = np.zeros((6, classes, classes, classes), dtype=int)
        decisions = decide(dense).astype(int), decide(own).astype(int)
        np.add.at(table, (part.crossing, labels, *decisions), 1)
        np.testing.assert_array_equal(decided.beside_dense, table)
    assert bench.count(net, "tune").n_labels == 6


def test_data_without_joint_classes_have_no_other_tasks():
    assert bench_of_copies(classes=3).tasks == {}
