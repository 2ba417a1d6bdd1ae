import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.front.build import build_front
from search.front.naming import LIKELY, OF_USE, Naming, likely
from search.front.naming import named as named_of
from search.front.selection import column, flags, front_of
from search.front.view import view_of
from tests.search.front.test_build import DENSE, FACTS, trial
from tests.search.front.test_build import report as report_of
from trainables.evaluation.counts import Counts
from trainables.evaluation.intervals import chance_of_claim

GRID = st.integers(0, 5).map(lambda place: place / 100)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            **{
                "performance": GRID,
                "bias": GRID,
                "sparsity": GRID,
                "performance_se": st.just(0.0),
            },
            **{"feasible": st.booleans(), "beats_trivial": st.booleans()},
            **{"needs_group": st.booleans(), "chance": st.sampled_from([0.1, 0.49, 0.5, 0.9])},
        }
    ),
    max_size=12,
)


def front(rows, could, *, group_allowed):
    """Places of the rows on the front of those that `could` be there."""
    places = np.flatnonzero(could)
    if not len(places):
        return set()
    values = np.column_stack([column(rows, axis) for axis in ("performance", "bias", "sparsity")])
    needs = flags(rows, "needs_group")[places]
    return set(places[front_of(values[places], needs, group_allowed=group_allowed)].tolist())


@given(ROWS, st.booleans())
def test_the_front_is_that_of_all_who_are_likely_though_few_are_asked(rows, group_allowed):
    """The slow way asks everybody."""
    asked = []

    def chance(place):
        asked.append(place)
        return rows[place]["chance"]

    given_ = {"tolerance": 0.05, "sparsity": True, "group_allowed": group_allowed}
    named = likely(rows, chance, **given_)
    by_all = np.array(
        [r["beats_trivial"] and r["bias"] < 0.05 and r["chance"] >= LIKELY for r in rows], bool
    )

    assert front(rows, named, group_allowed=group_allowed) == front(
        rows, by_all, group_allowed=group_allowed
    )
    alone = ~flags(rows, "needs_group") if rows else by_all
    assert front(rows, named & alone, group_allowed=True) == front(
        rows, by_all & alone, group_allowed=True
    )
    assert len(asked) == len(set(asked))
    assert named.any() == by_all.any()


@given(ROWS, st.booleans())
def test_what_is_better_and_keeps_every_margin_is_named_though_few_are_asked(rows, group_allowed):
    """The slow way asks everybody; `chance` stands for what a second bias says."""
    probable = np.zeros(len(rows), dtype=bool)

    def keeps(place):
        return rows[place]["chance"] >= LIKELY

    given_ = {"sparsity": True, "group_allowed": group_allowed}
    found = named_of(rows, probable, 0.0, **given_, keep_margin=keeps)
    by_all = np.array(
        [r["feasible"] and r["beats_trivial"] and keeps(i) for i, r in enumerate(rows)], bool
    )
    performance = column(rows, "performance")
    allowed = by_all & (group_allowed | ~flags(rows, "needs_group"))
    by_all &= performance >= OF_USE * performance[allowed].max(initial=-np.inf)

    assert front(rows, found, group_allowed=group_allowed) == front(
        rows, by_all, group_allowed=group_allowed
    )


# Nets of test_build's journal: numbers called positive of 1,000 in each cell.
HARDLY = ([812] * 2 + [785] * 2, [212] * 2 + [185] * 2)  # aod .027: feasible by the margin
WELL = ([797] * 4, [203] * 4)  # bias 0, a little less accurate
CLOSE = ([842] * 2 + [804] * 2, [177] * 2 + [139] * 2)  # aod .038, beyond the margin; accurate
NETS = {"hardly": HARDLY, "well": WELL, "close": CLOSE}


def named(rows, *reports, level=0.025, biases=("aod",)):
    naming = {"level": level, "rows": rows, "biases": list(biases)}
    events = [*trial("t0", *reports)]
    facts = {**FACTS, "sparsity": False, "reference": [0.5, 0.05], "naming": naming}
    built = build_front(facts, [DENSE, *events], view_of(facts))
    return built, {point["candidate"]: point for point in built["points"]}


