"""Against torch's Adam: of all weights at once, and of each weight for itself."""

from __future__ import annotations

import torch

from trainables.recoveries.netaug import RestingAdam


def gradients(steps, size):
    return torch.randn(steps, size, generator=torch.Generator().manual_seed(0))


def test_where_every_weight_has_its_turn_it_is_adam():
    mine = RestingAdam(torch.linspace(-1, 1, 6))
    theirs = torch.linspace(-1, 1, 6).requires_grad_(True)
    adam = torch.optim.Adam([theirs], lr=0.1)
    for gradient in gradients(20, 6):
        mine.step(torch.arange(6), gradient, 0.1)
        theirs.grad = gradient.clone()
        adam.step()

    torch.testing.assert_close(mine.values, theirs.detach())


def test_a_weight_moves_as_if_the_steps_it_rested_in_had_not_been():
    mine = RestingAdam(torch.zeros(3))
    turns = [[0, 1], [1], [2, 1], [0], [0, 2]]
    for turn, gradient in zip(turns, gradients(5, 3), strict=True):
        before = mine.values.clone()
        mine.step(torch.tensor(turn), gradient[turn], 0.01)
        rests = [i for i in range(3) if i not in turn]
        assert torch.equal(mine.values[rests], before[rests])

    for weight in range(3):
        alone = torch.zeros(1, requires_grad=True)
        adam = torch.optim.Adam([alone], lr=0.01)
        for turn, gradient in zip(turns, gradients(5, 3), strict=True):
            if weight in turn:
                alone.grad = gradient[weight : weight + 1].clone()
                adam.step()
        torch.testing.assert_close(mine.values[weight], alone.detach()[0])


def test_an_empty_turn_changes_nothing():
    mine = RestingAdam(torch.ones(2))
    mine.step(torch.tensor([], dtype=torch.int64), torch.tensor([]), 0.1)

    assert mine.values.tolist() == [1.0, 1.0]


def test_its_state_is_a_copy_and_brings_everything_back():
    one, two = RestingAdam(torch.ones(4)), RestingAdam(torch.zeros(4))
    one.step(torch.tensor([0, 2]), torch.tensor([0.3, -2.0]), 0.1)
    state = one.state_dict()
    kept = {name: tensor.clone() for name, tensor in state.items()}
    one.step(torch.tensor([2, 3]), torch.tensor([1.0, 1.0]), 0.1)
    assert all(torch.equal(state[name], kept[name]) for name in kept)

    two.load_state_dict(state)
    two.step(torch.tensor([2, 3]), torch.tensor([1.0, 1.0]), 0.1)
    assert torch.equal(two.values, one.values)
