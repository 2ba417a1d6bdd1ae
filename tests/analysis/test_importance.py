"""Importance of settings: on functions whose answer is known, and beside Optuna's own measure."""

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.importance import PedAnovaImportanceEvaluator

from analysis.importance import (
    TARGETS,
    best_of,
    importance,
    importance_by_method,
    outcomes_frame,
    settings_frame,
)
from tests.analysis.made_search import BOX, frames_of, made_events

TRIALS = 400


def drawn(seed=0, trials=TRIALS):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "strong": rng.uniform(0, 1, trials),
            "weak": 10 ** rng.uniform(-4, -1, trials),
            "none": rng.uniform(-5, 5, trials),
            "layers": rng.integers(1, 5, trials),
            "fixed": 3.0,
            "loss": rng.choice(["bce", "fair"], trials),
        }
    )


def score(settings):
    """`strong` best at .3, `weak` matters less, `loss` shifts, `none` and `layers` do nothing."""
    log = np.log10(settings["weak"])
    return (
        -((settings["strong"] - 0.3) ** 2)
        - 0.01 * (log + 3) ** 2
        + 0.1 * (settings["loss"] == "fair")
    )


def by_setting(frame, column="importance"):
    return dict(zip(frame["setting"], frame[column], strict=True))


def test_settings_that_decide_come_first_and_those_that_do_nothing_look_like_chance():
    settings = drawn()

    found = importance(settings, best_of(score(settings), 0.1))

    assert found["importance"].sum() == pytest.approx(1)
    assert set(found["setting"][:3]) == {"strong", "weak", "loss"}
    assert found["setting"][0] == "strong"
    above = found.set_index("setting")
    assert (above["divergence"] > above["chance"]).loc[["strong", "weak", "loss"]].all()
    assert not (above["divergence"] > above["chance"]).loc[["none", "layers"]].any()
    assert "fixed" not in by_setting(found)


def test_ranks_make_the_scale_of_a_setting_irrelevant():
    settings = drawn()
    good = best_of(score(settings), 0.1)
    logarithmic = settings.assign(weak=np.log(settings["weak"]), strong=settings["strong"] ** 5)

    assert by_setting(importance(logarithmic, good)) == by_setting(importance(settings, good))


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_divergences_of_numbers_are_those_of_optuna(seed):
    """Optuna multiplies them by the squared quantile. Of names it smooths the densities so much
    that a setting which decides all counts a quarter: those are checked by hand below."""
    settings = drawn(seed)
    floats = {
        "strong": optuna.distributions.FloatDistribution(0, 1),
        "weak": optuna.distributions.FloatDistribution(1e-4, 1e-1, log=True),
        "none": optuna.distributions.FloatDistribution(-5, 5),
    }
    values = score(settings)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    for row, value in zip(settings.to_dict("records"), values, strict=True):
        params = {name: row[name] for name in floats}
        study.add_trial(
            optuna.trial.create_trial(params=params, distributions=floats, value=value)
        )
    theirs = PedAnovaImportanceEvaluator(target_quantile=0.1).evaluate(study)

    ours = by_setting(importance(settings, best_of(values, 0.1)), "divergence")

    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value / 0.1**2, rel=0.15, abs=0.02), name


def test_the_divergence_of_names_is_the_sum_over_names():
    """Of 400 trials half say yes; all 40 good ones do. With one trial spread over both names:
    .5 (40.5 / 41 / .5 - 1)^2 + .5 (.5 / 41 / .5 - 1)^2."""
    settings = pd.DataFrame({"says": ["yes", "no"] * 200})
    good = np.arange(400) % 10 == 0

    (found,) = importance(settings, good)["divergence"]

    assert found == pytest.approx(0.5 * (81 / 41 - 1) ** 2 + 0.5 * (1 / 41 - 1) ** 2)


def test_the_best_are_a_quantile_and_never_the_many_that_are_equally_bad():
    values = pd.Series([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0, 1.0])

    assert best_of(values, 0.25).tolist() == [False] * 6 + [True, True]
    assert best_of(values, 0.5).tolist() == [False] * 6 + [True, True]
    assert best_of(values, 0.25, lower=True).sum() == 0  # six equally good ones of eight
    assert best_of(pd.Series([np.nan, 1.0, 2.0, 3.0]), 0.25).tolist() == [False] * 3 + [True]
    assert best_of(pd.Series([True, False]), 0.1).tolist() == [True, False]


@pytest.mark.parametrize("best", [[True] * 4, [False] * 4])
def test_all_or_none_among_the_best_is_refused(best):
    with pytest.raises(ValueError, match="some trials must be among the best, not all"):
        importance(pd.DataFrame({"x": range(4)}), best)


def test_settings_become_columns_by_role():
    trials = pd.DataFrame(
        {"spec": [{"settings": {"pruner": {"sparsity": 0.5}, "recovery": {"lr": 0.1}}}]}
    )

    assert settings_frame(trials).to_dict("records") == [
        {"pruner.sparsity": 0.5, "recovery.lr": 0.1}
    ]


def outcome_of(status, *rows):
    """The outcome of one trial with `rows` of (performance, bias, sparsity, feasible, kept)."""
    columns = ["performance", "bias", "sparsity", "feasible", "candidate"]
    reports = pd.DataFrame(rows, columns=columns).assign(trial="t1", beats_trivial=True)
    reports["needs_group"] = False
    trials = pd.DataFrame({"trial": ["t1"], "method": ["adv_ft"], "status": [status]})
    return outcomes_frame(trials, reports, BOX["reference"], BOX["ideal"]).to_dict("records")


def test_a_trial_s_outcome_is_that_of_its_feasible_candidates():
    """In the box from (.5, .05, 0): (.6, 1 - .4, .5) covers .18."""
    (outcome,) = outcome_of(
        "finished",
        (0.9, 0.01, 0.5, True, None),  # not kept
        (0.8, 0.02, 0.5, True, "a"),
        (0.85, 0.09, 0.5, False, "b"),
    )

    assert outcome["hypervolume"] == pytest.approx(0.6 * 0.6 * 0.5)
    assert (outcome["performance"], outcome["bias"]) == (0.8, 0.02)
    assert outcome["feasible"] is True


def test_a_stopped_trial_covers_nothing_and_a_running_one_has_no_outcome():
    rows = (0.8, 0.02, 0.5, True, None), (0.7, 0.2, 0.5, False, None)  # no candidate stands
    (stopped,) = outcome_of("stopped", *rows)

    assert stopped["hypervolume"] == 0.0
    assert (stopped["performance"], stopped["bias"], stopped["feasible"]) == (0.7, 0.2, False)
    assert outcome_of("running", (0.8, 0.02, 0.5, True, "a")) == []


def test_a_search_s_importances_come_by_method_and_target():
    events = made_events(trials=150)
    trials, reports = frames_of(events)

    found = importance_by_method(trials, reports, **BOX)

    assert set(found["method"]) == {"adv_ft", "magnitude_retrain", "prune_advft"}
    assert set(found["target"]) <= set(TARGETS)
    sums = found.groupby(["method", "target"])["importance"].sum()
    assert sums.tolist() == pytest.approx([1] * len(sums))
    assert (found["divergence"] > found["chance"]).mean() < 0.2  # these settings decide nothing


def test_a_search_with_few_trials_says_nothing():
    events = made_events(trials=9)
    found = importance_by_method(*frames_of(events), **BOX)

    assert found.empty
    assert "importance" in found