def test_the_more_rows_test_has_the_closer_to_the_tolerance_a_network_may_be():
    reports = [
        report_of("t0", net, 0.0, candidate=name, epoch=epoch)
        for epoch, (name, net) in enumerate(NETS.items(), start=1)
    ]
    few, points = named(0.5, *reports)
    assert few["objective"]["naming"] == "chance"
    assert set(points) == {"t0well"}  # the only one that so few rows can certify
    assert points["t0well"]["chance"] > LIKELY

    many, points = named(40.0, *reports)
    assert "t0close" in points  # more accurate, and certain enough though beyond the margin
    assert points["t0close"]["feasible"] and not points["t0close"]["tune"]["feasible"]
    # what samplers improve stays what the margin says
    assert many["hypervolume"] == few["hypervolume"]


def test_what_is_clearly_better_than_all_that_is_likely_is_named_too():
    """Few rows, so that only a network that hardly decides anything is likely."""
    coin = ([60] * 4, [20] * 4)
    reports = [
        report_of("t0", net, 0.0, candidate=name, epoch=epoch)
        for epoch, (name, net) in enumerate({**NETS, "coin": coin}.items(), start=1)
    ]
    alone = named(0.2, reports[3])[1]
    assert alone["t0coin"]["chosen"] and alone["t0coin"]["chance"] > LIKELY

    both = named(0.2, *[reports[0], reports[3]])[1]
    assert both["t0hardly"]["chosen"] and both["t0hardly"]["chance"] < LIKELY
    assert set(both) == {"t0hardly"}  # a certificate for a coin helps nobody


def row(performance, *, likely=True, needs_group=False):
    """Its place among the probable ones, then what is known of it; a constant reaches .5."""
    return likely, {
        **{"performance": performance, "performance_se": 0.01, "bias": 0.0, "sparsity": 0.0},
        **{"feasible": True, "beats_trivial": True, "needs_group": needs_group},
    }


@pytest.mark.parametrize(
    ("rows", "group_allowed", "expected"),
    [
        # half of .3 over a constant's .5 is enough, a little less is not
        ([row(0.8), row(0.651), row(0.649)], True, [True, True, False]),
        # the best one may be feasible by the margin alone
        ([row(0.8, likely=False), row(0.6)], True, [True, False]),
        # but not one that cannot be chosen; it is shown all the same
        ([row(0.9, needs_group=True), row(0.7)], False, [True, True]),
        ([row(0.9, needs_group=True), row(0.69)], True, [True, False]),
        ([row(0.9, needs_group=True)], False, [True]),
    ],
)
def test_what_gains_less_than_half_over_a_constant_is_not_named(rows, group_allowed, expected):
    probable = np.array([likely_ for likely_, _ in rows])
    flagged = named_of(
        [one for _, one in rows], probable, 0.5, sparsity=False, group_allowed=group_allowed
    )
    assert flagged.tolist() == expected


def test_where_nothing_is_likely_the_margin_names():
    built, points = named(
        0.01, report_of("t0", HARDLY, 0.0), report_of("t0", WELL, 0.0, "d", epoch=2)
    )

    assert built["objective"]["naming"] == "margin"
    assert {name: point["feasible"] for name, point in points.items()} == {
        "t0c": True,
        "t0d": True,
    }
    assert all(point["chance"] < LIKELY for point in points.values())


def test_a_second_measure_has_to_be_likely_too():
    cells = np.array([[3000, 3000], [3000, 3000]])
    positives = np.array([[700, 2300], [600, 2400]])  # gaps that cancel
    counts = Counts(np.stack([cells - positives, positives], axis=-1))
    first = Naming(0.025, 1.0, ("aod",), 0.05).chance(counts)

    assert first > 0.9
    assert Naming(0.025, 1.0, ("aod", "abs_aod"), 0.05).chance(counts) == pytest.approx(
        chance_of_claim("abs_aod", counts, 0.05, 0.025, 1.0)
    )
    assert chance_of_claim("abs_aod", counts, 0.05, 0.025, 1.0) < first


@pytest.mark.parametrize("rows", [0.01, 0.5])
def test_what_breaks_a_second_tolerance_on_tune_is_not_named_for_its_performance(rows):
    """Whether few rows make the margin name alone, or a coin is likely."""
    cancelling = ([850] * 2 + [770] * 2, [150] * 2 + [230] * 2)  # aod 0, abs_aod .08
    both = ([797] * 4, [203] * 4)
    reports = [
        report_of("t0", net, 0.0, candidate=name, epoch=epoch)
        for epoch, (name, net) in enumerate(
            {"cancelling": cancelling, "both": both}.items(), start=1
        )
    ]

    assert named(rows, *reports)[1]["t0cancelling"]["chosen"]
    points = named(rows, *reports, biases=("aod", "abs_aod"))[1]
    assert [name for name, point in points.items() if point["chosen"]] == ["t0both"]
