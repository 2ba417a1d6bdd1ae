import itertools
from math import factorial

import numpy as np
import pytest

from search.replay.redrawn import redrawn, redrawn_pairs
from trainables.evaluation.pairs import tables_of_pairs

ROWS = np.array([[400, 300], [600, 500]])


def of_cells(networks):
    positive = np.full((networks, 2, 2), [0.2, 0.7])
    return np.stack([1 - positive, positive], axis=-1)


def of_pairs(*networks):
    """(n, 2, 2, 2) of a network's shares of (0, 0), (0, 1), (1, 0), (1, 1) in either label."""
    rates = np.array(networks, dtype=float).reshape(-1, 1, 2, 2)
    return np.concatenate([rates, rates[:, :, ::-1]], axis=1)


def test_rows_of_one_search_are_shared_by_its_networks():
    rates, draw = of_cells(2), np.random.default_rng(0)

    def correlation(shared):
        errors = [redrawn(rates, ROWS, shared, draw).tables[:, 0, 0, 1] for _ in range(400)]
        return np.corrcoef(np.array(errors).T)[0, 1]

    assert correlation(1.0) == pytest.approx(1)
    assert correlation(0.5) == pytest.approx(0.5, abs=0.12)
    assert abs(correlation(0.0)) < 0.15
    drawn = redrawn(rates, ROWS, 0.5, draw)
    assert (drawn.tables.sum(-1) == ROWS).all()
    assert drawn.of(1).pairs is None


@pytest.mark.parametrize("shared", [0.0, 0.7, 1.0])
def test_each_network_has_the_law_of_independent_pairs(shared):
    """Three pairs of four kinds: how often each outcome comes, beside its multinomial."""
    shares = [(0.5, 0.2, 0.3, 0.0), (0.1, 0.3, 0.2, 0.4)]
    rates, draw, times = of_pairs(*shares), np.random.default_rng(1), 4000
    seen = [redrawn_pairs(rates, np.array([3, 0]), shared, draw).pairs for _ in range(times)]

    drawn = np.array(seen)[:, :, 0].reshape(times, 2, 4)
    for network, share in enumerate(shares):
        for outcome in itertools.product(range(4), repeat=4):
            if sum(outcome) == 3:
                ways = factorial(3) / np.prod([factorial(count) for count in outcome])
                chance = ways * np.prod(np.power(share, outcome))
                found = (drawn[:, network] == outcome).all(-1).mean()
                error = (chance * (1 - chance) / times) ** 0.5
                assert abs(found - chance) <= 4.5 * error, (share, outcome)
    assert not np.array(seen)[:, :, 1].any()


def test_networks_are_right_of_the_same_pairs_as_far_as_asked():
    rates = of_pairs((0.6, 0.2, 0.1, 0.1), (0.6, 0.2, 0.1, 0.1), (0.5, 0.2, 0.1, 0.2))
    draw = np.random.default_rng(2)

    def correlations(shared):
        drawn = [redrawn_pairs(rates, np.array([60, 60]), shared, draw) for _ in range(400)]
        right = np.array([one.pairs[:, 0, 0, 0] for one in drawn])
        return np.corrcoef(right.T)[0, 1:]

    same, alike = correlations(1.0)
    assert same == pytest.approx(1)
    assert 0.6 < alike < 0.99
    assert 0.2 < correlations(0.5)[0] < 0.6
    assert abs(correlations(0.0)).max() < 0.17


def test_pairs_are_as_many_as_asked_and_those_of_the_tables():
    rates = of_pairs((0.5, 0.2, 0.3, 0.0), (0.0, 0.0, 0.0, 1.0))
    drawn = redrawn_pairs(rates, np.array([17, 40]), 0.7, np.random.default_rng(3))

    assert (drawn.pairs.sum((2, 3)) == [17, 40]).all()
    assert drawn.pairs[1].tolist() == [[[0, 0], [0, 17]], [[0, 40], [0, 0]]]
    assert not drawn.pairs[0, 0, 1, 1]
    for network in range(2):
        assert np.array_equal(tables_of_pairs(drawn.of(network).pairs), drawn.tables[network])
