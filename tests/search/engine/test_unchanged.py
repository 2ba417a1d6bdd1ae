"""A run goes on only with the columns and the network that its search began with."""

from contextlib import closing

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from search.config.config import Config
from search.engine import unchanged
from search.engine.unchanged import unchanged_dense
from search.engine.warm_start import earlier_runs
from search.errors import UserError
from search.journal.journal import Journal
from search.problem.dense_net import dense_report, sampled_rows
from search.problem.problem import open_problem
from search.runs.folder import RunFolder
from search.runs.intact import check_files, difference
from trainables.trial.workbench import Workbench

CONFIG = Config.model_validate(
    {
        "name": "loans",
        "data": {"group": "sex", "label": "paid", "positive": "yes", "attributes": ["sex"]},
        "dense": {"name": "erm", "max_epochs": 8, "check_every": 2, "lr": 0.01},
        "objective": {"tolerance": 0.3},
        "search": {"methods": ["magnitude_retrain"], "trials": 1},
    }
)


def loans(colours=("blue", "green", "red")):
    draw = np.random.default_rng(0)
    income, colour = draw.normal(size=4000), draw.choice(["blue", "green", "red"], 4000)
    score = income + (colour == "red") + draw.normal(size=4000) / 2
    return pd.DataFrame(
        {
            "income": income,
            "colour": pd.Categorical(colour, categories=colours),
            "sex": draw.choice(["f", "m"], 4000),
            "paid": np.where(score > 0.3, "yes", "no"),
        }
    )


class Net(nn.Module):
    def __init__(self, inputs, scale, frozen):
        super().__init__()
        self.first, self.last = nn.Linear(inputs, 8), nn.Linear(8, 1)
        self.scale = scale
        self.first.bias.requires_grad_(not frozen)

    def forward(self, x):
        return self.last(torch.relu(self.first(x * self.scale)))


def model(scale=1.0, frozen=False):
    return lambda shape, outputs: Net(shape[0], scale, frozen)


