"""What of an experiment may change between the sessions of its search, and what may not."""

import json
from contextlib import closing

import pytest

from search.config.config import Config
from search.config.fixed import change, fixed_part
from search.errors import UserError
from search.journal.journal import Journal
from search.runs.folder import RunFolder

FILE = """name = "kept"
[data]
name = "digits"
group = "domain"
min_cell_of = "cells"
[dense]
name = "erm"
max_epochs = 3
[objective]
performance = "accuracy"
bias = "aod"
tolerance = 0.1
reference = [0.5, 0.1, 0.0]
[search]
methods = ["adv_ft"]
trials = 4
scheduler = "none"
[space.adv_ft.recovery]
epochs = 2
"""
OTHERS = [
    ("objective.tolerance", "tolerance = 0.1", "tolerance = 0.5"),
    ("objective.performance", '"accuracy"', '"balanced_accuracy"'),
    ("objective.bias", '"aod"', '"eod"'),
    ("objective.margin", "tolerance = 0.1", "tolerance = 0.1\nmargin = 0.01"),
    ("objective.group_at_prediction", "[search]", "group_at_prediction = true\n[search]"),
    ("data.group", 'group = "domain"', 'group = "half"'),
    ("data.min_cell", "[dense]", "min_cell = 1\n[dense]"),
    ("data.split_seed", "[dense]", "split_seed = 3\n[dense]"),
    ("dense.max_epochs", "max_epochs = 3", "max_epochs = 4"),
    ("model.name", "[dense]", '[model]\nname = "convnet"\n[dense]'),
    (
        "correction.choose",
        "[dense]",
        '[correction]\nname = "threshold"\nchoose = "fixed"\n[dense]',
    ),
    ("search.recording", "trials = 4", "trials = 4\nrecording = true"),
    ("search.scheduler", 'scheduler = "none"', 'scheduler = "asha"'),
    ("space.adv_ft.recovery.epochs", "epochs = 2", "epochs = 9"),
    ("seed", 'name = "kept"', 'name = "kept"\nseed = 5'),
]
TOLD_BEFORE = {  # of these, what earlier versions wrote into their journals tells
    *("objective.tolerance", "objective.performance", "objective.bias", "objective.margin"),
    *("objective.group_at_prediction", "data.group", "correction", "seed"),
}
MAY = [
    ("trials = 4", 'trials = 40\ntime_limit = "1h"\nbudget = "2h"\nconcurrent = 1'),
    ("[search]", '[tracking]\nenabled = false\nuri = "http://127.0.0.1:5000"\n[search]'),
    ("[search]", "[resources]\ncpu = 2\n[search]"),
    ('name = "kept"', 'name = "kept"\nfolder = "/elsewhere"'),
]


def facts(config):
    """As the version before wrote them, without the config."""
    objective = {name: getattr(config.objective, name) for name in NAMES}
    return {
        **{"name": config.name, "seed": config.seed, "group": config.data.group},
        **{"objective": objective, "sparsity": config.objective.sparsity},
        "reference": list(config.objective.reference),
        "tolerances": list(config.objective.tolerance_range),
        "group_at_prediction": config.objective.group_at_prediction,
        "correction": {"name": config.correction.name, **config.correction.settings},
    }


NAMES = ("performance", "bias", "tolerance", "margin")


@pytest.fixture(params=["now", "before"])
def run(tmp_path, request):
    """A run that has begun, and by which version it was written."""
    (tmp_path / "config.toml").write_text(FILE)
    config = Config.load(tmp_path / "config.toml")
    told = {"config": fixed_part(config)} if request.param == "now" else {}
    with closing(Journal(tmp_path)) as journal:
        journal.append({"event": "experiment", **facts(config), **told})
        journal.append({"event": "dense"})
    return RunFolder(tmp_path), request.param


def edit(folder, old, new):
    assert old in FILE
    (folder.path / "config.toml").write_text(FILE.replace(old, new, 1))


def test_an_unchanged_file_is_read_as_it_is(run):
    folder, _ = run

    assert folder.config() == Config.load(folder.path / "config.toml")


@pytest.mark.parametrize(("key", "old", "new"), OTHERS, ids=[key for key, *_ in OTHERS])
def test_what_decides_a_search_may_not_change_and_is_named(run, key, old, new):
    folder, version = run
    edit(folder, old, new)
    if version == "before" and key.split(".choose")[0] not in TOLD_BEFORE:
        folder.config()  # its journal does not tell
        return

    shown = key if version == "now" else key.split(".choose")[0]
    with pytest.raises(UserError, match=rf"config.toml: {shown} must stay as the search began"):
        folder.config()


@pytest.mark.parametrize(("old", "new"), MAY)
def test_how_much_is_run_on_what_and_where_it_is_told_of_may_change(run, old, new):
    folder, _ = run
    edit(folder, old, new)

    assert folder.config() == Config.load(folder.path / "config.toml")


def test_a_key_of_a_later_version_had_its_default_then():
    config = Config.model_validate_json(json.dumps(as_table()))
    told = fixed_part(config)
    del told["objective"]["group_at_prediction"]

    assert change(told, config) is None
    allowed = config.objective.model_copy(update={"group_at_prediction": True})
    found = change(told, config.model_copy(update={"objective": allowed}))
    assert found == ("objective.group_at_prediction", False, True)


def test_an_addition_and_a_removal_are_changes_too():
    config = Config.model_validate(as_table())
    longer = Config.model_validate({**as_table(), "prune_by": {"group": "domain"}})

    assert change(fixed_part(config), longer) == ("prune_by.group", None, "domain")
    assert change(fixed_part(longer), config) == ("prune_by.group", "domain", None)


def as_table():
    import tomllib

    return tomllib.loads(FILE)
