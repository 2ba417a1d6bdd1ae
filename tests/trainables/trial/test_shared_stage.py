"""A trial whose stage others need too: it reports the same, whoever has computed the stage."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.trainables.made_data import PARTS, made_prepared
from tests.trainables.short_methods import DISCOVERY, SHORT
from tests.trainables.trial.test_pipeline import LOOSE, spec_of, trained_net, undisturbed
from trainables.data.encoder import ArrayEncoder
from trainables.data.pruning_groups import PruningGroups
from trainables.learning.fingerprint import network_fingerprint
from trainables.masks import MaskedNet, Masks
from trainables.models.joint_head import rebuilt
from trainables.recoveries.fair_tuning import ALONE
from trainables.stage import derived_seed
from trainables.trial import shared_stage
from trainables.trial.candidate_store import CandidateStore
from trainables.trial.pipeline import Pipeline
from trainables.trial.shared_stage import StageStore, stage_key, stage_seed
from trainables.trial.spec import Spec
from trainables.trial.trainable import FairPruning, Supplies
from trainables.trial.workbench import Workbench

EPOCHS = DISCOVERY["epochs"]
OWN = ("seconds", "spent", "candidate", "dropped")  # that may differ, or name what differs


@pytest.fixture(scope="module")
def bench():
    return Workbench.open(made_prepared(), trained_net(2), LOOSE, device="cpu")


@pytest.fixture
def stages(tmp_path):
    return StageStore(tmp_path / "stages")


def shared_spec(bench, method="prune_advft", trial="t0001", **changes):
    plain = spec_of(method, bench, settings=SHORT[method])
    config = {**plain.to_config(), "trial": trial, "shared": {"pruner": 3}, **changes}
    return Spec.from_config(config)


def told(reports):
    """What must be equal, as the journal would have it."""
    kept = [{k: v for k, v in report.items() if k not in OWN} for report in reports]
    return json.loads(json.dumps(kept))


def test_a_spec_says_which_of_its_stages_are_shared_and_only_then(bench):
    assert shared_spec(bench).to_config()["shared"] == {"pruner": 3}
    assert "shared" not in spec_of("prune_advft", bench).to_config()
    with pytest.raises(ValueError, match="shared must name some of"):
        Spec.from_config({**shared_spec(bench).to_config(), "shared": {"dense": 0}})


def test_settings_that_a_stage_has_gained_leave_its_seed_as_it_was(bench):
    """Trials of earlier versions, published tables among them, are drawn again as they were."""
    then = {
        **{"lr": 0.001, "batch_size": 128, "max_epochs": 50, "check_every": 10, "patience": 10},
        **{"optimizer": "adam", "weight_decay": 0.0, "schedule": "constant"},
        **{"plateau_patience": 5, "keep": "last", "alpha": 0.5},
        **{"adversary_sees": "score_and_label", "adversary_lr": 0.001, "main_every": 1},
        "projection": "tensor",
    }

    def seed(**settings):
        given = {"dense": {"alpha": 0.5, **settings}}
        spec = spec_of("adversarial_debiasing", bench, settings=given)
        return stage_seed(spec, 0)

    assert seed() == derived_seed(1, 0, "adversarial_debiasing", sorted(then.items()))
    assert seed(adversary_steps=1) == seed()
    assert seed(adversary_steps=2) != seed()


def test_a_hit_reports_what_a_miss_and_a_trial_by_itself_report(bench, stages):
    spec = shared_spec(bench)
    alone = undisturbed(Pipeline(spec, bench))
    missed = undisturbed(Pipeline(spec, bench, stages=stages))
    hit = undisturbed(Pipeline(spec, bench, stages=stages))

    assert told(hit) == told(missed) == told(alone)
    assert [r["charged"] for r in hit] == [PARTS["debias"] * n for n in range(1, EPOCHS + 5)]
    assert [r["spent"] for r in missed] == [r["charged"] for r in missed]
    assert [r["spent"] for r in hit] == [PARTS["debias"] * max(0, n) for n in range(1 - EPOCHS, 5)]


@pytest.mark.parametrize("first", ["prune_advft", "external_graft"])
def test_two_discoveries_of_a_trial_differ_and_the_first_is_that_of_other_methods(
    bench, stages, first
):
    """Whichever method comes first: a shared stage's seed does not depend on its place."""
    methods = ["prune_advft", "external_graft"]
    order = sorted(methods, key=first.__ne__)
    reports = {
        method: undisturbed(Pipeline(shared_spec(bench, method), bench, stages=stages))
        for method in order
    }

    graft = reports["external_graft"]
    losses = [report["losses"] for report in graft]
    assert losses[:EPOCHS] == [r["losses"] for r in reports["prune_advft"][:EPOCHS]]
    assert losses[:EPOCHS] != losses[EPOCHS : 2 * EPOCHS]
    assert [report["stage"] for report in graft] == [0] * EPOCHS + [1] * EPOCHS + [2] * 3
    samples = {method: found[-1]["spent"] for method, found in reports.items()}
    own = {"prune_advft": 4, "external_graft": EPOCHS + 2 * (ALONE + 2)}
    own[first] += EPOCHS
    assert samples == {method: PARTS["debias"] * epochs for method, epochs in own.items()}
    assert len(stages.files()) == 4  # two results, two locks


