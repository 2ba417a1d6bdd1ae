import math

import pytest
import torch

from trainables.data.task import Binary, Multiclass, head_for


def test_two_classes_get_one_logit_and_more_get_one_each():
    assert head_for(2) == Binary() and head_for(2).outputs == 1
    assert head_for(5) == Multiclass(5) and head_for(5).outputs == 5


def test_a_task_with_one_class_is_refused():
    with pytest.raises(ValueError, match="at least 2 classes, got 1"):
        head_for(1)


def test_binary_loss_is_the_weighted_mean_of_cross_entropies():
    logits = torch.tensor([[0.0], [math.log(3.0)]])  # probabilities of class 1: 1/2 and 3/4
    labels = torch.tensor([1, 0])
    losses = [math.log(2.0), math.log(4.0)]

    assert Binary().loss(logits, labels).item() == pytest.approx(sum(losses) / 2)
    weighted = Binary().loss(logits, labels, torch.tensor([0.5, 1.5])).item()
    assert weighted == pytest.approx((0.5 * losses[0] + 1.5 * losses[1]) / 2)


def test_multiclass_loss_is_the_weighted_mean_of_cross_entropies():
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]))
    labels = torch.tensor([0, 1])
    losses = [math.log(2.0), math.log(10.0)]

    assert Multiclass(3).loss(logits, labels).item() == pytest.approx(sum(losses) / 2)
    weighted = Multiclass(3).loss(logits, labels, torch.tensor([0.5, 1.5])).item()
    assert weighted == pytest.approx((0.5 * losses[0] + 1.5 * losses[1]) / 2)


def test_scores_are_probabilities():
    assert Binary().scores(torch.tensor([[0.0], [math.log(3.0)]])).tolist() == pytest.approx(
        [0.5, 0.75]
    )
    scores = Multiclass(2).scores(torch.tensor([[0.0, math.log(3.0)]]))
    assert scores.tolist()[0] == pytest.approx([0.25, 0.75])
