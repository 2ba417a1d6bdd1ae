"""Adversaries of a network: one predicts the bias of a batch, the other guesses a sample's group.

The first is the critic of Savani, White, Govindarajulu, "Intra-Processing Methods for Debiasing
Neural Networks", NeurIPS 2020, arXiv:2006.08564. Theirs flattens the batch, so that its size and
order matter; ours takes the mean over the samples and sees a batch as a set.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainables.models.last_layer import fresh_linear
from trainables.stage import State, snapshot


class BiasCritic(nn.Module):
    """Predicts the bias of a batch.

    A network looks at each sample by itself; its outputs' mean over the batch goes through a
    second one.
    """

    def __init__(
        self, features: int, scores: int, hidden: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.of_sample = nn.Sequential(
            nn.Linear(features + scores, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()
        )
        self.of_batch = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1))
        for parameter in self.parameters():  # default widths, drawn from the stage's own stream
            _draw(parameter, generator)

    def forward(self, features: Tensor, scores: Tensor) -> Tensor:
        """Predicted bias () from `features` (n, h) and `scores` (n,) or (n, classes)."""
        columns = scores[:, None] if scores.dim() == 1 else scores
        samples = self.of_sample(torch.cat([features, columns], 1))
        prediction: Tensor = self.of_batch(samples.mean(0))
        return prediction.squeeze(0)


class BiasAdversary:
    """A critic with its optimizer: learns the soft bias of batches, then stands in for it."""

    def __init__(
        self,
        features: int,
        scores: int,
        *,
        lr: float,
        generator: torch.Generator,
        device: torch.device,
        hidden: int = 32,
    ) -> None:
        self.critic = BiasCritic(features, scores, hidden, generator).to(device)
        self.optimizer = torch.optim.Adam(self.critic.parameters(), lr=lr, fused=True)

    def learn(self, features: Tensor, scores: Tensor, bias: Tensor) -> Tensor:
        """One step on the squared error; returns that error (). The inputs get no gradient."""
        error = F.mse_loss(self.critic(features.detach(), scores.detach()), bias.detach())
        self.optimizer.zero_grad()
        error.backward()
        self.optimizer.step()
        return error.detach()

    def predict(self, features: Tensor, scores: Tensor) -> Tensor:
        """Predicted bias (), differentiable in features and scores.

        The critic's own parameters collect gradients where the caller uses `backward`;
        `learn` clears them before it adds its own.
        """
        prediction: Tensor = self.critic(features, scores)
        return prediction

    def state_dict(self) -> State:
        return snapshot(
            {"critic": self.critic.state_dict(), "optimizer": self.optimizer.state_dict()}
        )

    def load_state_dict(self, state: State) -> None:
        self.critic.load_state_dict(state["critic"])
        self.optimizer.load_state_dict(snapshot(state["optimizer"]))


@torch.no_grad()
def _draw(parameter: nn.Parameter, generator: torch.Generator) -> None:
    """Kaiming-uniform weights, zero biases."""
    if parameter.dim() < 2:
        parameter.zero_()
    else:
        nn.init.kaiming_uniform_(parameter, nonlinearity="relu", generator=generator)


Sees = Literal["score", "score_and_label", "logits"]


class GroupAdversary(nn.Module):
    """Guesses the group of each sample from a network's outputs, by one linear layer.

    What it sees are the logits (Wang et al., CVPR 2020, arXiv:1911.11834), or scores: the
    probabilities after the logits were multiplied by 1 + |c| with a learned c, by themselves or
    beside the label (Zhang, Lemoine, Mitchell, "Mitigating Unwanted Biases with Adversarial
    Learning", AIES 2018, arXiv:1801.07593, and AIF360).
    """

    sharpness: nn.Parameter | None

    def __init__(
        self, sees: Sees, classes: int, groups: int, outputs: int, generator: torch.Generator
    ) -> None:
        """`outputs` is the number of logits of the network: 1 for two classes."""
        super().__init__()
        self._sees, self._classes = sees, classes
        copies = 1 + classes if sees == "score_and_label" else 1
        self.guess = fresh_linear(outputs * copies, groups - 1, generator)
        sharpness = None if sees == "logits" else nn.Parameter(torch.ones(()))
        self.register_parameter("sharpness", sharpness)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(n, groups) logits of the groups, from `logits` (n, outputs) and `labels` (n,).

        Logits only matter up to a constant: the first group's is fixed at 0.
        """
        guess: Tensor = self.guess(self._seen(logits, labels))
        return F.pad(guess, (1, 0))

    def _seen(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.sharpness is None:
            return logits
        sharpened = (1.0 + self.sharpness.abs()) * logits
        scores = sharpened.sigmoid() if logits.shape[1] == 1 else sharpened.softmax(1)
        return scores if self._sees == "score" else beside_label(scores, labels, self._classes)


def beside_label(scores: Tensor, labels: Tensor, classes: int) -> Tensor:
    """(n, (1 + classes) * outputs) the `scores` (n, outputs), then s * [y = k] for each class k.

    So a layer that is linear in this can weigh the scores s of each label y by themselves.
    """
    label = F.one_hot(labels, classes).to(scores.dtype)
    return torch.cat([scores, (label.unsqueeze(2) * scores.unsqueeze(1)).flatten(1)], 1)


def uncertainty(groups: Tensor, labels: Tensor | None = None) -> float:
    """Entropy in nats of the groups (n,), within each label where `labels` (n,) are given.

    This is the cross-entropy of an adversary that has learned nothing from the network.
    """
    if labels is not None:
        parts = [groups[labels == label] for label in labels.unique()]
        return sum(uncertainty(part) * len(part) for part in parts) / len(groups)
    shares = groups.bincount().double() / len(groups)
    return float(torch.special.entr(shares).sum())
