"""The presets that search the methods of three papers at once, with digits as their data."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from search.config.config import Config
from search.problem.problem import open_problem
from search.results.report import report
from tests.search.made_run import made_run
from tests.trainables.short_methods import SHORT
from trainables.methods import METHODS, correction_of
from trainables.trial.spec import Spec

# Controls, a part of the methods that follow it, and the line that every front of two classes has.
LEFT_OUT = {"random", "dense_retrain", "prune_as_is", "group_thresholds", "distil_dense"}
TWO_CLASSES = {"reject_option", "equalized_odds", "calibrated_odds"}
SMALL = [
    *["data.name='digits'", "data.group='domain'", "model.name='convnet'"],
    *["dense.max_epochs=10", "objective.tolerance=0.3", "tracking.enabled=false"],
]
DATA = {"adult_three_papers": {"target": "odd"}, "cifar10s_three_papers": {}}  # args of digits

each = pytest.mark.parametrize("name", sorted(DATA))


def quick(method: str) -> dict[str, dict[str, object]]:
    """The settings of a short trial, with few and large batches."""
    larger = {"batch_size": 256}
    return {
        slot: {key: larger.get(key, value) for key, value in settings.items()}
        for slot, settings in SHORT[method].items()
    }


def on_digits(name: str) -> Config:
    args = ", ".join(f"{key}='{value}'" for key, value in DATA[name].items())
    return Config.load(name, [*SMALL, f"data.args={{{args}}}"])


def test_every_published_method_is_searched():
    adult, photos = (Config.load(name).search.methods for name in sorted(DATA))

    assert set(METHODS) - set(adult) == LEFT_OUT
    assert set(adult) - set(photos) >= TWO_CLASSES
    assert set(photos) <= set(adult)


@each
def test_each_method_gets_as_many_trials_as_the_file_says(name):
    config = on_digits(name)
    searched = [space for space in open_problem(config).spaces.values() if space.ranges]
    share, rest = divmod(config.search.trials, len(searched))

    assert rest == len(config.search.methods) - len(searched)  # one for each of the others
    assert share == config.search.shared_pruners


@each
def test_every_end_of_every_range_is_a_setting_that_its_stage_takes(name):
    problem = open_problem(on_digits(name))
    for method, space in problem.spaces.items():
        correction = correction_of(method, problem.correction)
        for share in (0.0, 0.999):
            settings = space.nest({key: span.at(share) for key, span in space.ranges.items()})
            slots = {slot: values for slot, values in settings.items() if slot != "shared"}
            Spec.from_config(
                {
                    **{"trial": "t1", "method": method, "seed": 0},
                    **{"settings": slots, "correction": correction},
                }
            )


@pytest.mark.parametrize(
    "name",
    ["adult_three_papers", pytest.param("cifar10s_three_papers", marks=pytest.mark.slow)],
)
def test_one_trial_of_each_method_makes_one_front_with_a_table_of_who_holds_what(name, tmp_path):
    config = on_digits(name)
    methods = config.search.methods
    run = made_run(tmp_path / "run", config, {method: quick(method) for method in methods})

    page = report(Path(run.path)).read_text("utf-8")
    front = run.write_front()

    assert front["methods"] == sorted(methods)
    assert front["points"], "the loose tolerance leaves networks on the front"
    held = page.split("Parts of the front")[1].split("</section>")[0]
    rows = re.findall(r'<tr><td data-sort="([^"(]+?)(?: \(uses the group\))?">', held)
    assert set(rows) >= set(methods)
    assert 'data-figure="compute"' in page
    assert (run.path / "front.png").stat().st_size > 10_000
