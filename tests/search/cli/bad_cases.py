"""Kinds of bad input: what is wrong, and what its one message must name."""

from __future__ import annotations

from dataclasses import dataclass

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
        ("label 'hired'", "at least two values, got only '1'"),
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
    "module not found": Bad(
        ("data.load", "peple.py is missing"), overrides=("data.load=peple:load",)
    ),
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
    "correction of a method that does not suit the task": Bad(
        ("methods: equalized_odds", "two classes", "got 3"),
        overrides=(
            'search.methods=["equalized_odds"]',
            "objective.bias=bias_amplification",
            "objective.performance=accuracy",
        ),
        people=LOAD.format("table['hired'] = np.arange(len(table)) % 3"),
    ),
    "argmax for two classes": Bad(
        ("[correction] argmax", "more than two classes", "got 2"),
        overrides=("correction.name=argmax",),
    ),
    "correction for two groups and more of them": Bad(
        ("[correction] reject_option", "two groups", "got 3: a, b, c"),
        overrides=("correction.name=reject_option",),
        people=LOAD.format("table['sex'] = np.resize(['a', 'b', 'c'], len(table))"),
    ),
    "method for two groups and more of them": Bad(
        ("methods: calibrated_odds", "two groups", "got 3: a, b, c"),
        overrides=('search.methods=["calibrated_odds"]',),
        people=LOAD.format("table['sex'] = np.resize(['a', 'b', 'c'], len(table))"),
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
    "second measure for another task": (
        ["quick", "--set", 'objective.also=["abs_aod"]'],
        "binary",
    ),
    "setting out of range": (
        ["quick", "--set", "space.magnitude_retrain.pruner.sparsity=1.0"],
        "sparsity: must be less than 1, got 1.0",
    ),
    "data not downloaded": (["adult_sex_aod"], "fairfront data get adult"),
}
