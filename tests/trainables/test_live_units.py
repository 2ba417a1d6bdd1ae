import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.trainables.made_data import made_context, made_data
from trainables.dense.domain_discriminative import DomainDiscriminative
from trainables.dense.domain_independent import DomainIndependent
from trainables.dense.erm import Erm
from trainables.live_units import live_unit_share
from trainables.masks import MaskedNet, Masks
from trainables.models import MODELS
from trainables.models.build import build
from trainables.pruners.mask_discovery import MaskDiscovery


def masks_of(net, **kept):
    """All kept, except for the layers given as lists of 0 and 1."""
    full = Masks.keep_all(net)
    given = {f"{name.lstrip('_')}.weight": torch.tensor(v).bool() for name, v in kept.items()}
    return Masks(
        {
            name: given[name].view(mask.shape) if name in given else mask
            for name, mask in full.items()
        }
    )


@pytest.fixture
def chain():
    """2 inputs, 3 hidden units, 2 outputs."""
    return nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Dropout(0.5), nn.Linear(3, 2))


@pytest.mark.parametrize(
    ("first", "second", "live"),
    [
        ([[1, 1], [1, 1], [1, 1]], [[1, 1, 1], [1, 1, 1]], 5),
        ([[0, 0], [1, 0], [1, 1]], [[1, 1, 1], [1, 1, 1]], 4),  # unit 0 hears nothing
        ([[1, 1], [1, 1], [1, 1]], [[0, 1, 1], [0, 1, 1]], 4),  # unit 0 is not heard
        ([[1, 1], [0, 0], [0, 0]], [[0, 1, 1], [1, 0, 0]], 2),  # output 0 hears only dead units
        ([[1, 1], [0, 0], [0, 0]], [[0, 1, 1], [0, 1, 1]], 0),  # no path is left
    ],
)
def test_units_of_a_chain_are_live_where_a_path_goes_through_them(chain, first, second, live):
    masks = masks_of(chain, _0=first, _3=second)

    assert live_unit_share(chain, masks, (2,)) == pytest.approx(live / 5)


def test_the_trained_values_and_biases_do_not_matter(chain):
    masks = masks_of(chain, _0=[[0, 0], [1, 0], [1, 1]])
    with torch.no_grad():
        for parameter in chain.parameters():
            parameter.fill_(-7.0)

    assert live_unit_share(chain, masks, (2,)) == pytest.approx(4 / 5)


def test_looking_changes_neither_the_network_nor_its_mode(chain):
    before = {k: v.clone() for k, v in chain.state_dict().items()}
    live_unit_share(chain, Masks.keep_all(chain), (2,))

    assert chain.training
    assert all(torch.equal(before[k], v) for k, v in chain.state_dict().items())
    assert chain(torch.zeros(2, 2)).shape == (2, 2)
    assert not any(m._forward_hooks for m in chain.modules())


def test_a_channel_of_a_convolution_is_live_where_a_path_goes_through_it():
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1),
        nn.BatchNorm2d(2),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2, 1),
    )
    corner = torch.zeros(2, 1, 3, 3)
    corner[0, 0, 0, 0] = 1  # channel 0 has one weight left, channel 1 none
    masks = masks_of(net, _0=corner.tolist())

    assert live_unit_share(net, masks, (1, 4, 4)) == pytest.approx(2 / 3)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(2, 2)
        self.branch = nn.Linear(2, 2)
        self.out = nn.Linear(2, 1)

    def forward(self, x):
        x = self.stem(x)
        y = self.branch(F.relu(x))
        y += x
        return self.out(F.relu(y))


def test_a_skip_connection_carries_what_a_dead_branch_does_not():
    net = Residual()
    masks = masks_of(net, branch=[[0, 0], [1, 0]])

    # the branch's unit 0 is dead, everything else lives, the other channel by the skip
    assert live_unit_share(net, masks, (2,)) == pytest.approx(4 / 5)


class Attending(nn.Module):
    def __init__(self, **settings):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True, **settings)
        self.out = nn.Linear(4, 1)

    def forward(self, x):
        return self.out(self.attention(x, x, x, need_weights=False)[0].mean(1))


def test_all_of_an_unpruned_attention_is_live():
    net = Attending()

    assert live_unit_share(net, Masks.keep_all(net), (3, 4)) == 1.0


def test_without_keys_the_queries_are_dead_and_the_values_live():
    net = Attending()
    joint = torch.ones(12, 4, dtype=torch.bool)
    joint[4:8] = False
    masks = Masks({**Masks.keep_all(net), "attention.in_proj_weight": joint})

    # 4 values, 4 of the projection after them and 1 output of 12 + 4 + 1 units
    assert live_unit_share(net, masks, (3, 4)) == pytest.approx(9 / 17)


class AttendingToOther(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, kdim=3, vdim=3, batch_first=True)
        self.out = nn.Linear(4, 1)

    def forward(self, x):
        return self.out(self.attention(x, x[..., :3], x[..., :3])[0].mean(1))


