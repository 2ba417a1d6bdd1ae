"""One trial: its reports, its candidates, and that saving and loading it changes nothing."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from tests.trainables.made_data import PARTS, made_context, made_data, made_prepared
from tests.trainables.short_methods import ADVERSARIAL, EPOCHS, SHORT
from trainables.corrections import CORRECTIONS
from trainables.dense.erm import Erm
from trainables.evaluation.objective import Objective
from trainables.methods import METHODS, correction_of
from trainables.recoveries.fair_tuning import ALONE
from trainables.trial.candidate_store import CandidateStore
from trainables.trial.pipeline import Pipeline
from trainables.trial.spec import Spec
from trainables.trial.workbench import Workbench

LOOSE = Objective("accuracy", "spd", tolerance=0.6, margin=0.1)


def trained_net(classes):
    """Dropout and batch normalisation: global randomness and buffers have to be kept too."""
    outputs = 1 if classes == 2 else classes
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = [nn.Linear(5, 8), nn.ReLU(), nn.Dropout(0.2), nn.BatchNorm1d(8)]
        net = nn.Sequential(*layers, nn.Linear(8, outputs))
        context = made_context(net, made_data(classes=classes))
        run = Erm(max_epochs=5, lr=0.05).start(context)
        for epoch in range(run.epochs):
            run.epoch(context.generator(epoch))
    return run.result().net


@pytest.fixture(scope="module", params=[2, 3], ids=["binary", "three classes"])
def bench(request):
    classes = request.param
    objective = LOOSE if classes == 2 else Objective("accuracy", "bias_amplification", 0.6, 0.1)
    net = trained_net(classes)
    prepared = made_prepared(classes=classes)
    return Workbench.open(prepared, net, objective, device="cpu", initial=fresh_net(classes))


def fresh_net(classes):
    """Untrained: what a trial that trains from scratch starts from."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        layers = [nn.Linear(5, 8), nn.ReLU(), nn.Dropout(0.2), nn.BatchNorm1d(8)]
        return nn.Sequential(*layers, nn.Linear(8, 1 if classes == 2 else classes))


def spec_of(method, bench, seed=1, settings=None):
    correction = METHODS[method].correction
    if correction is not None and CORRECTIONS[correction].binary != bench.prepared.binary:
        pytest.skip(f"{correction} is not for {len(bench.prepared.classes)} classes")
    return Spec.from_config(
        {
            "trial": "t0001",
            "method": method,
            "seed": seed,
            "settings": SHORT[method] if settings is None else settings,
            "correction": correction_of(
                method, {"name": "threshold" if bench.prepared.binary else "argmax"}
            ),
        }
    )


def undisturbed(pipeline):
    reports = []
    while not pipeline.done:
        reports.append(pipeline.step())
    return reports


def disturbed(spec, bench, store, folder):
    """Every epoch by a new pipeline, which knows only what the file of the one before says."""
    reports, path = [], folder / "state.pt"
    pipeline = Pipeline(spec, bench, store)
    torch.save(pipeline.state_dict(), path)
    while not pipeline.done:
        pipeline = Pipeline(spec, bench, store)
        pipeline.load_state_dict(torch.load(path, weights_only=True))
        reports.append(pipeline.step())
        torch.save(pipeline.state_dict(), path)
    return reports


def without_seconds(reports):
    return [{k: v for k, v in report.items() if k != "seconds"} for report in reports]


@pytest.fixture(scope="module", params=METHODS)
def whole(request, bench, tmp_path_factory):
    """A trial from its first epoch to its last, and the dense net's state before it."""
    # Three epochs of eight units at random find something by few seeds: by these all methods do.
    spec = spec_of(request.param, bench, seed=3 if bench.data.fused else 1)
    store = CandidateStore(tmp_path_factory.mktemp("whole"))
    dense = {key: value.clone() for key, value in bench.dense.state_dict().items()}
    torch.manual_seed(0)
    reports = undisturbed(Pipeline(spec, bench, store))
    return SimpleNamespace(spec=spec, store=store, reports=reports, dense=dense)


def test_a_trial_saved_and_loaded_at_every_epoch_reports_what_an_undisturbed_one_reports(
    whole, bench, tmp_path
):
    store = CandidateStore(tmp_path / "other")

    found = disturbed(whole.spec, bench, store, tmp_path)

    assert without_seconds(found) == without_seconds(whole.reports)
    assert len(whole.reports) == EPOCHS[whole.spec.method]
    assert any(report["candidate"] for report in whole.reports)
    assert names(store) == names(whole.store)


def test_a_trial_depends_on_its_seed_alone_not_on_torch_s_global_stream(whole, bench, tmp_path):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    again = undisturbed(Pipeline(whole.spec, bench, CandidateStore(tmp_path)))

    assert without_seconds(again) == without_seconds(whole.reports)
    assert torch.equal(torch.get_rng_state(), before)


def test_another_seed_gives_another_trial(bench):
    reports = [undisturbed(Pipeline(spec_of("adv_ft", bench, s), bench)) for s in (1, 2)]

    assert reports[0][0]["losses"] != reports[1][0]["losses"]


def test_a_trial_leaves_the_shared_dense_net_as_it_was(whole, bench):
    assert all(torch.equal(whole.dense[k], v) for k, v in bench.dense.state_dict().items())


