"""A last layer over (class, group) pairs: what it answers, and nets that are stored with it."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.trainables.made_data import made_prepared
from tests.trainables.test_stage import made_net
from trainables.dense.domain_discriminative import DomainDiscriminative
from trainables.evaluation.objective import Objective
from trainables.masks import MaskedNet, Masks, prunable
from trainables.models.joint_head import JointHead, JointReadout, described, rebuilt
from trainables.models.last_layer import last_linear
from trainables.models.net_file import load_net, save_net
from trainables.recoveries.adversarial import Adversarial
from trainables.trial.candidate_store import CandidateStore
from trainables.trial.pipeline import Pipeline
from trainables.trial.spec import Spec, StageSpec
from trainables.trial.workbench import Workbench

INPUTS = torch.linspace(-2, 2, 35).view(7, 5)
DESCRIPTION = {"joint_head": "6", "classes": 2, "groups": 3, "over": "sum"}


def with_head(classes=2, groups=3, over="sum", seed=0):
    """The made network with another, drawn last layer."""
    net = rebuilt(made_net(), {**DESCRIPTION, "classes": classes, "groups": groups, "over": over})
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in net[-1].state_dict().values():
            tensor.copy_(torch.randn(tensor.shape, generator=draw))
    return net.eval()


def test_two_classes_have_the_logit_of_their_shifted_probabilities_by_hand():
    readout = JointReadout(2, 2, "sum")
    readout.log_prior.copy_(torch.tensor([0.4, 0.1, 0.1, 0.4]).log())
    joint = torch.tensor(
        [[0.2, 0.1, 0.3, 0.4]]
    ).log()  # p(y = 0, d = 0), p(0, 1), p(1, 0), p(1, 1)
    zero, one = 0.2 / 0.4 + 0.1 / 0.1, 0.3 / 0.1 + 0.4 / 0.4

    assert float(readout(joint).sigmoid()) == pytest.approx(one / (zero + one))


def test_every_unit_before_a_joint_head_that_is_whole_is_alive():
    net = with_head()

    assert MaskedNet(net, Masks.keep_all(net)).live_unit_share((5,)) == 1.0


def test_a_unit_that_no_pair_reads_is_dead():
    net = with_head()
    masks = Masks.keep_all(net).state_dict()
    masks["6.joint.weight"][:, 0] = False  # one of the six features

    units = 8 + 6 + 6
    assert MaskedNet(net, Masks(masks)).live_unit_share((5,)) == pytest.approx((units - 1) / units)


def test_the_joint_layer_is_prunable_and_the_last_one():
    net = with_head()

    assert "6.joint.weight" in prunable(net)
    assert last_linear(net, INPUTS) is net[-1].joint


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("over", ["sum", "max"])
def test_a_description_is_enough_to_load_the_weights(classes, over):
    net = with_head(classes, 3, over)
    plain = made_net(1 if classes == 2 else classes)
    again = rebuilt(plain, described(net))
    again.load_state_dict(net.state_dict())

    assert type(plain[-1]) is nn.Linear
    assert torch.equal(again.eval()(INPUTS), net(INPUTS))
    assert again(INPUTS).shape == plain(INPUTS).shape
    assert described(again) == described(net)


def test_an_ordinary_network_has_no_description_and_stays_itself():
    net = made_net()

    assert described(net) is None
    assert rebuilt(net, None) is net


def test_an_ordinary_network_can_be_loaded_where_one_with_a_joint_head_is():
    plain = made_net()
    again = rebuilt(with_head(), None)
    again.load_state_dict(plain.state_dict())

    assert torch.equal(again.eval()(INPUTS), plain(INPUTS))


def test_a_bare_linear_network_and_one_without_bias_are_replaced_too():
    net = rebuilt(nn.Linear(5, 1, bias=False), {**DESCRIPTION, "joint_head": ""})

    assert isinstance(net, JointHead)
    assert net.joint.bias is None
    assert rebuilt(net, None).weight.shape == (1, 5)


def test_a_description_of_another_network_is_refused():
    with pytest.raises(ValueError, match="1 must be a Linear layer of the network, got ReLU"):
        rebuilt(made_net(), {**DESCRIPTION, "joint_head": "1"})


@pytest.mark.parametrize("stored", [made_net, with_head])
@pytest.mark.parametrize("given", [made_net, with_head])
def test_stores_and_files_give_back_either_kind_into_either_kind(stored, given, tmp_path):
    net = stored()
    store = CandidateStore(tmp_path)
    name = store.put(MaskedNet(net, Masks.keep_all(net)), {"epoch": 1})
    save_net(net, tmp_path / "net")

    for again in (store.load(name, given()).net, load_net(tmp_path / "net", given())):
        assert torch.equal(again.eval()(INPUTS), net(INPUTS))
        assert described(again) == described(net)
    assert store.facts(name)["epoch"] == 1


def opened(dense):
    return Workbench.open(made_prepared(), dense, Objective(), device="cpu", initial=made_net())


def spec_of(*stages):
    config = {"trial": "t1", "method": "adv_ft", "seed": 0, "settings": {}}
    spec = Spec.from_config({**config, "correction": {"name": "threshold"}})
    return replace(spec, stages=tuple(StageSpec(*stage, slot=stage[0]) for stage in stages))


@pytest.mark.parametrize("dense", [made_net, lambda: with_head(groups=2)])
def test_a_trial_that_replaced_the_last_layer_goes_on_from_a_checkpoint(dense):
    stages = (
        ("dense", "domain_discriminative", DomainDiscriminative(max_epochs=2)),
        ("recovery", "adversarial", Adversarial(epochs=2, batch_size=20)),
    )
    whole = Pipeline(spec_of(*stages), opened(dense()))
    reports = [whole.step() for _ in range(4)]
    first = Pipeline(spec_of(*stages), opened(dense()))
    for _ in range(3):
        first.step()
    second = Pipeline(spec_of(*stages), opened(dense()))
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    last = second.step()

    assert {**last, "seconds": 0} == {**reports[-1], "seconds": 0}
    assert isinstance(second.left[0].net[-1], JointHead)
