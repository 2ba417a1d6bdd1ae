"""The contract of every stage in the registries; a new one needs a row in SMALLEST."""

import copy
import dataclasses
import inspect
import io
import re
import sys

import pytest
import torch
from torch import nn

from tests.trainables.made_data import made_context, made_data
from tests.trainables.smallest_settings import SMALLEST
from trainables.dense import DENSE
from trainables.evaluation.objective import Objective
from trainables.masks import MaskedNet
from trainables.pruners import PRUNERS
from trainables.pruners.magnitude import Magnitude
from trainables.recoveries import RECOVERIES
from trainables.stage import derived_seed, settings_dict
from trainables.trial.pipeline import seeded

REGISTRIES = {"dense": DENSE, "pruner": PRUNERS, "recovery": RECOVERIES}
STAGES = [(role, name) for role, registry in REGISTRIES.items() for name in registry]

MASK_ANEW = {"distillation"}  # recoveries that end with other masks than they were given
GRAFTS = {"noise_graft", "internal_graft", "external_graft"}  # end with every weight
CASES = [(stage, i) for stage in STAGES for i in range(len(SMALLEST.get(stage, [])))]


def made_net(outputs=1):
    """Dropout and batch normalisation: both global randomness and buffers have to be kept."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = [nn.Linear(5, 8), nn.ReLU(), nn.Dropout(0.2), nn.BatchNorm1d(8)]
        return nn.Sequential(*layers, nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, outputs)).eval()


def pruned(net, sparsity=0.5):
    masks = Magnitude(sparsity=sparsity).masks(net)
    copied = copy.deepcopy(net)
    masks.apply_(copied)
    return MaskedNet(copied, masks)


def earlier_results(role, settings, dense):
    """As many as the stage needs, each with other masks."""
    count = max(1, settings.inputs) if role == "recovery" else 0
    return [pruned(dense, 0.5 / (i + 1)) for i in range(count)]


@pytest.fixture(
    scope="module", params=CASES, ids=lambda case: f"{case[0][0]} {case[0][1]} {case[1]}"
)
def stage(request):
    (role, name), row = request.param
    return role, REGISTRIES[role][name](**SMALLEST[(role, name)][row])


@pytest.fixture
def context(stage):
    return fresh_context(stage)


def fresh_context(stage):
    dense = made_net()
    return made_context(dense, made_data(), incoming=earlier_results(*stage, dense))


@pytest.fixture(scope="module")
def whole(stage):
    """What `run_to_end` tells of the stage, in a context of its own; nobody changes it."""
    return run_to_end(stage[1], fresh_context(stage))


def advance(run, context, epoch):
    """One epoch, seeded as the pipeline does it."""
    with seeded(derived_seed(context.seed, "epoch", epoch), context.device):
        return run.epoch(context.generator("epoch", epoch))


def start(settings, context):
    with seeded(derived_seed(context.seed, "start"), context.device):
        return settings.start(context)


def state_of(masked):
    return {"net": copy.deepcopy(masked.net.state_dict()), "masks": masked.masks.state_dict()}


def same(one, two):
    return all(
        one[part].keys() == two[part].keys()
        and all(torch.equal(one[part][k], two[part][k]) for k in one[part])
        for part in ("net", "masks")
    )


def run_to_end(settings, context, run=None, done=0):
    """(losses, result) after each epoch from `done` on."""
    run = run or start(settings, context)
    seen = []
    while done < run.epochs:
        losses = advance(run, context, done)
        seen.append((losses, state_of(run.result())))
        done += 1
    return seen


def test_every_stage_has_a_row_of_smallest_settings():
    assert set(SMALLEST) == set(STAGES)


def test_a_stage_that_is_resumed_at_any_epoch_goes_on_as_if_nothing_had_happened(
    stage, context, whole
):
    _, settings = stage
    for cut in range(len(whole)):
        first = start(settings, context)
        for epoch in range(cut):
            advance(first, context, epoch)
        state = first.state_dict()
        if cut < first.epochs:
            advance(first, context, cut)  # what is kept must not follow what goes on
        file = io.BytesIO()
        torch.save(state, file)
        file.seek(0)
        second = start(settings, context)
        second.load_state_dict(torch.load(file, weights_only=True))
        if cut:
            assert same(state_of(second.result()), whole[cut - 1][1])
        rest = run_to_end(settings, context, second, cut)

        assert [losses for losses, _ in rest] == [losses for losses, _ in whole[cut:]]
        assert all(same(a[1], b[1]) for a, b in zip(rest, whole[cut:], strict=True))


def test_the_same_seed_gives_the_same_and_no_stage_depends_on_anything_else(stage, context, whole):
    torch.rand(3)  # the global stream outside of a trial
    again = run_to_end(stage[1], context)

    assert [losses for losses, _ in again] == [losses for losses, _ in whole]
    assert same(again[-1][1], whole[-1][1])


def test_a_stage_leaves_the_dense_and_the_incoming_networks_alone(stage, context):
    dense = copy.deepcopy(context.dense.state_dict())
    incoming = [state_of(masked) for masked in context.incoming]
    run_to_end(stage[1], context)

    assert all(torch.equal(dense[k], v) for k, v in context.dense.state_dict().items())
    assert not any(module.training for module in context.dense.modules())
    assert all(p.requires_grad and p.grad is None for p in context.dense.parameters())
    assert all(same(a, state_of(b)) for a, b in zip(incoming, context.incoming, strict=True))


def test_removed_weights_are_exactly_zero_after_every_epoch(whole):
    for _, result in whole:
        for name, mask in result["masks"].items():
            assert (result["net"][name][~mask] == 0).all()


def test_recoveries_keep_the_masks_they_are_given_grafts_and_dense_stages_keep_all(
    stage, context, whole
):
    role, settings = stage
    masks = whole[-1][1]["masks"]
    if type(settings) in {RECOVERIES[name] for name in MASK_ANEW}:
        assert settings.inputs >= 1
    elif role == "dense" or type(settings) in {RECOVERIES[name] for name in GRAFTS}:
        assert all(mask.all() for mask in masks.values())
    elif role == "recovery":
        assert all(torch.equal(masks[k], v) for k, v in context.incoming[-1].masks.items())
    else:
        assert settings.inputs == 0


def test_a_stage_can_be_looked_at_before_its_first_epoch(stage, context):
    run = start(stage[1], context)

    assert run.epochs >= 1
    assert run.result().net(torch.zeros(2, 5)).shape == (2, 1)


def test_losses_are_finite_numbers(whole):
    for losses, _ in whole:
        assert all(isinstance(value, float) and value == value for value in losses.values())


def test_a_stage_says_what_it_learns_from(stage):
    _, settings = stage
    assert settings.learns_from in ("train", "debias", "nothing")
    assert settings.inputs >= 0
    assert type(settings)(**settings_dict(settings)) == settings


def test_settings_cannot_be_changed_and_refuse_unknown_fields(stage):
    _, settings = stage
    with pytest.raises((dataclasses.FrozenInstanceError, AttributeError)):
        settings.something = 1
    with pytest.raises(ValueError, match="something"):
        type(settings)(something=1)


@pytest.mark.parametrize(("role", "name"), STAGES)
def test_every_stage_has_a_docstring_and_its_module_a_source(role, name):
    kind = REGISTRIES[role][name]
    module = sys.modules[kind.__module__]

    assert inspect.getdoc(kind)
    assert kind.__module__.endswith(f".{name}")
    assert re.search(r"(19|20)\d\d", module.__doc__), "authors, venue and year"


@pytest.mark.parametrize("stage", CASES, indirect=True, ids=str)
@pytest.mark.parametrize(("classes", "groups"), [(2, 3), (3, 2), (3, 3)])
def test_every_stage_works_on_several_classes_and_groups(stage, classes, groups):
    role, settings = stage
    dense = made_net(outputs=1 if classes == 2 else classes)
    context = made_context(
        dense,
        made_data(classes=classes, groups=groups),
        incoming=earlier_results(role, settings, dense),
        objective=Objective("accuracy", "spd" if classes == 2 else "bias_amplification"),
    )

    assert run_to_end(settings, context)


def test_a_loss_that_is_not_finite_ends_the_stage_by_name():
    dense = made_net()
    with torch.no_grad():
        dense[0].weight.fill_(float("nan"))
    learning = [
        (name, SMALLEST[(role, name)][0], REGISTRIES[role][name])
        for role, name in STAGES
        if REGISTRIES[role][name](**SMALLEST[(role, name)][0]).learns_from != "nothing"
    ]
    assert learning
    for name, row, kind in learning:
        nan = MaskedNet(copy.deepcopy(dense), Magnitude(sparsity=0.0).masks(dense))
        context = made_context(dense, made_data(), incoming=[nan, nan])
        with pytest.raises(FloatingPointError, match=f"{name}: .* must stay finite, got nan"):
            run_to_end(kind(**row), context)
