"""Trials that an experiment file lists: each is given once, and a resumed search knows which."""

from contextlib import closing

import pytest
from pydantic import ValidationError
from ray.tune.search import Searcher

from search.config.config import Config
from search.config.sections import TrialConfig
from search.engine.dry_run import describe
from search.engine.experiment import resume
from search.engine.listed_trials import ListedSearcher
from search.errors import UserError
from search.journal.journal import Journal, read_events
from search.journal.record import Record
from search.problem.check_correction import check_listed
from tests.search.made_run import made_run
from trainables.evaluation.objective import Objective
from trainables.trial.spec import Spec

DISCOVERY = {"pruner": {"keep_target": 0.4}}
LISTED = [
    TrialConfig(name="a: long", method="magnitude_retrain", settings={"recovery": {"epochs": 9}}),
    TrialConfig(name="b, short", method="magnitude_retrain", keep="last"),
    TrialConfig(name="first of a pair", method="prune_advft", settings=DISCOVERY),
    TrialConfig(name="second of a pair", method="netaug", settings=DISCOVERY),
    TrialConfig(name="on its own", method="netaug", settings={"pruner": {"keep_target": 0.5}}),
]


def searcher(record, listed=LISTED, share=True):
    return ListedSearcher(
        listed, record, share=share, seed=3, correction={"name": "threshold"}, limits=None
    )


def ask_all(searching, first=0):
    specs = []
    while (spec := searching.suggest(f"ray{first + len(specs)}")) != Searcher.FINISHED:
        specs.append(spec)
    return specs


@pytest.fixture
def record(tmp_path):
    with closing(Journal(tmp_path)) as journal:
        yield Record(journal)


def test_each_trial_is_given_once_with_its_own_settings(record, tmp_path):
    searching = searcher(record)
    assert searching.left == len(LISTED)

    specs = ask_all(searching)

    starts = [e for e in read_events(tmp_path / "journal.jsonl") if e["event"] == "trial_start"]
    assert [start["row"] for start in starts] == [trial.name for trial in LISTED]
    assert [spec["settings"] for spec in specs] == [trial.settings for trial in LISTED]
    assert [spec["method"] for spec in specs[:2]] == ["magnitude_retrain"] * 2
    assert {spec["seed"] for spec in specs} == {3}
    assert [spec.get("keep") for spec in specs] == [None, "last", None, None, None]
    assert searching.left == 0


def test_a_trial_s_own_settings_of_the_correction_come_before_those_of_the_search(record):
    listed = [
        TrialConfig(name="own", method="random_perturbation", correction={"margin": 0.01}),
        TrialConfig(name="the search's", method="random_perturbation"),
        TrialConfig(name="roc", method="reject_option", correction={"measure": "objective"}),
    ]

    specs = ask_all(searcher(record, listed))

    assert [spec["correction"] for spec in specs] == [
        {"name": "threshold", "margin": 0.01},
        {"name": "threshold"},
        {"name": "reject_option", "measure": "objective"},
    ]
    assert Spec.from_config(specs[0]).correction.margin == 0.01
    assert "margin" not in Spec.from_config(specs[1]).to_config()["correction"]


@pytest.mark.parametrize(
    ("method", "correction", "said"),
    [
        ("random_perturbation", {"margin": 0.05}, "margin must lie in"),
        ("random_perturbation", {"measure": "spd"}, "unexpected keyword"),
        ("reject_option", {"measure": "di"}, "reject_option: measure must be one of"),
    ],
)
def test_settings_that_a_correction_does_not_take_are_refused_before_anything_starts(
    method, correction, said
):
    listed = [TrialConfig(name="odd", method=method, correction=correction)]

    with pytest.raises(UserError, match=rf"\[\[trials\]\] odd: correction .*{said}"):
        check_listed(listed, {"name": "threshold"}, Objective(tolerance=0.05))


def test_equal_discoveries_are_shared_by_name_of_their_settings_and_nothing_else_is(record):
    specs = ask_all(searcher(record))

    assert [spec.get("shared") for spec in specs] == [
        *(None, None),
        *({"pruner": 0}, {"pruner": 0}, {"pruner": 1}),
    ]


def test_without_sharing_no_trial_waits_for_another(record):
    assert not any("shared" in spec for spec in ask_all(searcher(record, share=False)))


def test_a_resumed_search_gives_what_was_cut_off_and_then_what_never_started(record, tmp_path):
    before = searcher(record)
    first, second, third = (before.suggest(f"ray{number}") for number in range(3))
    record.end(first["trial"], "finished")
    record.end(second["trial"], "failed", "it broke")
    again = Record()
    again.replay(read_events(tmp_path / "journal.jsonl"))
    again._journal = record._journal

    searching = searcher(again)

    assert searching.left == 3
    specs = ask_all(searching)
    assert specs[0] == third
    assert [spec["method"] for spec in specs[1:]] == ["netaug", "netaug"]
    assert {trial.row for trial in again.trials.values()} == {trial.name for trial in LISTED}


