import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.corrections.group_thresholds import GroupThresholds, _Search
from trainables.corrections.threshold import Threshold
from trainables.evaluation.counting import count
from trainables.evaluation.counts import ScoreCounts
from trainables.evaluation.measures import MEASURES
from trainables.evaluation.objective import Objective


def uniform(n_groups):
    return np.full((n_groups, 2), 0.5 / n_groups)


def scored(rows, shift, n_groups=2, seed=0):
    generator = np.random.default_rng(seed)
    groups = np.arange(rows) % n_groups
    labels = generator.integers(0, 2, rows)
    logits = 2.5 * labels - 1.25 + shift * groups + generator.normal(size=rows)
    return count(1 / (1 + np.exp(-logits)), labels, groups, n_groups)


def value(counts, indices, objective, priors):
    """What the search maximises, for one choice of thresholds."""
    performance, bias = objective.judge(counts.at(indices).table, priors)
    return 1 + performance if bias < objective.safe_bias else -bias


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.tuples(st.sampled_from(range(0, 1000, 90)), st.integers(0, 1), st.integers(0, 1)),
        min_size=8,
        max_size=60,
    ),
    st.sampled_from([("balanced_accuracy", "aod"), ("accuracy", "spd")]),
)
def test_two_groups_with_few_distinct_scores_get_the_best_pair_of_all(rows, names):
    scores, labels, groups = (np.array(column) for column in zip(*rows, strict=True))
    cells = {(0, 0), (0, 1), (1, 0), (1, 1)}
    if set(zip(groups.tolist(), labels.tolist(), strict=True)) != cells:
        return  # an empty cell makes the bias not estimable
    counts, objective = count(scores / 1000, labels, groups, 2), Objective(*names)
    points = range(0, 1000, 90)
    best = max(
        value(counts, pair, objective, uniform(2)) for pair in itertools.product(points, points)
    )

    decision = GroupThresholds().fit(counts, objective, uniform(2), seed=0)

    assert value(counts, decision.indices, objective, uniform(2)) == pytest.approx(best)


def test_many_distinct_scores_are_searched_almost_as_well_as_by_all_pairs():
    counts, objective = scored(600, shift=1.0), Objective()
    search = _Search(counts, objective, uniform(2))
    best = search.worth(search.at(search._best_pair(*search.distinct)))

    decision = GroupThresholds().fit(counts, objective, uniform(2), seed=0)

    assert min(len(points) for points in search.distinct) > 100
    assert value(counts, decision.indices, objective, uniform(2)) >= best - 0.005


@pytest.mark.parametrize("n_groups", [2, 3, 5])
@pytest.mark.parametrize("bias", ["aod", "spd", "deo_sum"])
def test_groups_whose_scores_are_shifted_are_made_fair_and_stay_useful(n_groups, bias):
    counts = scored(400 * n_groups, shift=1.0, n_groups=n_groups)
    objective, priors = Objective("balanced_accuracy", bias), uniform(n_groups)

    fair = GroupThresholds().fit(counts, objective, priors, seed=0)
    common = Threshold("balanced_accuracy").fit(counts, objective, priors, seed=0)

    assert MEASURES["abs_aod"].bias(common.decide(counts).table) > 0.1
    decided = fair.decide(counts).table
    assert objective.judge(decided, priors)[1] < 0.03
    assert objective.judge(decided, priors)[0] > 0.83
    assert not fair.trivial
    assert list(fair.indices) == sorted(fair.indices)  # later groups score higher


def test_the_search_by_coordinates_comes_close_to_that_by_pairs():
    counts, objective = scored(600, shift=1.0), Objective()
    search = _Search(counts, objective, uniform(2))

    by_pairs = value(counts, search.pairs(), objective, uniform(2))
    by_coordinates = value(counts, search.coordinates(), objective, uniform(2))

    assert by_pairs - 0.01 <= by_coordinates <= by_pairs + 0.005


@pytest.mark.parametrize("bias", ["aod", "abs_aod", "spd"])
def test_three_groups_come_close_to_the_best_of_all_triples(bias):
    objective, points = Objective("balanced_accuracy", bias), np.arange(0, 1000, 50)
    triples = np.stack(np.meshgrid(points, points, points), axis=-1).reshape(-1, 3)
    for seed in range(5):
        histogram = scored(900, shift=0.7, n_groups=3, seed=seed).histogram
        coarse = np.zeros_like(histogram)
        coarse[..., points] = np.add.reduceat(histogram, points, axis=-1)
        search = _Search(ScoreCounts(coarse), objective, uniform(3))
        best = search.worth(search.at(triples)).max()

        assert best - 0.01 <= search.worth(search.at(search.coordinates())) <= best


def test_rows_by_one_group_alone_are_refused():
    with pytest.raises(ValueError, match="group_thresholds: needs two groups, got 1"):
        GroupThresholds().fit(count([0.5], [1], [0], 1), Objective(), uniform(1), seed=0)
