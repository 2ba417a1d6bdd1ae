"""Groups to prune by that are clusters of what a network sees."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from trainables.data.clusters import agreement, cluster, clusters_asked
from trainables.data.pruning_groups import PruningGroups


def directions(sizes, *, seed=0, noise=0.05):
    """Rows around one direction per size, with lengths from .1 to 10, and whose they are."""
    draw = np.random.default_rng(seed)
    centres = np.eye(len(sizes), 8)
    of = np.repeat(np.arange(len(sizes)), sizes)
    rows = centres[of] + noise * draw.normal(size=(len(of), 8))
    return (rows * draw.uniform(0.1, 10, (len(of), 1))).astype(np.float32), of


def test_rows_of_one_direction_are_one_cluster_whatever_their_length():
    rows, of = directions([300, 200, 100])
    groups = cluster("clusters:3", {"train": rows}, 3)

    assert groups.names == ("cluster 1", "cluster 2", "cluster 3")
    assert groups.groups["train"].tolist() == of.tolist()  # the largest is the first
    assert groups.counts.tolist() == [300, 200, 100]


def test_the_rows_of_a_cluster_under_one_percent_join_the_nearest_other_one():
    rows, of = directions([500, 400, 8])
    rows[of == 2] = (
        rows[of == 2] + 0.8 * np.abs(rows[of == 2]).max(1, keepdims=True) * np.eye(8)[1]
    )
    groups = cluster("clusters:3", {"train": rows}, 3)

    assert groups.names == ("cluster 1", "cluster 2")
    assert set(groups.groups["train"][of == 2].tolist()) == {1}


def test_other_parts_are_given_to_the_clusters_of_train_and_do_not_move_them():
    rows, of = directions([300, 200])
    others, whose = directions([40, 900], seed=1)
    alone = cluster("clusters:2", {"train": rows}, 2)
    both = cluster("clusters:2", {"train": rows, "left_out": others}, 2)

    assert both.groups["train"].tolist() == alone.groups["train"].tolist() == of.tolist()
    assert both.groups["left_out"].tolist() == whose.tolist()


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 5), st.integers(0, 1000))
def test_each_row_is_in_the_cluster_whose_mean_direction_is_nearest(k, seed):
    draw = np.random.default_rng(seed)
    rows = draw.normal(size=(120, 6)).astype(np.float32)
    groups = cluster(f"clusters:{k}", {"train": rows}, k)
    assigned = groups.groups["train"]
    unit = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float64)
    centres = np.stack([unit[assigned == group].mean(0) for group in range(len(groups.names))])
    distances = ((unit[:, None] - centres) ** 2).sum(-1)

    assert (groups.counts > 0).all()
    assert sorted(groups.counts, reverse=True) == groups.counts.tolist()
    own = distances[np.arange(len(rows)), assigned]
    # k-means has converged up to its tolerance
    assert (own <= distances.min(1) + 1e-2).all()


def test_the_same_rows_give_the_same_clusters_again():
    rows = np.random.default_rng(2).normal(size=(400, 5)).astype(np.float32)
    first, second = (cluster("clusters:4", {"train": rows}, 4) for _ in range(2))

    assert first.digest == second.digest
    assert first.digest != cluster("clusters:5", {"train": rows}, 5).digest


def test_fewer_rows_than_clusters_are_refused():
    rows = np.repeat(2.0 ** np.arange(50, dtype=np.float32)[:, None], 3, axis=1)  # one direction
    with pytest.raises(ValueError, match="needs 3 different rows of train, got 1"):
        cluster("clusters:3", {"train": rows}, 3)


def test_where_fewer_than_two_clusters_are_large_enough_they_are_refused():
    rows, _ = directions([995, 5])
    with pytest.raises(ValueError, match="two clusters with 1% of train, got 1 of 2"):
        cluster("clusters:2", {"train": rows}, 2)
    rows = np.repeat(np.eye(150, dtype=np.float32), 2, axis=0)
    with pytest.raises(ValueError, match="two clusters with 1% of train, got 0 of 150"):
        cluster("clusters:150", {"train": rows}, 150)


def test_groups_are_stored_and_read_again_without_unpickling(tmp_path):
    groups = PruningGroups(
        "sex*race",
        ("Frau*weiß", "Mann"),
        {"train": np.array([0, 1, 1]), "left_out": np.array([1])},
    )
    groups.save(tmp_path / "groups.npz")
    again = PruningGroups.load(tmp_path / "groups.npz")

    assert again.source == groups.source
    assert again.names == groups.names
    assert again.digest == groups.digest
    assert {part: of.tolist() for part, of in again.groups.items()} == {
        "train": [0, 1, 1],
        "left_out": [1],
    }


def test_agreement_with_an_attribute_is_the_adjusted_rand_index_and_the_majorities():
    groups = np.array([0, 0, 0, 0, 1, 1])
    values = np.array([2, 2, 2, 0, 0, 1])
    told = agreement(groups, values)

    assert told["majority"] == [0.75, 0.5]
    assert told["adjusted_rand"] == pytest.approx(adjusted_rand_score(groups, values))
    assert agreement(groups, groups)["adjusted_rand"] == 1


@pytest.mark.parametrize(
    "text", ["clusters:1", "clusters:0", "clusters:", "clusters:x", "clusters:-3"]
)
def test_fewer_than_two_clusters_are_refused(text):
    with pytest.raises(ValueError, match="must have K of 2 or more"):
        clusters_asked(text)


def test_other_texts_are_groupings():
    assert clusters_asked("clusters:7") == 7
    assert clusters_asked("sex*race") is None
