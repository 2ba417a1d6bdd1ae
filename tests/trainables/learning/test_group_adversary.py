"""Who sees and learns what; losses in which groups count alike, by hand and at chance."""

import math
from itertools import product

import pytest
import torch
from torch.nn import functional as F

from trainables.learning.group_adversary import (
    LARGEST_GUESS,
    GroupAdversary,
    advantage,
    guess_loss,
    row_weights,
    uncertainty,
)


def made(sees="logits", *, classes=2, groups=2, outputs=1, **settings):
    draw = torch.Generator().manual_seed(0)
    return GroupAdversary(sees, classes, groups, outputs, draw, **settings)


def columns(*rows):
    return tuple(torch.tensor(column) for column in zip(*rows, strict=True))


def test_a_sharp_score_and_its_label_are_what_the_adversary_sees():
    adversary = made("score_and_label")
    logits, labels = torch.tensor([[0.5], [-1.0]]), torch.tensor([1, 0])
    weight, bias = adversary.guess.weight[0].tolist(), float(adversary.guess.bias[0].detach())
    expected = []
    for logit, y in ((0.5, 1.0), (-1.0, 0.0)):
        s = 1 / (1 + math.exp(-2.0 * logit))  # c starts at 1
        seen = (s, s * (1 - y), s * y)
        expected.append(bias + sum(w * x for w, x in zip(weight, seen, strict=True)))

    found = adversary(logits, labels)

    assert found[:, 0].tolist() == [0.0, 0.0]
    assert found[:, 1].tolist() == pytest.approx(expected)


@pytest.mark.parametrize("settings", [{}, {"hidden": 4}, {"per_label": True, "hidden": 4}])
@pytest.mark.parametrize(
    ("sees", "outputs", "width"),
    [
        ("score", 1, 1),
        ("score_and_label", 1, 3),
        ("logits", 1, 1),
        ("score", 4, 4),
        ("score_and_label", 4, 20),
        ("logits", 4, 4),
    ],
)
def test_it_works_on_any_number_of_classes_and_groups(sees, outputs, width, settings):
    classes = max(2, outputs)
    adversary = made(sees, classes=classes, groups=5, outputs=outputs, **settings)
    first = next(layer for layer in adversary.modules() if isinstance(layer, torch.nn.Linear))

    assert first.in_features == width
    assert adversary(torch.randn(7, outputs), torch.arange(7) % classes).shape == (7, 5)


def test_the_head_of_a_label_only_learns_from_the_rows_of_its_label():
    adversary = made(classes=3, groups=3, per_label=True, hidden=4)
    logits, groups = torch.tensor([[0.3], [-0.7], [1.1]]), torch.tensor([0, 1, 2])
    labels = torch.tensor([1, 1, 2])

    F.cross_entropy(adversary(logits, labels), groups).backward()

    moved = [any(bool(p.grad.any()) for p in head.parameters()) for head in adversary.guess]
    assert moved == [False, True, True]


def test_each_label_is_guessed_from_by_its_own_head():
    adversary = made(per_label=True)
    logits = torch.tensor([[0.3], [-0.7], [1.1]])
    found = adversary(logits, torch.tensor([0, 1, 0]))
    by_head = [head(logits)[:, 0].tolist() for head in adversary.guess]

    assert found[:, 1].tolist() == pytest.approx([by_head[y][i] for i, y in enumerate([0, 1, 0])])


@pytest.mark.parametrize("sees", ["logits", "score", "score_and_label"])
@pytest.mark.parametrize("size", [1e3, 1e12])
def test_extreme_logits_have_a_finite_loss_and_gradient(sees, size):
    adversary = made(sees, per_label=True, hidden=4)
    logits = torch.tensor([[size], [-size], [size], [-size]], requires_grad=True)
    labels, groups = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 0])

    guesses = adversary(logits, labels)
    loss = guess_loss(guesses, groups, labels, balance="cells")
    loss.backward()

    assert float(guesses.detach().abs().max()) <= LARGEST_GUESS
    assert float(loss.detach()) <= LARGEST_GUESS + math.log(2)
    assert bool(logits.grad.isfinite().all())
    assert all(bool(p.grad.isfinite().all()) for p in adversary.parameters())


def test_an_adversary_that_is_surely_wrong_finds_its_way_back():
    adversary, labels = made(), torch.zeros(2, dtype=torch.int64)
    with torch.no_grad():
        adversary.guess.weight.fill_(100.0)
        adversary.guess.bias.zero_()
    logits, groups = torch.tensor([[1.0], [-1.0]]), torch.tensor([0, 1])

    guess_loss(adversary(logits, labels), groups, labels, balance="rows").backward()

    assert float(adversary.guess.weight.grad) == pytest.approx(1.0)  # down, at full strength