def test_a_hit_leaves_the_same_candidates(bench, stages, tmp_path):
    """The network that is handed on is the same, bit by bit."""
    spec = shared_spec(bench)
    found = []
    for name in ("miss", "hit"):
        store = CandidateStore(tmp_path / name)
        undisturbed(Pipeline(spec, bench, store, stages))
        found.append([path.name for path in store.files()])

    assert found[0] == found[1] != []


def test_a_shared_mask_over_initial_weights_is_replayed_where_the_dense_net_has_another_last_layer(
    stages,
):
    """Domain-discriminative training gives the dense net a joint head, which it began without."""
    description = {"joint_head": "4", "classes": 2, "groups": 3, "over": "sum"}
    dense = rebuilt(trained_net(2), description)
    with torch.no_grad():
        torch.nn.init.normal_(dense[4].joint.weight, generator=torch.Generator().manual_seed(0))
    bench = Workbench.open(made_prepared(), dense, LOOSE, device="cpu", initial=trained_net(2))
    settings = {"pruner": {"score_on": "random", "mask_on": "pretrained"}}
    plain = spec_of("snip", bench, settings={**settings, "recovery": {"epochs": 1}})
    spec = Spec.from_config({**plain.to_config(), "shared": {"pruner": 0}})

    alone = undisturbed(Pipeline(spec, bench))
    missed = undisturbed(Pipeline(spec, bench, stages=stages))
    hit = undisturbed(Pipeline(spec, bench, stages=stages))

    assert told(hit) == told(missed) == told(alone)


def test_other_methods_recoveries_and_trials_share_but_other_settings_and_seeds_do_not(
    bench, stages
):
    undisturbed(Pipeline(shared_spec(bench), bench, stages=stages))

    def spends(**changes):
        pipeline = Pipeline(shared_spec(bench, **changes), bench, stages=stages)
        for _ in range(EPOCHS):
            pipeline.step()
        pipeline.close()
        return pipeline.spent > 0

    settings = SHORT["prune_advft"]
    assert not spends(trial="t0002", method="prune_as_is")
    assert not spends(settings={**settings, "recovery": {"epochs": 2, "batch_size": 20}})
    assert spends(settings={**settings, "pruner": {**DISCOVERY, "lr": 0.1}})
    assert spends(seed=2)
    assert spends(correction={"name": "threshold", "choose": "fixed"})


def test_a_pruner_behind_a_stage_is_shared_only_where_that_left_the_same_network(bench):
    """Mask discovery begins with the dense net wherever it stands, others with what is there."""
    left = [MaskedNet(trained_net(seed), Masks.keep_all(trained_net(seed))) for seed in (2, 3)]
    keys = {
        method: {stage_key(shared_spec(bench, method), 1, bench, [one]) for one in left}
        for method in ("fair_lmw", "fair_sgdp", "external_graft")
    }

    assert {method: len(found) for method, found in keys.items()} == {
        **{"fair_lmw": 2, "fair_sgdp": 2},
        **{"external_graft": 1},
    }


