"""Networks that a trial keeps whatever they are worth: that at its end, or of each round."""

import copy
from dataclasses import replace

import pytest
import torch

from tests.trainables.trial import test_offered
from tests.trainables.trial.test_offered import spec_of
from tests.trainables.trial.test_pipeline import undisturbed
from trainables.trial.candidate_store import CandidateStore
from trainables.trial.pipeline import Pipeline
from trainables.trial.spec import Spec

bench = test_offered.bench  # a fixture


@pytest.fixture
def at_chance(bench):
    """A workbench whose dense net, and whatever is pruned from it, says the same of every row."""
    constant = copy.deepcopy(bench.dense)
    with torch.no_grad():
        for parameter in constant.parameters():
            parameter.zero_()
    return replace(bench, dense=constant)


def kept(bench, folder, keep, method="rounds_then_as_is", **pruner):
    """The epochs whose networks are in the store when the trial has ended, and all its reports."""
    store = CandidateStore(folder)
    spec = replace(spec_of(method, **pruner), keep=keep)
    reports = undisturbed(Pipeline(spec, bench, store))
    return sorted(store.facts(path.stem)["epoch"] for path in store.files()), reports


@pytest.mark.parametrize(
    ("keep", "epochs"), [("pareto", []), ("last", [7]), ("rounds", [2, 4, 6, 7])]
)
def test_networks_at_chance_are_kept_where_they_are_asked_for(at_chance, tmp_path, keep, epochs):
    in_store, reports = kept(at_chance, tmp_path, keep)

    assert in_store == epochs
    assert [report["epoch"] for report in reports if report["candidate"]] == epochs
    assert not any(report["beats_trivial"] for report in reports)
    assert not any(report["dropped"] for report in reports)


def test_rounds_of_a_stage_that_offers_none_are_not_kept(at_chance, tmp_path):
    in_store, _ = kept(at_chance, tmp_path, "rounds", offers=False)

    assert in_store == [7]


def test_what_later_networks_make_superfluous_stays_where_it_was_asked_for(bench, tmp_path):
    # Rounds that change nothing but the sparsity: without sparsity as an objective, a network that
    # is as good as one before is superfluous.
    plain = replace(bench, sparsity=False)
    by_pareto, _ = kept(plain, tmp_path / "pareto", "pareto")
    by_rounds, reports = kept(plain, tmp_path / "rounds", "rounds")

    assert by_rounds == [2, 4, 6, 7]
    assert set(by_pareto) < set(by_rounds)
    dropped = {name for report in reports for name in report["dropped"]}
    assert not dropped & {report["candidate"] for report in reports}


def test_a_trial_that_goes_on_half_way_keeps_the_same_networks(bench, tmp_path):
    whole, reports = kept(bench, tmp_path / "whole", "rounds")
    store = CandidateStore(tmp_path / "again")
    spec = replace(spec_of("rounds_then_as_is"), keep="rounds")
    first = Pipeline(spec, bench, store)
    for _ in range(4):
        first.step()
    second = Pipeline(spec, bench, store)
    second.load_state_dict(first.state_dict())
    undisturbed(second)

    names = sorted(report["candidate"] for report in reports if report["candidate"])
    assert sorted(path.stem for path in store.files()) == names
    assert sorted(store.facts(name)["epoch"] for name in names) == whole


def test_keep_is_part_of_a_spec_where_it_is_not_the_usual():
    config = spec_of("magnitude_retrain").to_config()

    assert "keep" not in config
    last = Spec.from_config({**config, "keep": "last"})
    assert last.to_config()["keep"] == "last"
    assert Spec.from_config(last.to_config()) == last
    with pytest.raises(ValueError, match="keep must be one of pareto, last, rounds, got 'all'"):
        Spec.from_config({**config, "keep": "all"})


def test_of_a_round_the_first_network_worth_keeping_is_kept_for_good(
    at_chance, tmp_path, monkeypatch
):
    """Those after it, as of a retraining, only where the trial ends; also where it was resumed."""
    in_rounds = test_offered._InRounds
    epoch_of_stage = in_rounds.epoch

    def worth_keeping(run, generator):
        losses = epoch_of_stage(run, generator)
        run.worth_keeping = True
        return losses

    monkeypatch.setattr(in_rounds, "epoch", worth_keeping)
    store, spec = CandidateStore(tmp_path), replace(spec_of("rounds_then_as_is"), keep="rounds")
    first = Pipeline(spec, at_chance, store)
    first.step()
    second = Pipeline(spec, at_chance, store)
    second.load_state_dict(first.state_dict())
    undisturbed(second)

    assert sorted(store.facts(path.stem)["epoch"] for path in store.files()) == [1, 3, 5, 7]
