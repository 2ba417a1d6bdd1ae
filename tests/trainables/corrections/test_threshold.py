import numpy as np
import pytest

from trainables.corrections.threshold import RESAMPLES, Threshold
from trainables.evaluation.counting import count
from trainables.evaluation.counts import THRESHOLDS, Counts, ScoreCounts, weighted
from trainables.evaluation.intervals import resample
from trainables.evaluation.measures import MEASURES
from trainables.evaluation.objective import Objective

UNIFORM = np.full((2, 2), 0.25)


def scored(rows, shift=0.0, n_groups=2, seed=0):
    """Scores of a useful classifier; `shift` moves those of the odd groups up."""
    generator = np.random.default_rng(seed)
    groups = np.arange(rows) % n_groups
    labels = generator.integers(0, 2, rows)
    logits = 2.5 * labels - 1.25 + shift * (groups % 2) + generator.normal(size=rows)
    return count(1 / (1 + np.exp(-logits)), labels, groups, n_groups)


def phi_threshold_by_threshold(counts, objective, priors, seed):
    """The published choice, with every measure recomputed at every threshold of every resample."""
    phi = np.zeros(len(THRESHOLDS))
    for drawn in resample(counts.histogram, RESAMPLES, np.random.default_rng(seed)):
        for index in range(len(THRESHOLDS)):
            table = ScoreCounts(drawn).at(index).table
            natural = weighted(table, priors)
            bias, performance = MEASURES[objective.bias], MEASURES[objective.performance]
            if bias.bias(natural if bias.label_mix else table) < 0.03:
                phi[index] += performance.compute(natural if performance.label_mix else table)
    return int(phi.argmax())


@pytest.mark.parametrize(
    ("performance", "bias"),
    [("balanced_accuracy", "aod"), ("accuracy", "spd"), ("accuracy", "di")],
)
@pytest.mark.parametrize("n_groups", [2, 3])
def test_the_fair_choice_equals_recomputing_phi_at_every_threshold(performance, bias, n_groups):
    counts, objective = scored(300, 0.3, n_groups), Objective(performance, bias)
    priors = np.random.default_rng(1).dirichlet(np.ones(2 * n_groups) * 20).reshape(-1, 2)

    decision = Threshold("fair").fit(counts, objective, priors, seed=5)

    assert decision.index == phi_threshold_by_threshold(counts, objective, priors, seed=5)


def test_the_fair_choice_depends_on_nothing_but_counts_and_seed():
    counts = scored(300, 0.3)
    first = [Threshold().fit(counts, Objective(), UNIFORM, seed=s).index for s in range(8)]
    second = [Threshold().fit(counts, Objective(), UNIFORM, seed=s).index for s in range(8)]

    assert first == second
    assert len(set(first)) > 1


def test_a_fair_useful_network_gets_a_useful_threshold():
    decision = Threshold("fair").fit(scored(4000), Objective(), UNIFORM, seed=0)

    assert not decision.trivial
    assert 0.2 < THRESHOLDS[decision.index] < 0.8


def test_with_nothing_feasible_the_choice_is_the_trivial_classifier_and_says_so():
    """Group 1 scores above group 0 everywhere: only predicting everybody alike is fair."""
    histogram = np.zeros((2, 2, 1001), dtype=np.int64)
    histogram[0, 0, 300], histogram[0, 1, 400] = 50, 50
    histogram[1, 0, 600], histogram[1, 1, 700] = 50, 50

    decision = Threshold("fair").fit(ScoreCounts(histogram), Objective(), UNIFORM, seed=0)

    assert (decision.index, decision.trivial) == (0, True)


def test_where_not_even_the_trivial_classifier_is_feasible_the_least_bias_is_chosen():
    """The groups' label shares differ, so constant predictions have unequal accuracies."""
    histogram = np.zeros((2, 2, 1001), dtype=np.int64)
    histogram[0, 0, 300], histogram[0, 1, 300] = 90, 10
    histogram[1, 0, 600], histogram[1, 1, 600] = 50, 50
    objective = Objective("accuracy", "accuracy_std")
    natural = histogram.sum(-1) / histogram.sum()

    decision = Threshold("fair").fit(ScoreCounts(histogram), objective, natural, seed=0)

    # constants: accuracies .9 and .5 or .1 and .5; at .3 to .6: .9 and .5: all differ by .4
    table = ScoreCounts(histogram).at(decision.index).table
    assert MEASURES["accuracy_std"].bias(table) == pytest.approx(0.4 / np.sqrt(2))


