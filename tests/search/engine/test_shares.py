"""Who gets the next trial: totals, floors, a hopeless method, and a search that is resumed."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from search.engine.shares import FIRST, FLOOR, Adaptive, Even

METHODS = ("good", "other", "hopeless")
REFERENCE = (0.5, 0.05, 0.0)


def ended(method, points):
    """A finished trial whose candidates are at these (performance, bias, sparsity)."""
    reports = [
        {
            **{"performance": p, "bias": b, "sparsity": s, "candidate": f"c{i}"},
            **{"feasible": b < 0.03, "beats_trivial": p > 0.5, "dropped": []},
        }
        for i, (p, b, s) in enumerate(points)
    ]
    return SimpleNamespace(method=method, candidates=lambda: reports)


def shared_out(share, trials, outcome, quota=10**9):
    """The methods of so many trials, one after the other; each ends before the next."""
    started = dict.fromkeys(METHODS, 0)
    order = []
    for _ in range(trials):
        method = share.next(started, [one for one in METHODS if started[one] < quota])
        if method is None:
            break
        started[method] += 1
        order.append(method)
        share.take(ended(method, outcome(method)))
    return order


def one_hopeless(method):
    return {
        "good": [(0.8, 0.01, 0.9)],
        "other": [(0.75, 0.02, 0.0)],
        "hopeless": [(0.7, 0.2, 0.9)],
    }[method]


def test_a_hopeless_method_gets_its_first_trials_and_then_no_more_than_the_floor():
    order = shared_out(Adaptive(REFERENCE, sparsity=True), 60, one_hopeless)

    assert order[: 3 * FIRST] == [*METHODS] * FIRST
    later = order[3 * FIRST :]
    assert later.count("hopeless") == round(FLOOR / 3 * len(later))
    assert later.count("good") > later.count("other") > later.count("hopeless")


def test_where_nothing_is_feasible_methods_take_turns():
    order = shared_out(Adaptive(REFERENCE, sparsity=True), 30, lambda _: [(0.7, 0.2, 0.9)])

    assert order == [*METHODS] * 10
    assert order == shared_out(Even(), 30, one_hopeless)


def test_the_parts_are_those_computed_by_hand():
    share = Adaptive(REFERENCE, sparsity=True)
    share.take(ended("good", [(0.8, 0.01, 0.9)]))
    share.take(ended("other", [(0.75, 0.02, 0.0)]))

    # By performance and bias .6 * .8 and .5 * .6 of the box; with sparsity .6 * .8 * .9 and none.
    flat = 0.48 / (0.48 + 0.30)
    good = FLOOR / 3 + (1 - FLOOR) * (flat + 1) / 2
    assert abs(share.parts(METHODS)["good"] - good) < 1e-12
    assert abs(share.parts(METHODS)["hopeless"] - FLOOR / 3) < 1e-12


points = st.lists(
    st.tuples(st.floats(0.4, 1), st.floats(0, 0.1), st.floats(0, 0.99)), min_size=0, max_size=4
)


@given(st.fixed_dictionaries(dict.fromkeys(METHODS, points)), st.integers(6, 60))
def test_every_method_has_its_floor_and_no_trial_is_lost(outcomes, trials):
    order = shared_out(Adaptive(REFERENCE, sparsity=True), trials, outcomes.__getitem__)

    assert len(order) == trials
    for method in METHODS:
        assert order.count(method) >= FIRST + int(FLOOR / 3 * (trials - 3 * FIRST)) - 1


@given(st.fixed_dictionaries(dict.fromkeys(METHODS, points)), st.integers(0, 30), st.randoms())
def test_a_resumed_search_goes_on_as_it_would_have_whatever_the_order_on_record(
    outcomes, cut, random
):
    whole = Adaptive(REFERENCE, sparsity=True)
    order = shared_out(whole, cut, outcomes.__getitem__)
    replayed = [ended(method, outcomes[method]) for method in order]
    random.shuffle(replayed)
    again = Adaptive(REFERENCE, sparsity=True)
    for trial in replayed:
        again.take(trial)
    started = {method: order.count(method) for method in METHODS}

    parts, resumed = whole.parts(METHODS), again.parts(METHODS)
    assert all(abs(parts[method] - resumed[method]) < 1e-9 for method in METHODS)
    assert whole.next(started, METHODS) == again.next(started, METHODS)


def test_methods_that_have_tried_all_of_their_settings_leave_their_part_to_others():
    order = shared_out(Adaptive(REFERENCE, sparsity=True), 60, one_hopeless, quota=5)

    assert {method: order.count(method) for method in METHODS} == dict.fromkeys(METHODS, 5)