def listed_file(tmp_path, text):
    path = tmp_path / "listed.toml"
    path.write_text('name = "x"\n[data]\nname = "digits"\ngroup = "domain"\n' + text)
    return path


def test_a_file_that_lists_trials_needs_no_methods_and_reads_back_equal(tmp_path):
    path = listed_file(
        tmp_path,
        '[[trials]]\nname = "90 %"\nmethod = "magnitude_retrain"\nkeep = "last"\n'
        "settings = {pruner = {sparsity = 0.9}}\n"
        '[[trials]]\nname = "50 %"\nmethod = "magnitude_retrain"\n'
        '[[trials]]\nname = "tuned"\nmethod = "adv_ft"\n',
    )
    config = Config.load(path)
    (tmp_path / "again.toml").write_text(config.to_toml())

    assert config.search.methods == ("magnitude_retrain", "adv_ft")
    assert config.search.trials == 3
    assert Config.load(tmp_path / "again.toml") == config


@pytest.mark.parametrize(
    ("trials", "said"),
    [
        ([{"name": "a", "method": "adv_ft"}] * 2, "must each have a name of its own, got a, a"),
        ([{"name": "a", "method": "adv_fit"}], "did you mean 'adv_ft'"),
        (
            [{"name": "a", "method": "adv_ft", "settings": {"recovery": {"lrr": 1.0}}}],
            "unknown setting of recovery adversarial 'lrr'",
        ),
        (
            [{"name": "a", "method": "adv_ft", "settings": {"pruner": {}}}],
            "unknown stage of adv_ft 'pruner'",
        ),
        (
            [
                {
                    "name": "a",
                    "method": "magnitude_retrain",
                    "settings": {"pruner": {"sparsity": 2.0}},
                }
            ],
            r"sparsity: must be less than 1",
        ),
    ],
)
def test_what_is_wrong_with_a_listed_trial_is_told_before_anything_starts(trials, said):
    with pytest.raises(ValidationError, match=said):
        Config.model_validate(
            {"name": "x", "data": {"name": "digits", "group": "domain"}, "trials": trials}
        )


def test_methods_beside_a_list_must_be_those_of_the_list(tmp_path):
    path = listed_file(
        tmp_path, '[search]\nmethods = ["netaug"]\n[[trials]]\nname = "a"\nmethod = "adv_ft"\n'
    )

    with pytest.raises(Exception, match=r"search.methods must be left out, or as \[\[trials\]\]"):
        Config.load(path)


def test_listed_trials_are_not_recorded_for_replays(tmp_path):
    path = listed_file(
        tmp_path,
        '[search]\nrecording = true\nscheduler = "none"\n'
        '[[trials]]\nname = "a"\nmethod = "adv_ft"\n',
    )

    with pytest.raises(UserError, match=r"search.recording must be false where \[\[trials\]\]"):
        Config.load(path)


def test_another_number_of_trials_than_the_list_s_is_refused_to_a_resumed_search(tmp_path):
    listed = {"name": "as it is", "method": "magnitude_retrain"}
    config = Config.model_validate(
        {
            **{"name": "x", "data": {"name": "digits", "group": "domain"}, "trials": [listed]},
            **{"model": {"name": "convnet"}, "dense": {"name": "erm", "max_epochs": 5}},
            "objective": {"performance": "accuracy", "bias": "bias_amplification"},
        }
    )
    run = made_run(tmp_path / "run", config, {})

    with pytest.raises(UserError, match=r"--trials must be left out .*, got 2 for 1 listed ones"):
        resume(run.path, trials=2)


def test_an_unknown_key_of_a_listed_trial_is_answered_with_the_known_ones(tmp_path):
    path = listed_file(tmp_path, '[[trials]]\nname = "a"\nmethod = "adv_ft"\nkep = "last"\n')

    with pytest.raises(Exception, match=r"unknown key 'trials.kep'; did you mean 'trials.keep'"):
        Config.load(path)


def test_a_dry_run_shows_the_listed_trials(tmp_path):
    path = listed_file(
        tmp_path,
        '[model]\nname = "convnet"\n[objective]\nperformance = "accuracy"\n'
        'bias = "bias_amplification"\n[[trials]]\nname = "90 %"\nmethod = "magnitude_retrain"\n'
        "settings = {pruner = {sparsity = 0.9}}\n",
    )

    lines = list(describe(Config.load(path)))

    assert "trial 90 %: magnitude_retrain" in lines
    assert "  pruner.sparsity: 0.9" in lines
    assert not any(line.startswith("method ") for line in lines)
