"""Methods are told apart by colour and by shape, and keep their look between figures."""

from itertools import combinations
from math import gcd

import pytest
from matplotlib.markers import MarkerStyle
from plotly.validator_cache import ValidatorCache

from analysis.palette import MARKERS, METHOD_COLOURS, look_at, mark_size, method_looks


def test_the_first_seventy_methods_look_different():
    looks = [look_at(place) for place in range(70)]

    assert len(set(looks)) == len({(look.colour, look.symbol) for look in looks}) == 70
    assert gcd(len(METHOD_COLOURS), len(MARKERS)) == 1


def test_two_methods_share_a_colour_or_a_shape_but_never_both():
    pairs = list(combinations([look_at(place) for place in range(36)], 2))
    both = [(a.colour != b.colour) and (a.symbol != b.symbol) for a, b in pairs]

    assert all(a.colour != b.colour or a.symbol != b.symbol for a, b in pairs)
    assert sum(both) / len(both) > 0.75  # most differ in the two
    assert all(a.colour != b.colour and a.symbol != b.symbol for a, b in pairs[:6])


def test_a_look_goes_by_the_name_among_all_that_are_given():
    looks = method_looks(["snip", "adv_ft", "snip", "grasp"])

    assert list(looks) == ["adv_ft", "grasp", "snip"]
    assert looks["snip"] == look_at(2)


@pytest.mark.parametrize("place", range(len(MARKERS)))
def test_every_shape_is_known_to_both_kinds_of_figure(place):
    marker, symbol = MARKERS[place]
    symbols = ValidatorCache.get_validator("scatter.marker", "symbol")

    assert MarkerStyle(marker).is_filled()
    assert symbols.validate_coerce(symbol) == symbol
    assert symbols.validate_coerce(f"{symbol}-open") == f"{symbol}-open"  # not feasible


def test_marks_shrink_by_the_tenths_of_the_weights_that_are_left():
    sizes = [mark_size(sparsity, 4.0, 10.0) for sparsity in (0.0, 0.9, 0.99, 0.999)]

    assert sizes == pytest.approx([10.0, 7.0, 4.0, 4.0])
