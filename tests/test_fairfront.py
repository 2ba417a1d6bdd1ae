"""The public module: light to import, complete, and one kind of error for what does not fit."""

import inspect
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fairfront
from search.config.config import Config
from search.engine.experiment import RunResult
from search.errors import UserError
from search.results.report import price_of_fairness
from search.runs.folder import RunFolder
from tests.search.front.test_build import BY_SEX, FAIR, ONLY_FPR, WORSE, report, trial
from tests.search.runs.test_garbage import make
from trainables.user_code import load_function

HEAVY = ("torch", "ray", "mlflow", "pandas", "numpy", "optuna", "sklearn", "plotly", "pydantic")
TRIALS = [
    trial("t1", report("t1", WORSE, 0.5)),  # performance .75, aod 0
    trial("t2", report("t2", ONLY_FPR, 0.5)),  # .8, -.1
    trial("t3", report("t3", BY_SEX, 0.5)),  # .875, -.25
    trial("t4", report("t4", FAIR, 0.5), status="stopped"),
]


@pytest.fixture
def run(tmp_path):
    """The folder of a made-up search, with its front."""
    folder = make(tmp_path / "run", TRIALS)
    RunFolder(folder).write_front()
    return folder


def test_importing_it_loads_nothing_heavy_and_works_from_any_folder(tmp_path):
    code = (
        "import json, sys, fairfront\n"
        f"heavy = [name for name in {HEAVY} if name in sys.modules]\n"
        "print(json.dumps([fairfront.__file__, heavy, len(dir(fairfront))]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    file, heavy, names = json.loads(done.stdout)

    assert Path(file).resolve() == Path(__file__).resolve().parents[1] / "fairfront.py"
    assert heavy == []
    assert names == len(fairfront.__all__)


def test_every_name_that_it_lists_is_there_and_says_what_it_is():
    for name in fairfront.__all__:
        value = getattr(fairfront, name)
        assert inspect.getdoc(value), name
    assert fairfront.UserError is UserError
    assert fairfront.Config is Config
    with pytest.raises(AttributeError, match="'fairfront' has no attribute 'serach'"):
        fairfront.serach  # noqa: B018


@pytest.mark.parametrize("given", ["quick", Config.load("quick", ["seed=7"])])
def test_search_takes_a_preset_a_file_or_a_config_and_hands_everything_on(
    given, monkeypatch, tmp_path
):
    called = {}

    def search(config, **options):
        called.update(config=config, **options)
        return RunResult(tmp_path, {})

    monkeypatch.setattr("search.engine.experiment.run", search)
    said = []

    result = fairfront.search(
        given, out="here", data="frame", model="net", address="auto", on_event=said.append
    )

    assert result.folder == tmp_path
    config = called.pop("config")
    assert config == (given if isinstance(given, Config) else Config.load("quick"))
    assert called == {
        **{"out": "here", "data": "frame", "model": "net", "address": "auto"},
        "on_event": said.append,
    }


def test_resume_takes_times_as_the_command_line_does(monkeypatch, tmp_path):
    called = {}
    monkeypatch.setattr(
        "search.engine.experiment.resume", lambda run, **options: called.update(options)
    )

    fairfront.resume(tmp_path, trials=9, time_limit="1h30m", budget=60)

    assert (called["trials"], called["time_limit"], called["budget"]) == (9, 5400, 60)
    with pytest.raises(fairfront.UserError, match=r"time_limit: must be a time such as .*'soon'"):
        fairfront.resume(tmp_path, time_limit="soon")


def test_what_is_not_there_is_refused_with_one_message(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text("name = 'mine'\n[data]\nlabel = 'y'\ngroup = 'sex'\n")
    refused = {
        "no preset": lambda: fairfront.search("qick"),
        "no run": lambda: fairfront.load_run(tmp_path),
        "no run either": lambda: fairfront.front_of(tmp_path),
        "no model": lambda: fairfront.load(tmp_path),
        "no data set": lambda: fairfront.load_data("adlut"),
        "no such setting": lambda: fairfront.load_data("digits", {"skw": 0.9}),
        "no column": lambda: fairfront.from_frame(
            pd.DataFrame({"a": [0, 1]}), label="b", attributes=[]
        ),
        "no attributes": lambda: fairfront.search(
            "mine.toml", data=pd.DataFrame({"sex": ["f", "m"], "y": [0, 1]}), out=tmp_path / "run"
        ),
    }
    said = {}
    for name, call in refused.items():
        with pytest.raises(fairfront.UserError) as error:
            call()
        said[name] = str(error.value)

    assert "did you mean 'quick'" in said["no preset"]
    assert "journal.jsonl" in said["no run"]
    assert "adult" in said["no data set"]
    assert "skew" in said["no such setting"]
    assert "no column 'b'" in said["no column"]
    assert "data.attributes: must be given with a DataFrame" in said["no attributes"]


def test_a_front_is_the_one_that_was_written_and_another_view_leaves_it_alone(run):
    before = {path: path.read_bytes() for path in run.iterdir() if path.is_file()}

    as_searched = fairfront.front_of(run)
    wider = fairfront.front_of(run, tolerance=0.3)
    by_race = fairfront.front_of(run, group="race")
    other = fairfront.front_of(run, bias="deo_max", tolerance=0.4)

    assert as_searched == json.loads((run / "front.json").read_text())
    assert (wider["objective"]["tolerance"], wider["changed"]) == (0.3, True)
    assert by_race["objective"]["group"] == "race"
    assert other["objective"]["bias"] == "deo_max"
    assert {path: path.read_bytes() for path in run.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    ("view", "said"),
    [
        ({"tolerance": 1.5}, "tolerance must lie in"),
        ({"bias": "aodd"}, "aod"),
        ({"bias": "accuracy"}, "bias must compare groups"),
        ({"group": "age"}, "age"),
    ],
)
def test_a_view_that_the_run_cannot_be_seen_by_is_refused(run, view, said):
    with pytest.raises(fairfront.UserError, match=said):
        fairfront.front_of(run, **view)
    with pytest.raises(fairfront.UserError, match=said):
        fairfront.report(run, **view)


def test_the_price_is_that_of_the_report_around_the_tolerance_of_the_search(run):
    price = fairfront.price(run)
    wide = fairfront.price(run, [0.05, 0.3], group="race")

    searched = Config.load(run / "config.toml").objective.tolerance
    assert searched in price["tolerance"].tolist()
    pd.testing.assert_frame_equal(wide, price_of_fairness(run, [0.05, 0.3], group="race"))


def test_mlflow_is_looked_for_where_the_search_was_told_or_in_the_folder(run):
    assert fairfront.mlflow_uri(run) == f"sqlite:///{run.resolve()}/mlflow.db"

    with (run / "config.toml").open("a") as file:
        file.write('[tracking]\nuri = "http://127.0.0.1:5999"\n')

    assert fairfront.mlflow_uri(run) == "http://127.0.0.1:5999"


def test_data_are_loaded_by_name_or_as_an_experiment_says():
    by_name = fairfront.load_data("digits", {"skew": 0.9})
    by_config = fairfront.load_data(Config.load("quick", ["data.args.skew=0.9"]))

    assert isinstance(by_name, fairfront.FairData)
    assert by_name.inputs.dtype == np.uint8
    assert np.array_equal(by_name.inputs, by_config.inputs)


def test_a_module_of_the_users_may_not_bear_its_name(tmp_path):
    (tmp_path / "fairfront.py").write_text("def net(shape, outputs): ...")

    with pytest.raises(ValueError, match="must not be named like a package of fairfront"):
        load_function("model.build", "fairfront:net", tmp_path)