def test_constant_scores_can_only_be_decided_trivially():
    counts = count(np.full(100, 0.5), np.arange(100) % 2, np.arange(100) // 50, 2)

    for choose in ("fair", "balanced_accuracy", "fixed"):
        assert Threshold(choose).fit(counts, Objective(), UNIFORM, seed=0).trivial


def test_fixed_is_one_half():
    decision = Threshold("fixed").fit(scored(100), Objective(), UNIFORM, seed=0)

    assert THRESHOLDS[decision.index] == 0.5


def test_balanced_accuracy_takes_the_first_threshold_with_the_best_performance():
    counts = count([0.1, 0.2, 0.4, 0.9], [0, 0, 1, 1], [0, 1, 0, 1], 2)
    decision = Threshold("balanced_accuracy").fit(counts, Objective(), UNIFORM, seed=0)

    assert THRESHOLDS[decision.index] == 0.2  # .2 > .2 is false, .4 > .2 is true


def test_priors_move_the_choice_for_accuracy_but_not_for_balanced_accuracy():
    counts, rare = scored(2000), np.array([[0.45, 0.05], [0.45, 0.05]])
    chosen = {
        (performance, skewed): Threshold("balanced_accuracy")
        .fit(counts, Objective(performance), rare if skewed else UNIFORM, seed=0)
        .index
        for performance in ("accuracy", "balanced_accuracy")
        for skewed in (False, True)
    }

    assert chosen["accuracy", True] > chosen["accuracy", False] + 50
    assert chosen["balanced_accuracy", True] == chosen["balanced_accuracy", False]


def test_resamples_have_as_many_rows_and_the_law_of_drawing_rows():
    histogram = np.zeros((2, 2, 1001), dtype=np.int64)
    histogram[0, 0, 3], histogram[1, 1, 700] = 30, 70

    drawn = resample(histogram, 4000, np.random.default_rng(0))

    assert (drawn.sum((1, 2, 3)) == 100).all()
    assert (drawn[:, histogram == 0] == 0).all()
    assert drawn[:, 0, 0, 3].mean() == pytest.approx(30, abs=0.3)
    assert drawn[:, 0, 0, 3].var() == pytest.approx(100 * 0.3 * 0.7, rel=0.1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Threshold("best"), "choose must be one of .*, got 'best'"),
        (
            lambda: Threshold().fit(Counts(np.ones((2, 3, 3), int)), Objective(), UNIFORM, 0),
            "threshold: needs the scores of a binary task",
        ),
        (
            lambda: Threshold().fit(
                ScoreCounts(np.zeros((2, 2, 1001), int)), Objective(), UNIFORM, 0
            ),
            "needs rows to be fitted on",
        ),
    ],
)
def test_what_no_threshold_can_be_fitted_on_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def gained_threshold_by_threshold(counts, objective, seed):
    """What each threshold gains over a constant where that is fair, recomputed one by one."""
    gained = np.zeros(len(THRESHOLDS))
    for drawn in resample(counts.histogram, RESAMPLES, np.random.default_rng(seed)):
        for index in range(len(THRESHOLDS)):
            table = ScoreCounts(drawn).at(index).table
            if MEASURES[objective.bias].bias(table) < 0.03:
                gained[index] += max(0, MEASURES[objective.performance].compute(table) - 0.5)
    return gained


def test_gain_takes_a_threshold_that_gains_most_over_a_constant_in_fair_resamples():
    counts, objective = scored(300, 0.3), Objective("balanced_accuracy", "aod")

    index = Threshold("gain").fit(counts, objective, UNIFORM, seed=5).index

    gained = gained_threshold_by_threshold(counts, objective, seed=5)
    assert gained[index] == pytest.approx(gained.max())


def test_on_few_rows_a_constant_is_fairest_and_gains_nothing():
    """Cells of twelve rows: noise alone exceeds the limit in most resamples."""
    objective = Objective("balanced_accuracy", "aod")
    constant, gained = 0, 0
    for seed in range(20):
        counts = scored(48, 0.3, seed=seed)
        constant += Threshold("fair").fit(counts, objective, UNIFORM, seed=1).trivial
        gained += not Threshold("gain").fit(counts, objective, UNIFORM, seed=1).trivial

    assert constant > 10
    assert gained == 20


def test_where_nothing_is_fair_gain_weighs_it_against_the_bias():
    """Groups that are told apart by their scores: each threshold between them is unfair."""
    labels, groups = np.array([0, 1] * 200), np.repeat([0, 1], 200)
    scores = 0.2 + 0.1 * labels + 0.5 * groups
    counts = count(scores, labels, groups, 2)
    objective = Objective("balanced_accuracy", "spd")

    decision = Threshold("gain").fit(counts, objective, UNIFORM, seed=0)

    # Above .2 and .7 the own group's labels are told apart, and nobody's of the other: .75 of the
    # rows at a gap of .5. Between the groups all is as good as a constant.
    assert 0.2 < THRESHOLDS[decision.index] < 0.3 or 0.7 < THRESHOLDS[decision.index] < 0.8
    assert not decision.trivial


def test_a_margin_of_its_own_takes_the_place_of_the_objective_s():
    counts, objective = scored(300, 0.3), Objective(margin=0.02)

    own = Threshold(margin=0.0).fit(counts, objective, UNIFORM, seed=1)

    assert own == Threshold().fit(counts, Objective(margin=0.0), UNIFORM, seed=1)
    assert own != Threshold().fit(counts, objective, UNIFORM, seed=1)


@pytest.mark.parametrize("margin", [-0.01, 1.0])
def test_a_margin_out_of_range_is_refused(margin):
    with pytest.raises(ValueError, match="threshold: margin must lie in"):
        Threshold(margin=margin)
    with pytest.raises(ValueError, match="margin must lie in"):
        Threshold(margin=0.05).objective_of(Objective(tolerance=0.05))