class Tanh(torch.nn.Sequential):
    """Computes something else with the same weights, under the same text."""

    def forward(self, x):
        return super().forward(torch.tanh(x))

    def _get_name(self):
        return "Sequential"


def test_other_code_encoding_or_frozen_layers_share_nothing(bench, monkeypatch):
    """The weights and the rows are the same in all of them."""
    plain, frozen, data = trained_net(2), trained_net(2), made_prepared()
    frozen[0].weight.requires_grad_(False)
    scaled = ArrayEncoder(data.encoder.mean + 1, data.encoder.std)
    other_priors = np.array([[0.1, 0.2], [0.3, 0.4]])
    benches = [
        bench,
        Workbench.open(data, Tanh(*plain), LOOSE, device="cpu"),
        Workbench.open(data, frozen, LOOSE, device="cpu"),
        Workbench.open(replace(data, encoder=scaled), trained_net(2), LOOSE, device="cpu"),
        Workbench.open(replace(data, priors=other_priors), trained_net(2), LOOSE, device="cpu"),
    ]
    assert len({one.dense_digest for one in benches}) == 1
    assert len({str(one.dense) for one in benches}) == 1

    spec = shared_spec(bench)
    keys = [stage_key(spec, 0, one, []) for one in benches]
    monkeypatch.setattr(shared_stage, "training_code", lambda: "of another version")
    keys.append(stage_key(spec, 0, bench, []))

    assert len(set(keys)) == len(keys)


def test_workers_on_unlike_machines_share_since_the_driver_says_which_network_it_is(bench):
    given = Workbench.open(made_prepared(), trained_net(2), LOOSE, device="cpu", network="one")
    elsewhere = Workbench.open(made_prepared(), trained_net(2), LOOSE, device="cpu", network="one")

    assert bench.network == network_fingerprint(bench.dense, bench.data.input_shape)
    keys = {stage_key(shared_spec(bench), 0, one, []) for one in (given, elsewhere)}
    assert len(keys) == 1


def test_another_dense_net_objective_data_precision_or_groups_share_nothing(bench, stages):
    undisturbed(Pipeline(shared_spec(bench), bench, stages=stages))
    net = trained_net(2)
    with torch.no_grad():
        net[0].weight[0, 0] += 1e-3
    data = made_prepared()
    changed = type(data)(**{**vars(data), "hashes": {"debias": "other"}})
    stricter = type(LOOSE)("accuracy", "spd", tolerance=0.5, margin=0.1)
    halves = PruningGroups("halves", ("a", "b"), {"train": np.arange(PARTS["train"]) % 2})
    others = [
        Workbench.open(made_prepared(), net, LOOSE, device="cpu"),
        Workbench.open(made_prepared(), trained_net(2), stricter, device="cpu"),
        Workbench.open(changed, trained_net(2), LOOSE, device="cpu"),
        Workbench.open(made_prepared(), trained_net(2), LOOSE, device="cpu", precision="bf16"),
        Workbench.open(made_prepared(), trained_net(2), LOOSE, device="cpu", pruning=halves),
    ]

    for other in others:
        pipeline = Pipeline(shared_spec(bench), other, stages=stages)
        assert pipeline.step()["spent"] == PARTS["debias"]
        pipeline.close()
    test_hash = type(data)(**{**vars(data), "hashes": {"test": "other"}})
    same = Workbench.open(test_hash, trained_net(2), LOOSE, device="cpu")
    assert Pipeline(shared_spec(bench), same, stages=stages).step()["spent"] == 0


def saved(pipeline, path):
    torch.save(pipeline.state_dict(), path)
    pipeline.close()
    return torch.load(path, weights_only=True)


@pytest.mark.parametrize("before", [0, EPOCHS])
def test_a_trial_taken_up_at_every_epoch_reports_what_an_undisturbed_one_does(
    bench, stages, tmp_path, before
):
    """Its discovery is computed (before = 0 epochs by another trial) or replayed."""
    spec = shared_spec(bench)
    expected = undisturbed(Pipeline(spec, bench))
    if before:
        undisturbed(Pipeline(shared_spec(bench, trial="t0009"), bench, stages=stages))
    reports, state = [], Pipeline(spec, bench, stages=stages).state_dict()
    while len(reports) < len(expected):
        pipeline = Pipeline(spec, bench, stages=stages)
        pipeline.load_state_dict(state)
        reports.append(pipeline.step())
        state = saved(pipeline, tmp_path / "state.pt")

    assert told(reports) == told(expected)
    assert reports[-1]["spent"] == expected[-1]["charged"] - before * PARTS["debias"]
    assert len(stages.files()) == 2  # the result and its lock


