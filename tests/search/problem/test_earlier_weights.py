"""Weights from before the end of the dense training: kept beside the dense net, or refused."""

import pytest
import torch

from search.config.config import Config
from search.errors import UserError
from search.problem.problem import open_problem
from search.runs.folder import RunFolder
from trainables.methods import METHODS, Method, Stage
from trainables.pruners import PRUNERS
from trainables.pruners.magnitude import Magnitude

DENSE = {"name": "erm", "max_epochs": 6, "check_every": 3}


class Rewinding(Magnitude):
    """Asks for early weights."""

    @property
    def needs(self):
        return frozenset({"early"})


@pytest.fixture
def problem_of(monkeypatch, tmp_path):
    monkeypatch.setenv("FAIRFRONT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(PRUNERS, "rewinding", Rewinding)
    monkeypatch.setitem(
        METHODS,
        "rewinding",
        Method((Stage("pruner", "rewinding"),), "rewinds", "made for this test, 2026"),
    )
    from spaces.compose import ROLES

    monkeypatch.setitem(ROLES["pruner"], "rewinding", ROLES["pruner"]["magnitude"])

    def open_with(method, dense=DENSE, space=None, **model):
        config = Config.model_validate(
            {
                "name": "early",
                "data": {"name": "digits", "group": "domain"},
                "model": {"name": "convnet", **model},
                "dense": dense,
                "objective": {"performance": "accuracy", "bias": "bias_amplification"},
                "search": {"methods": [method], "trials": 1},
                "space": space or {},
            }
        )
        return open_problem(config)

    return open_with


def flat(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def test_early_weights_lie_on_the_way_from_the_initial_ones_to_the_dense_net(problem_of):
    problem = problem_of("rewinding")
    initial = flat(problem.initial())
    dense = flat(problem.dense(problem.untrained()))
    early = flat(problem.early(problem.untrained()))

    assert 0 < (early - initial).norm() < (dense - initial).norm()


def test_early_weights_after_all_epochs_are_the_dense_net(problem_of, monkeypatch):
    monkeypatch.setattr("search.problem.dense_net.EARLY_EPOCHS", DENSE["max_epochs"])
    problem = problem_of("rewinding")

    early = problem.early(problem.untrained())

    assert torch.equal(flat(early), flat(problem.dense(problem.untrained())))


def test_a_cached_dense_net_without_early_weights_is_trained_once_more(problem_of, tmp_path):
    problem = problem_of("rewinding")
    dense, early = problem.dense(problem.untrained()), problem.early(problem.untrained())
    for file in (tmp_path / "cache" / "dense").glob("*.early.safetensors"):
        file.unlink()

    again = problem.early(problem.untrained())

    assert torch.equal(flat(again), flat(early))
    assert torch.equal(flat(problem.dense(problem.untrained())), flat(dense))


def test_a_run_keeps_early_weights_where_a_method_asks_for_them(problem_of, tmp_path):
    asked, not_asked = problem_of("rewinding"), problem_of("magnitude_retrain")
    assert not_asked.early(not_asked.untrained()) is None

    dense, early = asked.dense(asked.untrained()), asked.early(asked.untrained())
    with_it, without = RunFolder(tmp_path / "with"), RunFolder(tmp_path / "without")
    with_it.create(asked.config, dense, asked.prepared, early)
    without.create(asked.config, dense, asked.prepared)

    assert torch.equal(flat(with_it.early(asked.untrained())), flat(early))
    assert without.early(asked.untrained()) is None


@pytest.mark.parametrize(
    ("method", "weights"),
    [
        ("rewinding", "early"),
        ("domain_independent", "initial"),
        ("snip", "initial"),
        ("grasp", "initial"),
        ("lottery", "initial"),
    ],
)
def test_a_given_network_has_none_and_the_method_is_refused_by_name(
    problem_of, tmp_path, method, weights
):
    from safetensors.torch import save_file

    start = problem_of("magnitude_retrain").untrained()
    save_file(start.state_dict(), tmp_path / "net.safetensors")

    with pytest.raises(UserError, match=f"methods: {method}: .* needs the network's {weights}"):
        problem_of(method, {"name": "given"}, weights=str(tmp_path / "net.safetensors"))


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("snip", {"score_on": "trained", "mask_on": "trained"}),
        ("grasp", {"score_on": "random", "mask_on": "trained"}),
        ("lottery", {"rewind": "trained"}),
    ],
)
def test_a_given_network_is_enough_where_settings_ask_for_no_other(
    problem_of, tmp_path, method, settings
):
    from safetensors.torch import save_file

    start = problem_of("magnitude_retrain").untrained()
    save_file(start.state_dict(), tmp_path / "net.safetensors")
    given = str(tmp_path / "net.safetensors")

    problem = problem_of(method, {"name": "given"}, {"pruner": {method: settings}}, weights=given)

    assert problem.initial() is None
