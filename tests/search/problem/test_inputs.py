"""What a given network is fed, and the warning where that is not what it was trained on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tomli_w
import torch
from torch import nn

from search.config.config import Config
from search.engine.dry_run import describe
from search.errors import UserError
from search.problem.dense_doubts import doubts_of
from search.problem.dense_net import dense_report
from search.problem.problem import open_problem
from search.runs.export import card_of_point
from search.runs.folder import RunFolder
from trainables.data import Attribute, FairData
from trainables.trial.workbench import Workbench

FINISHED = Path(__file__).parents[1] / "runs" / "older_version" / "finished"


class Extremes(nn.Module):
    """Knows bright and dark images from grey ones, by pixels in 0..1: thresholds .8 and .3."""

    def __init__(self):
        super().__init__()
        self.edges, self.sum = nn.Linear(4, 2), nn.Linear(2, 1)
        with torch.no_grad():
            self.edges.weight.copy_(torch.tensor([[0.25] * 4, [-0.25] * 4]))
            self.edges.bias.copy_(torch.tensor([-0.8, 0.3]))
            self.sum.weight.copy_(torch.ones(1, 2))
            self.sum.bias.copy_(torch.tensor([-0.01]))

    def forward(self, images):
        return 50 * self.sum(torch.relu(self.edges(images.flatten(1))))


def images(n=1200):
    draw = np.random.default_rng(0)
    grey = draw.integers(0, 256, n)
    return FairData(
        inputs=np.repeat(grey, 4).reshape(n, 1, 2, 2).astype(np.uint8),
        labels=((grey / 255 > 0.8) | (grey / 255 < 0.3)).astype(np.int64),
        attributes={"letter": Attribute(draw.integers(0, 2, n), ("a", "b"))},
        classes=("grey", "extreme"),
        name="greys",
    )


def experiment(**model):
    return Config.model_validate(
        {
            "name": "seen",
            "data": {"group": "letter"},
            "model": model,
            "dense": {"name": "given"},
            "search": {"methods": ["magnitude_retrain"]},
        }
    )


def judged(config):
    """The performance of the given network on tune, and what speaks against it."""
    problem = open_problem(config, images(), Extremes())
    start = problem.untrained()
    bench = Workbench.open(problem.prepared, start, problem.objective, device="cpu")
    report = dense_report(bench)
    return report["performance"], doubts_of(config, bench, report)


def test_a_network_that_was_trained_on_pixels_in_0_to_1_is_worth_what_it_was():
    right, _ = judged(experiment(inputs="0..1"))
    wrong, _ = judged(experiment())

    assert right > 0.98
    assert wrong < 0.9


def test_less_than_is_expected_is_warned_of_and_the_scale_is_named():
    performance, doubts = judged(experiment(inputs="0..1", expect=0.98))
    assert doubts == []

    performance, doubts = judged(experiment(expect=0.98))
    assert len(doubts) == 1
    assert (
        f"balanced_accuracy is {performance:.3f} on tune, less than [model] expect = 0.98"
        in (doubts[0])
    )
    assert "It sees: minus" in doubts[0]
    assert '[model] inputs changes that: "standardised", "raw", "0..1" or {mean' in doubts[0]


def test_a_network_given_that_is_near_chance_is_warned_of_without_a_figure(monkeypatch):
    monkeypatch.setattr("search.problem.dense_doubts.NEAR_CHANCE", 0.9)
    _, doubts = judged(experiment())

    assert "hardly more than the 0.500 of a constant prediction" in doubts[0]


def test_the_journal_keeps_the_warning():
    problem = open_problem(experiment(), images(), Extremes()).with_reference(0.5)

    noted = replace(problem, network_notes=("fed something else",))
    assert "fed something else" in noted.facts()["notes"]


def test_an_exported_models_card_says_what_the_network_sees():
    folder = RunFolder(FINISHED)
    point = folder.front()["points"][0]

    assert card_of_point(folder, point)["sees"].startswith("minus (")


def test_a_scale_that_does_not_fit_the_data_is_refused_before_anything_starts():
    with pytest.raises(UserError, match=r"inputs\.mean: must be one number or one for each"):
        open_problem(experiment(inputs={"mean": [0.5, 0.5], "std": 0.5}), images(), Extremes())


def test_a_dry_run_says_what_a_network_sees(tmp_path):
    (tmp_path / "rows_seen.py").write_text(
        "import numpy as np, pandas as pd\n"
        "def load():\n"
        "    draw = np.random.default_rng(0)\n"
        "    x = np.arange(2000) % 101\n"
        "    y = (x + draw.normal(0, 20, 2000) > 50).astype(int)\n"
        "    return pd.DataFrame({'x': x, 'sex': draw.choice(['f', 'm'], 2000), 'y': y})\n"
    )
    config = Config.model_validate(
        {
            "name": "seen",
            "folder": str(tmp_path),
            "data": {
                "load": "rows_seen:load",
                "label": "y",
                "attributes": ["sex"],
                "group": "sex",
            },
            "model": {"inputs": "0..1"},
        }
    )
    said = next(line for line in describe(config) if line.startswith("it sees"))

    assert said == (
        "it sees: x: divided by 100; one-hot: sex (2 values); (3,) from 0 to 1 in train"
    )


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ("standardized", "model.inputs"),
        ({"mean": 0.5}, "model.inputs"),
        ({"mean": "x", "std": 1}, "model.inputs"),
    ],
)
def test_another_way_to_scale_is_refused_by_name(tmp_path, inputs, message):
    file = tmp_path / "seen.toml"
    data = {"name": "digits", "group": "domain"}
    file.write_text(tomli_w.dumps({"name": "seen", "data": data, "model": {"inputs": inputs}}))
    with pytest.raises(UserError) as error:
        Config.load(file)
    assert len(str(error.value).splitlines()) == 1
    assert message in str(error.value)