def problem_of(data=None, net=None):
    return open_problem(CONFIG, loans() if data is None else data, net or model())


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """Writes a run that has begun, without some keys of its events, and returns its folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAIRFRONT_CACHE", str(tmp_path_factory.mktemp("cache")))
        problem = problem_of()
        dense = problem.dense(problem.untrained())
        bench = Workbench.open(problem.prepared, dense, problem.objective, device="cpu")
        report = dense_report(bench)
        problem = problem.with_reference(report["trivial_performance"])

        def write(path, *without):
            folder = RunFolder(path)
            folder.create(problem.config, dense, problem.prepared)
            memory = {"in_memory": True, "model_in_memory": True, "run": "0123abcd"}
            with closing(Journal(path)) as journal:
                for event in (
                    {"event": "experiment", **memory, **problem.facts()},
                    {"event": "dense", **report},
                ):
                    journal.append({k: v for k, v in event.items() if k not in without})
            return folder

        yield write


OLDER = ("encoding", "digest", "frozen", "decided")  # what earlier versions did not write


@pytest.mark.parametrize("without", [(), OLDER])
def test_what_is_unchanged_goes_on_with_the_same_network(begun, tmp_path, without):
    folder = begun(tmp_path / "run", *without)

    dense = unchanged_dense(folder, problem_of(), "resume")

    kept = folder.dense(problem_of().untrained()).state_dict()
    assert all(torch.equal(kept[name], one) for name, one in dense.state_dict().items())


@pytest.mark.parametrize("without", [(), OLDER])
@pytest.mark.parametrize("net", [model(scale=-1.0), model(scale=0.2)])
def test_other_code_of_the_network_is_refused_by_what_it_decides(begun, tmp_path, net, without):
    folder = begun(tmp_path / "run", *without)

    with pytest.raises(UserError, match=r"confirm: the dense net of .* decides otherwise for \d+"):
        unchanged_dense(folder, problem_of(net=net), "confirm")


def test_a_decision_in_a_thousand_may_differ_and_not_more(begun, tmp_path, monkeypatch):
    folder, problem = begun(tmp_path / "run"), problem_of()
    scores_of, rows = unchanged.scores_of, len(sampled_rows(len(problem.prepared.parts["tune"])))

    def turned(count):
        def scores(*arguments):
            found = scores_of(*arguments)
            at_edges = np.argsort(np.abs(found - 0.5))[-count:]
            found[at_edges] = 1 - found[at_edges]
            return found

        return scores

    monkeypatch.setattr(unchanged, "MAY_DIFFER", 5 / rows)
    monkeypatch.setattr(unchanged, "scores_of", turned(5))
    unchanged_dense(folder, problem, "resume")
    monkeypatch.setattr(unchanged, "scores_of", turned(6))
    with pytest.raises(UserError, match=f"decides otherwise for 6 of {rows} rows"):
        unchanged_dense(folder, problem, "resume")


def test_layers_that_no_longer_learn_are_refused_by_name(begun, tmp_path):
    folder = begun(tmp_path / "run")

    with pytest.raises(UserError, match=r"do not learn .*, \[\], got \['first.bias'\]"):
        unchanged_dense(folder, problem_of(net=model(frozen=True)), "resume")


@pytest.mark.parametrize("without", [(), OLDER])
def test_categories_in_another_order_are_refused_by_the_column_s_name(begun, tmp_path, without):
    """The rows are the same, and so are their hashes."""
    folder = begun(tmp_path / "run", *without)
    problem = problem_of(loans(colours=("red", "green", "blue")))
    assert problem.prepared.hashes == folder.facts()["hashes"]

    with pytest.raises(UserError, match=r"encoded as when .*colour values 0 was 'blue', is 'red'"):
        unchanged_dense(folder, problem, "audit")


def test_a_missing_encoder_is_made_again_and_another_one_is_not(begun, tmp_path):
    folder = begun(tmp_path / "run")
    file = folder.path / "encoder.json"
    before = file.read_text()
    file.unlink()
    with pytest.raises(UserError, match="encoded as when its search began: its digest is another"):
        unchanged_dense(folder, problem_of(loans(colours=("red", "green", "blue"))), "resume")

    unchanged_dense(folder, problem_of(), "resume")

    assert file.read_text() == before


def test_a_missing_dense_net_is_trained_again_and_another_one_is_not_taken(begun, tmp_path):
    folder = begun(tmp_path / "run")
    file = folder.path / "dense.safetensors"
    before = file.read_bytes()
    file.unlink()

    unchanged_dense(folder, problem_of(), "resume")
    assert file.read_bytes() == before

    file.unlink()
    with pytest.raises(UserError, match="is missing, and training it again gave another network"):
        unchanged_dense(folder, problem_of(net=model(scale=0.5)), "resume")


def test_an_earlier_run_of_other_code_teaches_nothing(begun, tmp_path):
    folder = begun(tmp_path / "run")

    assert len(earlier_runs([str(folder.path)], problem_of())) == 1
    with pytest.raises(UserError, match=r"warm start: the dense net of .* decides otherwise"):
        earlier_runs([str(folder.path)], problem_of(net=model(scale=-1.0)))


@pytest.mark.parametrize("name", ["encoder.json", "dense.safetensors"])
@pytest.mark.parametrize("damage", ["cut", "another"])
def test_files_of_a_run_are_checked_without_data(begun, tmp_path, name, damage):
    folder = begun(tmp_path / "run")
    check_files(folder, "export")
    file = folder.path / name
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:50])
    elif name == "encoder.json":
        file.write_text(file.read_text().replace("blue", "Blue"))
    else:
        folder.store_dense(problem_of().untrained())

    with pytest.raises(
        UserError, match=rf"{name}.* (is damaged|got another).*; .*fairfront resume"
    ):
        check_files(folder, "export")


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        ({"a": 1.0, "b": [1, 2]}, {"b": [1, 2], "a": 1.0 + 1e-9}, None),
        ({"a": 1, "later": 2}, {"a": 1, "earlier": 3}, None),
        ({"mean": [0.5, 1.0]}, {"mean": [0.5, 2.0]}, "mean 1 was 1.0, is 2.0"),
        ({"mean": [0.5]}, {"mean": [0.5, 2.0]}, "mean was [0.5], is [0.5, 2.0]"),
        (
            {"numbers": [{"name": "age", "std": 1.0}]},
            {"numbers": [{"name": "age", "std": 3.0}]},
            "numbers age std was 1.0, is 3.0",
        ),
        (
            {"numbers": [{"name": "age"}, {"name": "pay"}]},
            {"numbers": [{"name": "pay"}, {"name": "age"}]},
            "numbers was ['age', 'pay'], is ['pay', 'age']",
        ),
        ({"kind": "frame"}, {"kind": "array"}, "kind was 'frame', is 'array'"),
        ({"impute": False}, {"impute": True}, "impute was False, is True"),
    ],
)
def test_differences_are_told_by_name(then, now, said):
    assert difference(then, now) == said
