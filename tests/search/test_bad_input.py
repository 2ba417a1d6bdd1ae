"""Bad input, through the command line and the user's own data and network.

Each kind ends with one readable message that names key, value and the nearest known name, with
exit code 2, and leaves nothing behind.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from search.cli import app

EXPERIMENT = """
name = "people"
[data]
load = "people:load"
label = "hired"
attributes = ["sex"]
group = "sex"
min_cell = 5
[model]
build = "people:build"
[dense]
name = "untrained"
[search]
methods = ["dense_threshold"]
trials = 1
[tracking]
enabled = false
"""

PEOPLE = """
import numpy as np
import pandas as pd
from torch import nn


def frame(rows=900):
    draw = np.random.default_rng(0)
    sex = draw.choice(["female", "male"], rows)
    skill = draw.normal(size=rows)
    hired = (skill + (sex == "male") + draw.normal(size=rows) > 0.5).astype(int)
    return pd.DataFrame({"skill": skill, "age": draw.integers(18, 65, rows), "sex": sex,
                         "hired": hired})


def load():
    return frame()


def build(shape, outputs):
    return nn.Sequential(nn.Linear(shape[0], 4), nn.ReLU(), nn.Linear(4, outputs))
"""


@dataclass(frozen=True)
class Bad:
    """One kind of bad input: what is changed, and what the message must hold."""

    said: tuple[str, ...]
    overrides: tuple[str, ...] = ()
    people: str = ""  # Python added to the user's module


LOAD = "\ndef load():\n    table = frame()\n    {}\n    return table\n"

OWN_DATA = {
    "NaN in a column": Bad(
        ("skill", "missing", "impute"), people=LOAD.format("table.loc[3, 'skill'] = np.nan")
    ),
    "NaN in the label": Bad(
        ("'hired'", "missing values, got 1 rows"),
        people=LOAD.format("table['hired'] = table['hired'].mask(table.index == 3)"),
    ),
    "infinity in a column": Bad(("skill",), people=LOAD.format("table.loc[3, 'skill'] = np.inf")),
    "one label": Bad(
        ("label 'hired'", "at least two values, got only 1"),
        people=LOAD.format("table['hired'] = 1"),
    ),
    "one group": Bad(
        ("attribute 'sex'", "at least two groups, got only 'male'"),
        people=LOAD.format("table['sex'] = 'male'"),
    ),
    "group column missing": Bad(
        ("attributes", "'sxe'", "did you mean 'sex'?"), overrides=('data.attributes=["sxe"]',)
    ),
    "label column missing": Bad(
        ("label", "'hird'", "did you mean 'hired'?"), overrides=("data.label=hird",)
    ),
    "group not among the attributes": Bad(
        ("unknown attribute 'sxe'", "did you mean 'sex'?"), overrides=("data.group=sxe",)
    ),
    "group value unknown": Bad(
        ("unknown value 'mal' of sex", "did you mean 'male'?"), overrides=("data.group=sex=mal",)
    ),
    "positive never occurs": Bad(
        ("positive", "'hired' is never 2"), overrides=("data.positive=2",)
    ),
    "column to drop missing": Bad(
        ("drop", "'agee'", "did you mean 'age'?"), overrides=('data.drop=["agee"]',)
    ),
    "two texts without positive": Bad(
        ("positive must say which", "'yes'"),
        people=LOAD.format("table['hired'] = table['hired'].map({0: 'no', 1: 'yes'})"),
    ),
    "no rows": Bad(("data must have rows, got none",), people=LOAD.format("table = table[:0]")),
    "groups too small": Bad(("min_cell",), overrides=("data.min_cell=1000",)),
    "module not found": Bad(("data.load", "'peple'"), overrides=("data.load=peple:load",)),
    "function not found": Bad(
        ("data.load", "'lod'", "did you mean 'load'?"), overrides=("data.load=people:lod",)
    ),
    "function raises": Bad(
        ("people:load", "KeyError", "'salary'"), people=LOAD.format("table['salary']")
    ),
    "function returns another type": Bad(
        ("people:load", "FairData or a DataFrame, got list"),
        people="\ndef load():\n    return [1, 2]\n",
    ),
    "function takes no such argument": Bad(
        ("data.args", "people:load", "'rows'"), overrides=("data.args.rows=3",)
    ),
    "module does not import": Bad(
        ("data.load", "people", "no_such_module"), people="\nimport no_such_module\n"
    ),
    "module is no Python": Bad(("data.load", "people", "SyntaxError"), people="\ndef load(:\n"),
    "module named like a package of ours": Bad(
        ("data.load", "'analysis:load'", "rename"), overrides=("data.load=analysis:load",)
    ),
    "label kept among the attributes": Bad(
        ("attributes", "'hired'"), overrides=('data.attributes=["hired"]',)
    ),
    "no attributes": Bad(("attributes",), overrides=("data.attributes=[]",)),
    "measure that does not suit the task": Bad(
        ("aod", "binary", "3 classes"),
        overrides=("correction.name=argmax",),
        people=LOAD.format("table['hired'] = np.arange(len(table)) % 3"),
    ),
    "correction that does not suit the task": Bad(
        ("correction", "argmax", "'group_thresholds'"),
        overrides=(
            "correction.name=group_thresholds",
            "objective.bias=bias_amplification",
            "objective.performance=accuracy",
        ),
        people=LOAD.format("table['hired'] = np.arange(len(table)) % 3"),
    ),
}

OWN_NETWORK = {
    "builder returns another type": Bad(
        ("model.build", "torch.nn.Module", "got int"),
        people="\ndef build(shape, outputs):\n    return 3\n",
    ),
    "builder raises": Bad(
        ("model.build", "people:build", "ZeroDivisionError"),
        people="\ndef build(shape, outputs):\n    return 1 / 0\n",
    ),
    "network of another shape": Bad(
        ("model.build", "logits (2, 1), got (2, 5)"),
        people="\ndef build(shape, outputs):\n    return nn.Linear(shape[0], 5)\n",
    ),
    "network without prunable weights": Bad(
        ("prunable",),
        people="\ndef build(shape, outputs):\n    return nn.Flatten()\n",
    ),
    "builder takes no such argument": Bad(
        ("model.build", "people:build", "width"), overrides=("model.args.width=3",)
    ),
    "weights file missing": Bad(
        ("model.weights", "none.pt"), overrides=("model.weights=none.pt", "dense.name=given")
    ),
    "weights of another net": Bad(
        ("model.weights", "other.pt", "another net"),
        overrides=("model.weights=other.pt", "dense.name=given"),
    ),
    "weights that are no tensors": Bad(
        ("model.weights", "noise.safetensors"),
        overrides=("model.weights=noise.safetensors", "dense.name=given"),
    ),
    "given without weights": Bad(("given", "weights"), overrides=("dense.name=given",)),
    "constant scores": Bad(
        ("better than a constant prediction",),
        people="\n\ndef build(shape, outputs):\n    net = nn.Linear(shape[0], outputs)\n"
        "    nn.init.zeros_(net.weight)\n    return net\n",
    ),
}

NAMES = {
    "unknown preset": (
        ["adlt_sex_aod"],
        "unknown preset 'adlt_sex_aod'; did you mean 'adult_sex_aod'?",
    ),
    "missing file": (["mine.toml"], "mine.toml: there is no such file"),
    "unknown key": (["quick", "--set", "objective.tolerence=0.1"], "unknown key"),
    "unknown method": (["quick", "--set", 'search.methods=["advft"]'], "did you mean 'adv_ft'?"),
    "unknown measure": (["quick", "--set", "objective.bias=aodd"], "did you mean 'aod'?"),
    "unknown sampler": (["quick", "--set", "search.sampler=tpee"], "did you mean 'tpe'?"),
    "unknown data set": (["quick", "--set", "data.name=digit"], "did you mean 'digits'?"),
    "unknown model": (["quick", "--set", "model.name=convnt"], "did you mean 'convnet'?"),
    "unknown argument of a data set": (["quick", "--set", "data.args.skw=0.9"], "'skew'"),
    "unknown argument of a model": (["quick", "--set", "model.args.wdth=3"], "model"),
    "data set option out of range": (["quick", "--set", "data.args.skew=1.5"], "1.5"),
    "tolerance out of range": (["quick", "--set", "objective.tolerance=1.5"], "got 1.5"),
    "margin above the tolerance": (["quick", "--set", "objective.margin=0.2"], "got 0.2"),
    "no trials": (["quick", "--trials", "0"], "search.trials: must be greater than or equal to 1"),
    "time limit that is none": (["quick", "--time-limit", "soon"], "got 'soon'"),
    "measure for another task": (["quick", "--set", "objective.bias=aod"], "binary"),
    "setting out of range": (
        ["quick", "--set", "space.magnitude_retrain.pruner.sparsity=1.0"],
        "sparsity: must be less than 1, got 1.0",
    ),
    "data not downloaded": (["adult_sex_aod"], "fairfront data get adult"),
}


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in, with caches elsewhere and no data files."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FAIRFRONT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FAIRFRONT_DATA", str(tmp_path / "data"))
    path, modules = list(sys.path), set(sys.modules)
    yield folder
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name == "people":
            del sys.modules[name]


def refused(*arguments: str) -> str:
    """The message of a command that must be refused."""
    result = CliRunner().invoke(app, list(arguments))

    assert result.exit_code == 2, (result.output, result.exception)
    assert result.output.startswith("fairfront: ")
    assert "Traceback" not in result.output
    return result.output


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"__pycache__"}


@pytest.mark.parametrize("kind", OWN_DATA | OWN_NETWORK)
def test_bad_data_and_networks_of_the_users_own_are_refused_with_one_message(kind, workplace):
    bad = (OWN_DATA | OWN_NETWORK)[kind]
    (workplace / "people.py").write_text(PEOPLE + bad.people, "utf-8")
    (workplace / "people.toml").write_text(EXPERIMENT, "utf-8")
    torch.save(nn.Linear(7, 2).state_dict(), workplace / "other.pt")
    (workplace / "noise.safetensors").write_bytes(b"noise")
    before = files(workplace)

    changes = [part for override in bad.overrides for part in ("--set", override)]
    message = refused("search", "people.toml", *changes)

    assert all(said in message for said in bad.said), message
    assert message.count("\n") == 1, message
    assert files(workplace) == before


@pytest.mark.parametrize("kind", NAMES)
def test_bad_names_and_values_are_refused_with_one_message(kind, workplace):
    arguments, said = NAMES[kind]

    message = refused("search", *arguments)

    assert said in message
    assert message.count("\n") == 1, message
    assert files(workplace) == set()


def test_an_own_experiment_is_accepted_when_nothing_is_wrong_with_it(workplace):
    (workplace / "people.py").write_text(PEOPLE, "utf-8")
    (workplace / "people.toml").write_text(EXPERIMENT, "utf-8")

    result = CliRunner().invoke(app, ["search", "people.toml", "--dry-run"])

    assert result.exit_code == 0, result.output
    assert 'load = "people:load"' in result.output
    assert "cells on tune (sex x label):" in result.output
    assert files(workplace) == {"people.py", "people.toml"}


def test_a_folder_that_holds_a_run_is_not_overwritten(workplace):
    run = workplace / "runs" / "old"
    run.mkdir(parents=True)
    (run / "journal.jsonl").write_text("{}\n", "utf-8")

    message = refused("search", "quick", "--out", "runs/old")

    assert "runs/old holds a run" in message
    assert "fairfront resume runs/old" in message
    assert files(run) == {"journal.jsonl"}


@pytest.mark.parametrize("command", ["resume", "confirm", "report", "export"])
def test_commands_on_a_folder_without_a_run_name_the_nearest_one(command, workplace):
    (workplace / "runs" / "digits-1").mkdir(parents=True)
    (workplace / "runs" / "digits-1" / "journal.jsonl").write_text("{}\n", "utf-8")
    extra = ["t0001-1"] if command == "export" else []

    message = refused(command, "runs/digit-1", *extra)

    assert "runs/digit-1: holds no run" in message
    assert "did you mean runs/digits-1?" in message


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--tolerance", "2"], "--tolerance: must lie in (0, 1), got 2.0"),
        (["--bias", "aodd"], "--bias: unknown measure 'aodd'; did you mean 'aod'?"),
        (["--bias", "accuracy"], "--bias: must be a measure that compares groups"),
        (["--group", "sex*"], "--group: "),
    ],
)
def test_a_report_is_not_asked_for_with_a_wrong_view(arguments, said, workplace):
    (workplace / "journal.jsonl").write_text("{}\n", "utf-8")

    assert said in refused("report", ".", *arguments)


def test_unknown_things_to_list_and_to_download_are_answered_with_the_nearest(workplace):
    assert "did you mean 'measures'?" in refused("list", "measurs")
    assert "did you mean 'adult'?" in refused("data", "get", "adlt")
