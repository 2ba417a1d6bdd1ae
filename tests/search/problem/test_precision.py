"""The precision of an experiment, from its file to the dense net and the workers."""

from dataclasses import replace

import pytest
import torch

from search.config.config import Config
from search.engine.machines import supplies_of
from search.problem.dense_net import train_dense
from search.problem.dense_recipe import DenseRecipe
from search.problem.problem import open_problem


def experiment(**model):
    return {
        "name": "mixed",
        "data": {"name": "digits", "group": "domain"},
        "model": {"name": "convnet", **model},
        "objective": {"performance": "accuracy", "bias": "bias_amplification"},
    }


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_the_workers_learn_in_the_precision_of_the_experiment(precision, tmp_path):
    problem = open_problem(Config.model_validate(experiment(precision=precision)))
    supplies = supplies_of(problem, problem.untrained(), tmp_path)

    assert supplies.open().data.precision == precision


def test_a_dense_net_of_another_precision_is_another(tmp_path):
    problem = open_problem(Config.model_validate(experiment()))
    recipe = DenseRecipe("erm", {"max_epochs": 1}, "convnet", "hash", 0)
    recipes = recipe, replace(recipe, precision="bf16")
    keys = {one.key(problem.prepared) for one in recipes}
    exact, mixed = (
        train_dense(one, problem.untrained(), problem.prepared, problem.objective, 1).dense
        for one in recipes
    )

    assert len(keys) == 2
    weights = [net.state_dict()["0.weight"] for net in (exact, mixed)]
    assert not torch.equal(*weights)
    torch.testing.assert_close(*weights, atol=0.05, rtol=0.05)


@pytest.mark.parametrize(("given", "runs"), [({}, True), ({"fused": "off"}, False)])
def test_networks_run_by_compiled_loops_unless_the_experiment_says_otherwise(
    given, runs, tmp_path
):
    problem = open_problem(Config.model_validate(experiment(**given)))

    assert supplies_of(problem, problem.untrained(), tmp_path).open().data.fused == runs


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="precision"):
        Config.model_validate(experiment(precision="fp8"))


@pytest.mark.parametrize(
    ("precision", "level", "told"),
    [("bf16", "AVX2", 1), ("bf16", "AVX512", 0), ("float32", "AVX2", 0)],
)
def test_a_processor_that_does_not_know_bfloat16_is_named(monkeypatch, precision, level, told):
    monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda: level)
    notes = open_problem(Config.model_validate(experiment(precision=precision))).notes()

    assert sum("does not know bfloat16" in note for note in notes) == told