def test_a_head_without_values_makes_its_queries_and_keys_dead():
    net = AttendingToOther()
    values = torch.ones(4, 3, dtype=torch.bool)
    values[:2] = False  # the first of two heads
    masks = Masks({**Masks.keep_all(net), "attention.v_proj_weight": values})

    # of 4 queries, keys and values each 2 are left; 4 of the projection after them; 1 output
    assert live_unit_share(net, Masks.keep_all(net), (3, 4)) == 1.0
    assert live_unit_share(net, masks, (3, 4)) == pytest.approx(11 / 17)


def test_a_network_that_ends_in_softmax_is_live():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2), nn.Softmax(1))

    assert live_unit_share(net, Masks.keep_all(net), (2,)) == 1.0


@pytest.mark.parametrize("name", MODELS)
def test_every_unit_of_an_unpruned_model_is_live(name):
    side = 32 if name in ("mobilenet_v2", "shufflenet_v2") else 16  # smaller ones it refuses
    shape = (7,) if name.startswith("mlp") else (3, side, side)
    net = build(name, shape, 3, seed=0)

    assert MaskedNet(net, Masks.keep_all(net)).live_unit_share(shape) == 1.0


def test_a_deep_network_at_extreme_sparsity_does_not_underflow():
    net = build("resnet18", (3, 32, 32), 10, seed=0)
    draw = torch.Generator().manual_seed(0)
    masks = Masks(
        {
            name: torch.rand(mask.shape, generator=draw) < 0.02
            for name, mask in Masks.keep_all(net).items()
        }
    )

    assert 0.8 < live_unit_share(net, masks, (3, 32, 32)) < 1.0


@pytest.fixture
def asked(monkeypatch):
    """The arguments of each search for live units; none is made."""
    calls = []
    monkeypatch.setattr("trainables.masks.live_unit_share", lambda *a: calls.append(a) or 0.25)
    return calls


def test_the_share_is_found_once_for_masks_that_stay(chain, asked):
    masked = MaskedNet(chain, masks_of(chain, _0=[[0, 0], [1, 0], [1, 1]]))

    assert [masked.live_unit_share((2,)), masked.clone().live_unit_share((2,))] == [0.25, 0.25]
    assert len(asked) == 1


def test_the_share_is_found_for_each_architecture_and_each_shape_of_an_input(chain, asked):
    masks = masks_of(chain, _0=[[0, 0], [1, 0], [1, 1]])
    other = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Dropout(0.5), nn.Linear(3, 2))
    nets = [chain, other, chain, other]
    shares = [MaskedNet(net, masks).live_unit_share((2,)) for net in nets]
    MaskedNet(chain, masks).live_unit_share((7, 2))

    assert shares == [0.25] * 4
    assert [(call[0], call[2]) for call in asked] == [
        (chain, (2,)),
        (other, (2,)),
        (chain, (7, 2)),
    ]


def shares_of_epochs(settings, epochs):
    """Asks for the share after each epoch, as a trial does; the stage's run."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 1))
    context = made_context(net, made_data())
    run = settings.start(context)
    for epoch in range(epochs):
        run.epoch(context.generator(epoch))
        run.result().live_unit_share((5,))
    return run


@pytest.mark.parametrize("dense", [Erm, DomainIndependent, DomainDiscriminative])
def test_a_stage_that_makes_a_new_network_each_epoch_has_the_share_found_once(dense, asked):
    shares_of_epochs(dense(max_epochs=3), 3)

    assert len(asked) == 1


def test_a_mask_that_learns_has_the_share_found_when_it_has_changed(asked):
    run = shares_of_epochs(MaskDiscovery(epochs=4, lr=1e-4, batch_size=20), 3)  # none is removed
    assert len(asked) == 1

    for kept in (30, 30, 20):
        run._masked.set_mask(torch.arange(48) < kept)
        run.result().live_unit_share((5,))
    assert [call[1].kept for call in asked] == [48, 30, 20]


@pytest.mark.parametrize("seed", range(5))
def test_a_plain_sequence_is_followed_as_a_copy_of_it_is(seed, monkeypatch):
    net = build("mlp", (6,), 2, seed=0, width=5, hidden=2)
    draw = torch.Generator().manual_seed(seed)
    masks = Masks(
        {
            name: torch.rand(mask.shape, generator=draw) < 0.3
            for name, mask in Masks.keep_all(net).items()
        }
    )
    quickly = live_unit_share(net, masks, (6,))
    monkeypatch.setattr("trainables.live_units._chain", lambda *_: None)

    assert quickly == live_unit_share(net, masks, (6,))
    assert 0 <= quickly < 1


def test_a_layer_that_a_sequence_uses_twice_is_live_where_either_use_is():
    square = nn.Linear(3, 3)
    twice = nn.Sequential(nn.Flatten(), square, nn.ReLU(), square)
    eye = Masks({"1.weight": torch.tensor([[0, 1, 0], [0, 0, 1], [0, 0, 0]]).bool()})
    # what goes in at 2 comes out of 1, then of 0: by the first use 1 and 2 would do
    assert live_unit_share(twice, eye, (3,)) == pytest.approx(2 / 3)