def test_a_replay_whose_result_is_gone_is_caught_up_and_stored_again(bench, stages, tmp_path):
    spec = shared_spec(bench)
    expected = undisturbed(Pipeline(spec, bench, stages=stages))
    pipeline = Pipeline(spec, bench, stages=stages)
    reports = [pipeline.step(), pipeline.step()]
    state = saved(pipeline, tmp_path / "state.pt")
    for path in stages.files():
        path.unlink()

    pipeline = Pipeline(spec, bench, stages=stages)
    pipeline.load_state_dict(state)
    reports += undisturbed(pipeline)

    assert told(reports) == told(expected)
    assert reports[2]["spent"] == 3 * PARTS["debias"]  # all three epochs at once
    assert undisturbed(Pipeline(spec, bench, stages=stages))[EPOCHS - 1]["spent"] == 0


def test_a_trial_that_lost_its_claim_takes_over_what_the_other_has_finished(
    bench, stages, tmp_path
):
    spec = shared_spec(bench)
    pipeline = Pipeline(spec, bench, stages=stages)
    reports = [pipeline.step()]
    state = saved(pipeline, tmp_path / "state.pt")
    undisturbed(Pipeline(shared_spec(bench, trial="t0002"), bench, stages=stages))

    pipeline = Pipeline(spec, bench, stages=stages)
    pipeline.load_state_dict(state)
    reports += undisturbed(pipeline)

    assert told(reports) == told(undisturbed(Pipeline(spec, bench)))
    assert reports[EPOCHS - 1]["spent"] == PARTS["debias"]  # the one epoch of its own


CONFIG = {"method": "prune_advft", "seed": 1, "settings": SHORT["prune_advft"]}


def worker(folder, trial):
    """What a Ray actor holds; setting up is all that Ray's own constructor would add."""
    made = object.__new__(FairPruning)
    made.patience_seconds = 0.05
    supplies = Supplies(made_prepared(), trained_net(2), LOOSE, sparsity=True, folder=folder)
    made.setup(config_of(trial), supplies)
    return made


def config_of(trial):
    return {**CONFIG, "trial": trial, "shared": {"pruner": 0}, "correction": {"name": "threshold"}}


def said(made):
    return json.loads(made.step()["report"])


@pytest.mark.parametrize("leave", ["reset", "cleanup", "failure"])
def test_a_worker_waits_until_the_other_goes_on_with_another_trial_or_ends(tmp_path, leave):
    holder, waiting = worker(tmp_path, "t1"), worker(tmp_path, "t2")
    assert said(holder)["epoch"] == 1
    assert said(waiting) == said(waiting) == {"trial": "t2", "waiting": True}

    if leave == "reset":
        holder.reset_config({**config_of("t3"), "method": "adv_ft", "shared": {}, "settings": {}})
    elif leave == "cleanup":
        holder.cleanup()
    else:
        holder.pipeline.bench = None  # whatever fails
        assert "failure" in said(holder)

    report = said(waiting)
    assert (report["trial"], report["epoch"], report["spent"]) == ("t2", 1, PARTS["debias"])
    holder.cleanup()
    waiting.cleanup()


def test_a_worker_that_has_waited_replays_what_the_other_computed(tmp_path):
    holder, waiting = worker(tmp_path, "t1"), worker(tmp_path, "t2")
    first = said(holder)
    assert "waiting" in said(waiting)
    first = [first, *(said(holder) for _ in range(EPOCHS - 1))]

    second = [said(waiting) for _ in range(EPOCHS)]

    assert [{**report, "trial": "t1"} for report in told(second)] == told(first)
    assert second[-1]["spent"] == 0
    assert second[0]["seconds"] >= 0.05  # it held its device while it waited