def test_reports_number_epochs_and_stages_and_charge_the_samples_that_were_learned_from(bench):
    reports = undisturbed(Pipeline(spec_of("prune_advft", bench), bench))

    assert [report["epoch"] for report in reports] == [1, 2, 3, 4, 5, 6, 7]
    assert [report["stage"] for report in reports] == [0, 0, 0, 1, 1, 1, 1]
    assert [report["stage_epoch"] for report in reports] == [1, 2, 3, 1, 2, 3, 4]
    assert [report["stage_epochs"] for report in reports] == [3, 3, 3, 4, 4, 4, 4]
    assert [report["final_stage"] for report in reports] == [False] * 3 + [True] * 4
    assert [report["last"] for report in reports] == [False] * 6 + [True]
    assert [report["charged"] for report in reports] == [60 * n for n in range(1, 8)]
    assert {report["role"] for report in reports[:3]} == {"pruner"}
    assert {report["name"] for report in reports[3:]} == {"adversarial"}


def test_reports_are_json_without_nan(bench):
    for report in undisturbed(Pipeline(spec_of("magnitude_retrain", bench), bench)):
        json.dumps(report, allow_nan=False)


def test_a_stage_that_trains_two_networks_is_charged_for_both(bench):
    reports = undisturbed(Pipeline(spec_of("netaug", bench), bench))

    assert [report["samples"] for report in reports] == [60, 60, 60, 120 * ALONE, 120, 120]
    alone = 180 + 120 * ALONE
    charged = [60, 120, 180, alone, alone + 120, alone + 240]
    assert [report["charged"] for report in reports] == charged


def test_a_stage_that_learns_from_nothing_is_charged_nothing(bench):
    reports = undisturbed(Pipeline(spec_of("magnitude_retrain", bench), bench))

    learns_from = spec_of("magnitude_retrain", bench).stages[1].settings.learns_from
    assert [r["charged"] for r in reports] == [PARTS[learns_from] * n for n in range(5)]
    assert {round(r["sparsity"], 2) for r in reports} == {0.5}


def test_only_the_last_stage_yields_candidates_and_what_is_dropped_leaves_the_store(
    bench, tmp_path
):
    store = CandidateStore(tmp_path)
    reports = undisturbed(Pipeline(spec_of("prune_advft", bench, seed=2), bench, store))

    assert all(report["candidate"] is None for report in reports[:3])
    named = [report["candidate"] for report in reports if report["candidate"]]
    dropped = [name for report in reports for name in report["dropped"]]
    assert named
    assert dropped
    assert names(store) == set(named) - set(dropped)
    last_kept = next(r for r in reversed(reports) if r["candidate"])
    facts = store.facts(last_kept["candidate"])
    assert (facts["trial"], facts["epoch"]) == ("t0001", last_kept["epoch"])
    assert facts["decision"] == last_kept["decision"]


def test_without_a_store_nothing_is_a_candidate(bench):
    reports = undisturbed(Pipeline(spec_of("adv_ft", bench), bench))

    assert all(report["candidate"] is None for report in reports)


def test_a_network_no_better_than_a_constant_one_is_no_candidate(tmp_path):
    untrained = nn.Sequential(nn.Linear(5, 1))
    nn.init.zeros_(untrained[0].weight)
    bench = Workbench.open(made_prepared(), untrained, LOOSE, device="cpu")

    store = CandidateStore(tmp_path)
    report = undisturbed(Pipeline(spec_of("dense_threshold", bench), bench, store))[-1]

    assert report["last"]
    assert report["bias"] == 0.0
    assert report["feasible"]
    assert not report["beats_trivial"]
    assert report["candidate"] is None


def test_a_trial_that_is_done_refuses_another_epoch(bench):
    pipeline = Pipeline(spec_of("dense_threshold", bench), bench)
    undisturbed(pipeline)

    with pytest.raises(RuntimeError, match="t0001: all of its stages are done"):
        pipeline.step()


def test_a_loss_that_is_not_finite_ends_the_trial_with_its_reason(bench):
    settings = {"recovery": {**ADVERSARIAL, "lr": 1e38, "epochs": 9}}
    pipeline = Pipeline(spec_of("adv_ft", bench, settings=settings), bench)

    with pytest.raises(FloatingPointError, match="must stay finite"):
        undisturbed(pipeline)


def test_a_worker_s_data_have_no_test_part_to_be_counted():
    prepared = made_prepared()
    whole = {**prepared.parts, "test": prepared.parts["tune"]}
    opened = Workbench.open(
        with_parts(prepared, whole).sealed(), trained_net(2), LOOSE, device="cpu"
    )

    assert "test" not in opened.prepared.parts
    with pytest.raises(ValueError, match="test"):
        opened.data.part("test")
    with pytest.raises(ValueError, match="test"):
        opened.count(opened.dense, "test")
    assert opened.count(opened.dense, "tune").total == PARTS["tune"]


def with_parts(prepared, parts):
    return type(prepared)(**{**vars(prepared), "parts": parts})


def names(store):
    return {path.stem for path in store.folder.glob("*.safetensors")}


def test_counts_are_kept_by_crossing_and_added_up_to_groups(bench):
    crossed = bench.count(bench.dense, "tune")
    grouped = bench.by_group(crossed)

    part = bench.prepared.parts["tune"]
    for group in range(2):
        assert grouped.cells[group].sum() == np.sum(part.groups == group)


def test_stages_aim_at_the_margin_that_the_trial_s_threshold_is_chosen_with(bench):
    if bench.prepared.binary:
        spec = spec_of("random_perturbation", bench)
        own = replace(spec, correction=replace(spec.correction, margin=0.3))

        assert Pipeline(spec, bench)._context().objective == bench.objective
        assert Pipeline(own, bench)._context().objective == replace(bench.objective, margin=0.3)
