"""Specs: what travels to a worker as a plain dict becomes typed, and comes back unchanged."""

import json

import pytest

from trainables.methods import METHODS
from trainables.trial.spec import Spec


def config(method="prune_advft", settings=None, correction=None):
    return {
        "trial": "t0001",
        "method": method,
        "seed": 3,
        "settings": settings or {},
        "correction": correction or {"name": "threshold"},
    }


@pytest.mark.parametrize("method", METHODS)
def test_a_spec_comes_back_from_its_config_unchanged(method):
    spec = Spec.from_config(config(method))

    plain = json.loads(json.dumps(spec.to_config()))

    assert Spec.from_config(plain) == spec
    assert Spec.from_config(plain).to_config() == plain
    assert [(stage.role, stage.name, stage.slot) for stage in spec.stages] == [
        (stage.role, stage.name, stage.slot) for stage in METHODS[method].stages
    ]


def test_settings_reach_their_stage_and_the_rest_keeps_its_defaults():
    settings = {"pruner": {"keep_target": 0.3}, "recovery": {"epochs": 7}}
    spec = Spec.from_config(config(settings=settings, correction={"name": "argmax"}))

    discovery, adversarial = (stage.settings for stage in spec.stages)
    assert (discovery.keep_target, discovery.epochs) == (0.3, 80)
    assert (adversarial.epochs, adversarial.lr) == (7, 0.01)
    assert (spec.trial, spec.seed, spec.correction_name) == ("t0001", 3, "argmax")
    assert spec.to_config()["settings"]["pruner"]["keep_target"] == 0.3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"method": "prune_advtf"}, "spec: method must be one of .*prune_advft.* 'prune_advtf'"),
        ({"correction": {"name": "thresh"}}, "spec: correction must be one of .* 'thresh'"),
        ({"correction": {"name": "threshold", "choose": "best"}}, "choose must be .* 'best'"),
        ({"settings": {"finish": {}}}, r"prune_advft: settings are for .*, got \['finish'\]"),
        ({"settings": {"pruner": {"tau": 0.1}}}, "tau"),
        ({"settings": {"recovery": {"epochs": 0}}}, "epochs"),
        ({"method": "adv_ft", "settings": {"pruner": {}}}, r"adv_ft: .*, got \['pruner'\]"),
    ],
)
def test_unknown_names_roles_and_settings_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        Spec.from_config({**config(), **changes})


@pytest.mark.parametrize(
    ("method", "settings", "splits"),
    [
        ("dense_threshold", {}, "nothing"),
        ("adv_ft", {}, "debias"),
        ("prune_as_is", {}, "debias"),
        ("prune_advft", {}, "debias"),
        ("magnitude_retrain", {"recovery": {"learns_from": "train"}}, "train"),
        ("magnitude_retrain", {"recovery": {"learns_from": "debias"}}, "debias"),
    ],
)
def test_a_spec_says_which_splits_its_stages_learn_from(method, settings, splits):
    assert Spec.from_config(config(method, settings)).learns_from == splits
