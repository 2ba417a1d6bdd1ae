"""Whose settings a search has: those of its file, and for the rest the data's."""

import pytest

from search.config.config import Config
from search.problem.estimate import estimate
from search.problem.fitted_defaults import fitted, size_of
from search.problem.problem import open_problem
from tests.made_tables import made_table

ROWS = 3000


def config(**more):
    values = {
        "name": "made",
        "data": {
            **{"group": "sex", "label": "decision", "positive": "granted"},
            **{"attributes": ["sex"], "missing": "impute"},
        },
        **more,
    }
    return Config.model_validate(values)


def new(rows=ROWS, **more):
    problem = open_problem(config(**more), made_table(rows))
    return fitted(problem, problem.untrained())


def test_the_size_is_counted_from_data_and_network():
    problem = open_problem(config(), made_table(ROWS))

    size = size_of(problem.prepared, problem.untrained())

    assert (size.train, size.cells, size.images) == (1350, 4, False)
    assert size.fan_in == 64  # 23 inputs, then 64 twice
    assert size.debias == len(problem.prepared.parts["debias"].labels)


def test_what_the_file_says_wins_wherever_it_says_so():
    problem = new(
        dense={"name": "erm", "lr": 0.5},
        correction={"choose": "balanced_accuracy"},
        search={"share": "even"},
        space={
            "recovery": {"adversarial": {"epochs": 7}},
            "prune_advft": {"recovery": {"batch_size": 33}, "pruner": {"floor": False}},
        },
    )

    assert problem.config.dense.settings["lr"] == 0.5
    assert problem.config.dense.settings["batch_size"] == 32  # 1350 / 30 = 45, of the rule
    assert problem.correction == {"name": "threshold", "choose": "balanced_accuracy"}
    assert problem.config.search.share == "even"
    both = [problem.spaces[method].fixed for method in ("adv_ft", "prune_advft")]
    assert [one["recovery.epochs"] for one in both] == [7, 7]
    assert both[1]["recovery.batch_size"] == 33
    assert both[0]["recovery.batch_size"] != 33
    assert both[1]["pruner.floor"] is False


def test_other_rows_are_another_length():
    few, many = new(3000), new(12000)

    dense = [one.config.dense.settings["batch_size"] for one in (few, many)]
    batches = [one.spaces["adv_ft"].fixed["recovery.batch_size"] for one in (few, many)]
    assert dense == [32, 128]  # of 1350 and 5400 rows of train: 45 and 180
    assert batches[0] < batches[1]


@pytest.mark.parametrize(
    "asked",
    [
        {"search": {"defaults": "published"}},
        {"trials": [{"name": "one", "method": "adv_ft"}]},
    ],
)
def test_published_settings_stay_where_the_file_asks_for_them_or_lists_trials(asked):
    problem = new(**asked)

    assert problem.config.search.defaults == "published"
    assert problem.config.dense.settings == {}
    assert problem.config.space == {}
    assert problem.correction == {"name": "threshold"}


def test_what_comes_out_is_complete_and_read_again_gives_the_same_search():
    """A run's folder holds it: a session that goes on fits nothing."""
    problem = new()

    again = Config.model_validate(problem.config.model_dump(mode="json", exclude_none=True))
    assert again == problem.config
    opened = open_problem(again, made_table(ROWS))
    assert opened.spaces == problem.spaces
    assert opened.correction == problem.correction


def test_a_file_of_an_earlier_run_says_nothing_of_it_and_nothing_is_filled_in():
    problem = open_problem(config(), made_table(ROWS))

    assert problem.config.search.defaults is None
    assert problem.config.search.share is None
    assert problem.config.dense.settings == {}


def test_recordings_share_evenly_and_others_by_what_methods_show():
    assert new().config.search.share == "adaptive"
    recording = {"recording": True, "scheduler": "none"}
    assert new(search=recording).config.search.share == "even"


def test_the_published_settings_come_first_as_near_as_the_rule_allows():
    first = new().spaces["prune_advft"].tried_first[0]

    assert first["pruner.keep_target"] == 0.1
    assert first["recovery.slope"] == 20.0
    assert 0.05 <= first["pruner.lr"] <= 0.1


def test_more_epochs_are_estimated_to_take_longer():
    short, long = (
        new(space={"recovery": {"adversarial": {"epochs": epochs}}}, dense={"max_epochs": epochs})
        for epochs in (10, 80)
    )
    before, after = (estimate(one, one.untrained()) for one in (short, long))

    # Eight times, but for the machine's noise.
    assert 2 < after.dense / before.dense < 32
    assert 2 < after.trials["adv_ft"] / before.trials["adv_ft"] < 32
    assert not after.untimed


def test_the_same_experiment_is_timed_once_and_another_anew(monkeypatch):
    problem, other = new(seed=5), new(seed=6)
    found = estimate(problem, problem.untrained())

    def refuse(*_):
        raise AssertionError("timed again")

    with monkeypatch.context() as patch:
        patch.setattr("search.problem.estimate.Timing", refuse)
        again = estimate(problem, problem.untrained())
        with pytest.raises(AssertionError, match="timed again"):
            estimate(other, other.untrained())
        patch.setattr("search.problem.estimate.training_code", lambda: "other code")
        with pytest.raises(AssertionError, match="timed again"):
            estimate(problem, problem.untrained())

    assert (found.remembered, again.remembered) == (False, True)
    assert (again.dense, again.trials) == (found.dense, found.trials)


def test_methods_that_would_take_too_long_to_time_count_as_the_mean(monkeypatch):
    monkeypatch.setattr("search.problem.estimate.PATIENCE", 0)
    problem = new(seed=7)  # one that no other test has asked for

    found = estimate(problem, problem.untrained())

    assert found.untimed == ("prune_advft", "magnitude_retrain")
    assert len(set(found.trials.values())) == 1
