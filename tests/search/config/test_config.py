"""The experiment file: what it takes, what it resolves to, and what it says when it is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from search.config.config import Config
from search.config.registries import presets
from search.errors import UserError
from spaces.compose import compose
from spaces.space import Float
from trainables.methods import METHODS

EXAMPLE = """
name = "adult-sex-aod"
seed = 0
[data]
name = "adult"
group = "sex"            # race, sex*race, ...
min_cell = 20
[model]
name = "mlp"
[dense]
name = "erm"
[objective]
performance = "balanced_accuracy"
bias = "aod"
tolerance = 0.05
margin = 0.02
sparsity = true          # third objective
[search]
methods = ["adv_ft", "prune_advft", "magnitude_retrain"]
trials = 60              # in all, shared evenly
sampler = "tpe"
scheduler = "bias_tolerance"
concurrent = 2
[resources]
cpu = 1
gpu = 0
"""

SMALLEST = 'name = "small"\n[data]\nname = "adult"\ngroup = "sex"\n'


@pytest.fixture
def example(tmp_path: Path) -> Path:
    path = tmp_path / "adult.toml"
    path.write_text(EXAMPLE, "utf-8")
    return path


def test_the_documented_example_is_read_as_written(example):
    config = Config.load(example)

    assert config.name == "adult-sex-aod"
    assert config.data.group == "sex"
    assert config.objective.tolerance == 0.05
    assert config.search.methods == ("adv_ft", "prune_advft", "magnitude_retrain")
    assert config.resources.gpu == 0


def test_what_the_example_leaves_out_has_the_same_values_by_default(example, tmp_path):
    small = tmp_path / "small.toml"
    small.write_text(SMALLEST, "utf-8")

    short, full = Config.load(small), Config.load(example)

    # What the network is where none is named, and what follows from the data, is not written out.
    left_open = {"concurrent": short.search.concurrent, "share": None, "defaults": None}
    assert short.model_copy(update={"name": full.name}) == full.model_copy(
        update={"search": short.search, "model": short.model}
    )
    assert short.search == full.search.model_copy(update=left_open)
    assert short.model.args == {"width": 64, "hidden": 1}
    assert full.model.args == {}


@pytest.mark.parametrize("cpu", [1, 2, 10_000])
def test_as_many_trials_run_at_once_as_cpus_allow_but_at_least_one(example, cpu):
    text = example.read_text("utf-8").replace("concurrent = 2\n", "")
    example.write_text(text, "utf-8")

    config = Config.load(example, [f"resources.cpu={cpu}"])

    assert config.search.concurrent == max(1, (os.cpu_count() or 1) // cpu)


@pytest.mark.parametrize(
    ("override", "read"),
    [
        ("objective.tolerance=0.1", lambda config: config.objective.tolerance == 0.1),
        ("objective.sparsity=false", lambda config: config.objective.sparsity is False),
        (
            "objective.tolerance=0.4",
            lambda config: config.objective.tolerance_range == (0.2, 0.999),
        ),
        (
            "objective.tolerances=[0.04,0.06]",
            lambda config: config.objective.tolerance_range == (0.04, 0.06),
        ),
        ("data.group=race=White", lambda config: config.data.group == "race=White"),
        ("data.group='sex*race'", lambda config: config.data.group == "sex*race"),
        ("search.time_limit=1h30m", lambda config: config.search.time_limit == 5400),
        ("search.time_limit=90", lambda config: config.search.time_limit == 90),
        ('search.methods=["adv_ft"]', lambda config: config.search.methods == ("adv_ft",)),
        ("dense.max_epochs=5", lambda config: config.dense.settings == {"max_epochs": 5}),
        ("model.args.width=16", lambda config: config.model.args == {"width": 16}),
        ("tracking.uri=http://127.0.0.1:5000", lambda config: "5000" in config.tracking.uri),
        ("resources.gpu=0.25", lambda config: config.resources.gpu == 0.25),
    ],
)
def test_an_override_is_read_as_toml_and_a_bare_word_as_a_string(example, override, read):
    assert read(Config.load(example, [override]))


def test_the_last_of_two_overrides_counts(example):
    assert Config.load(example, ["seed=1", "seed=2"]).seed == 2


@pytest.mark.parametrize("name", sorted(presets()))
def test_every_preset_resolves_and_reads_back_the_same(name, tmp_path):
    config = Config.load(name)
    written = tmp_path / "config.toml"
    written.write_text(config.to_toml(), "utf-8")

    assert Config.load(written) == config


def test_presets_are_the_ones_that_are_documented():
    assert set(presets()) == {
        "quick",
        "adult_sex_aod",
        "adult_all_methods",
        "adult_race_spd",
        "adult_race_drop",
        "compas_sex_eod",
        "cifar10s_small",
        "celeba_young",
        "fairface_race",
        "adult_three_papers",
        "cifar10s_three_papers",
    }


def test_the_resolved_file_of_an_own_experiment_still_knows_where_its_modules_are(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    path = folder / "mine.toml"
    path.write_text(
        'name = "mine"\n'
        '[data]\nload = "mine:people"\nlabel = "hired"\nattributes = ["sex"]\ngroup = "sex"\n'
        '[model]\nbuild = "mine:net"\nweights = "mine.pt"\n'
        '[dense]\nname = "given"\n',
        "utf-8",
    )
    config = Config.load(path)
    elsewhere = tmp_path / "run" / "config.toml"
    elsewhere.parent.mkdir()
    elsewhere.write_text(config.to_toml(), "utf-8")

    assert config.folder == str(folder)
    assert Config.load(elsewhere) == config
    assert config.data.frame_options == {"label": "hired", "attributes": ("sex",)}
    assert config.model.name is None


def test_a_registered_data_set_and_model_need_no_folder(example):
    assert Config.load(example).folder is None


def test_a_method_is_searched_as_its_table_says(example):
    text = (
        "[space.prune_advft.pruner]\nkeep_target = [0.2, 0.5]\nepochs = 30\n"
        '[space.prune_advft.recovery]\nbias_from = {choices = ["soft"]}\n'
    )
    example.write_text(EXAMPLE + text, "utf-8")
    config = Config.load(example)

    space = compose(METHODS["prune_advft"].stages).narrow(config.space["prune_advft"])
    assert space.ranges["pruner.keep_target"] == Float(0.2, 0.5, log=True)
    assert space.fixed["pruner.epochs"] == 30
    assert space.ranges["recovery.bias_from"].extremes() == ("soft",)


def test_settings_can_not_be_changed_once_they_are_checked(example):
    config = Config.load(example)

    with pytest.raises(ValueError, match="frozen"):
        config.seed = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (
            "objective.tolerence=0.1",
            "unknown key 'objective.tolerence'; did you mean 'objective.tolerance'?",
        ),
        ("tolerance=0.1", "unknown key 'tolerance'; did you mean 'objective.tolerance'?"),
        ("objectiv.bias=aod", "unknown key 'objectiv'; did you mean 'objective'?"),
        ("objective.tolerance=1.0", "objective.tolerance: must be less than 1, got 1.0"),
        ("objective.tolerance=0", "objective.tolerance: must be greater than 0, got 0"),
        ("objective.margin=0.05", "margin must be less than the tolerance of 0.05, got 0.05"),
        ("objective.tolerances=[0.1, 0.2]", "with the tolerance of 0.05 between them, got"),
        ("objective.tolerances=[0.01, 0.04]", "between them, got [0.01, 0.04]"),
        ("objective.tolerances=[0.01, 1.0]", "objective.tolerances: must be less than 1, got 1"),
        ("objective.tolerances=[0.0, 0.1]", "objective.tolerances: must be greater than 0"),
        ("objective.optimise=['fairness']", "optimise must name some of performance, bias"),
        ("objective.optimise=[]", "each once, got []"),
        ("objective.bias=aodd", "unknown measure 'aodd'; did you mean 'aod'?"),
        ("objective.bias=accuracy", "must be a measure that compares groups, got 'accuracy'"),
        ("objective.performance=aod", "must be a measure of performance, got 'aod'"),
        ("search.trials=0", "search.trials: must be greater than or equal to 1, got 0"),
        ("search.trials='60'", "search.trials: must be a valid integer, got '60'"),
        ("search.sampler=tpee", "unknown sampler 'tpee'; did you mean 'tpe'?"),
        ("search.scheduler=hyperband", "unknown scheduler 'hyperband'"),
        (
            'search.methods=["prune_advtf"]',
            "unknown method 'prune_advtf'; did you mean 'prune_advft'?",
        ),
        (
            "search.methods=[]",
            "must name at least one method, and each once, got []",
        ),
        ('search.methods=["adv_ft", "adv_ft"]', "must name at least one method, and each once"),
        ("search.time_limit=soon", "must be a time such as 90s, 30m or 1h30m, got 'soon'"),
        ("data.name=adlt", "unknown data set 'adlt'; did you mean 'adult'?"),
        ("data.load=mine:people", "name and load exclude each other"),
        ("data.label=hired", "label go with load, not with name"),
        ("data.group= ", "group: must read like"),
        ("data.min_cell=0", "data.min_cell: must be greater than or equal to 1, got 0"),
        ("data.missing=guess", "data.missing: must be 'refuse' or 'impute', got 'guess'"),
        ("data.fractions.train=1.0", "data.fractions: must give train, debias, tune, test"),
        ("model.name=mpl", "unknown model 'mpl'; did you mean 'mlp'?"),
        ("model.build=mine:net", "name and build exclude each other"),
        ("model.weights=net.onnx", "must be a .safetensors, .pt or .pth file, got 'net.onnx'"),
        ("dense.name=erm2", "unknown dense net 'erm2'; did you mean 'erm'?"),
        ("dense.learning=1", "unknown setting of dense net erm 'learning'"),
        ("dense.lr=-1.0", "lr: must be greater than 0, got -1.0"),
        ("correction.name=treshold", "unknown correction 'treshold'; did you mean 'threshold'?"),
        ("correction.choose=fairest", "choose must be one of"),
        ("resources.gpu=0.3", "one over a whole number, got 0.3"),
        ("resources.cpu=0", "resources.cpu: must be greater than or equal to 1, got 0"),
        (
            "space.prune_advtf.pruner.beta=1",
            "unknown method 'prune_advtf'; did you mean 'prune_advft'?",
        ),
        ("space.adv_ft.pruner.beta=1", "unknown stage of adv_ft 'pruner'; known: recovery"),
        (
            "space.adv_ft.recovery.lrr=1",
            "unknown setting of recovery adversarial 'lrr'; did you mean 'lr'?",
        ),
        ("space.adv_ft.recovery.lr=[0.1]", "space.adv_ft.recovery.lr: a range must be"),
        ("space.magnitude_retrain.pruner.sparsity=[0.5, 1.0]", "sparsity: must be less than 1"),
        ("space.adv_ft.recovery.epochs=0", "epochs: must be greater than or equal to 1, got 0"),
        ("seed=-1", "seed: must be greater than or equal to 0, got -1"),
        ("name='a/b'", "name: "),
        ("name.first=a", "name is no table"),
        ("seed", "must read like objective.tolerance=0.1, got 'seed'"),
    ],
)
def test_what_is_wrong_is_named_with_its_origin_key_rule_and_value(example, override, said):
    with pytest.raises(UserError) as caught:
        Config.load(example, [override])

    message = str(caught.value)
    assert said in message
    assert message.startswith("--set")
    assert "\n" not in message


def test_a_fault_in_the_file_names_the_file_and_every_wrong_key_on_a_line_of_its_own(example):
    text = EXAMPLE.replace("tolerance = 0.05", "tolerance = 5").replace("seed = 0", "sed = 0")
    example.write_text(text, "utf-8")

    with pytest.raises(UserError) as caught:
        Config.load(example)

    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"{example}: ") for line in lines)
    assert "did you mean 'seed'?" in str(caught.value)


def test_a_file_that_is_no_toml_is_refused_with_the_place(example):
    example.write_text("name = \n", "utf-8")

    with pytest.raises(UserError, match=r"adult\.toml: is not valid TOML: .*line 1"):
        Config.load(example)


def test_a_missing_group_is_asked_for(example):
    example.write_text(EXAMPLE.replace('group = "sex" ', "# "), "utf-8")

    with pytest.raises(UserError, match=r"data\.group: must be given"):
        Config.load(example)


def test_missing_files_and_unknown_presets_are_told_apart():
    with pytest.raises(UserError, match=r"unknown preset 'qick'; did you mean 'quick'\?"):
        Config.load("qick")
    with pytest.raises(UserError, match=r"mine\.toml: there is no such file"):
        Config.load("mine.toml")