def test_weights_by_hand():
    groups, labels = columns((0, 0), (0, 0), (0, 0), (1, 0), (0, 1), (1, 1))
    rows = row_weights(groups, labels, "rows")
    by_group = row_weights(groups, labels, "groups")
    by_cell = row_weights(groups, labels, "cells")

    assert rows.tolist() == pytest.approx([1 / 6] * 6)
    assert by_group.tolist() == pytest.approx([1 / 8, 1 / 8, 1 / 8, 1 / 4, 1 / 8, 1 / 4])
    # label 0 has 4 of the 6 rows, of which each group gets half
    assert by_cell.tolist() == pytest.approx([1 / 9, 1 / 9, 1 / 9, 1 / 3, 1 / 6, 1 / 6])


def test_groups_and_labels_that_a_batch_has_no_rows_of_are_left_out():
    # no label 1, no group 1; label 2 has group 0 alone
    groups, labels = columns((0, 0), (2, 0), (2, 0), (0, 2))

    by_cell = row_weights(groups, labels, "cells").tolist()
    assert by_cell == pytest.approx([3 / 8, 3 / 16, 3 / 16, 1 / 4])
    by_group = row_weights(groups, labels, "groups").tolist()
    assert by_group == pytest.approx([1 / 4, 1 / 4, 1 / 4, 1 / 4])
    loss = guess_loss(torch.randn(4, 4), groups, labels, balance="cells")
    assert bool(loss.isfinite())


def drawn(shares, rows=400, seed=0):
    """Rows whose group has these `shares` within each label."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, len(shares), (rows,), generator=draw)
    groups = torch.multinomial(torch.tensor(shares)[labels], 1, generator=draw)[:, 0]
    return groups, labels


SHARES = [[[0.5, 0.5], [0.5, 0.5]], [[0.9, 0.1], [0.3, 0.7]], [[0.1, 0.2, 0.7], [0.6, 0.3, 0.1]]]


@pytest.mark.parametrize(("shares", "balance"), list(product(SHARES, ["groups", "cells"])))
def test_knowing_nothing_costs_the_log_of_the_number_of_groups_whatever_their_shares(
    shares, balance
):
    groups, labels = drawn(shares)
    kinds = len(shares[0])
    nothing = torch.zeros(len(groups), kinds)
    shares_alone = F.one_hot(groups, kinds).double().mean(0).log().expand(len(groups), -1)

    loss = float(guess_loss(nothing, groups, labels, balance=balance))
    worse = float(guess_loss(shares_alone, groups, labels, balance=balance))

    assert loss == pytest.approx(math.log(kinds), rel=1e-5)
    assert worse >= loss - 1e-6  # to know the shares is of no use where they do not count
    knows_label = balance == "cells"
    gain = advantage(loss, groups, labels, balance=balance, knows_label=knows_label)
    assert gain == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("knows_label", [False, True])
@pytest.mark.parametrize("balance", ["rows", "groups", "cells"])
def test_chance_is_the_best_that_can_be_guessed_without_the_network(balance, knows_label):
    groups, labels = drawn(SHARES[1])
    guess = torch.zeros(2 if knows_label else 1, 2, requires_grad=True)
    optimizer = torch.optim.Adam([guess], lr=0.05)
    for _ in range(200):
        rows = guess[labels] if knows_label else guess.expand(len(labels), -1)
        loss = guess_loss(rows, groups, labels, balance=balance)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    gain = advantage(
        float(loss.detach()), groups, labels, balance=balance, knows_label=knows_label
    )
    assert gain == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("balance", ["rows", "groups", "cells"])
@pytest.mark.parametrize("settings", [{"hidden": 8}, {"per_label": True, "hidden": 8}, {}])
def test_scores_that_tell_the_groups_apart_are_found_out(settings, balance):
    groups, labels = drawn(SHARES[1])
    logits = 2.0 * groups[:, None] - 1.0 + 0.1 * labels[:, None]
    adversary = made(**settings)
    optimizer = torch.optim.Adam(adversary.parameters(), lr=0.1)
    for _ in range(200):
        loss = guess_loss(adversary(logits, labels), groups, labels, balance=balance)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    assert float(loss.detach()) < 0.02
    knows_label = adversary.knows_label
    found_out = advantage(0.0, groups, labels, balance=balance, knows_label=knows_label)
    assert found_out > 0.4


def test_only_what_the_label_tells_of_the_group_is_known_without_the_network():
    assert [made(sees).knows_label for sees in ("score", "logits", "score_and_label")] == [
        False,
        False,
        True,
    ]
    assert made("logits", per_label=True).knows_label


def test_uncertainty_is_the_loss_of_an_adversary_that_knows_shares_alone():
    groups = torch.tensor([0, 0, 0, 1, 1, 2])
    labels = torch.tensor([0, 0, 1, 1, 1, 0])
    shares = torch.tensor([3, 2, 1]) / 6
    of_label = -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3))  # of either label

    assert uncertainty(groups) == pytest.approx(
        float(F.cross_entropy(shares.log().expand(6, -1), groups))
    )
    assert uncertainty(groups, labels) == pytest.approx(of_label)
