"""An adversary of a network that predicts the bias of a batch.

It is the critic of Savani, White, Govindarajulu, "Intra-Processing Methods for Debiasing Neural
Networks", NeurIPS 2020, arXiv:2006.08564. Theirs flattens the batch, so that its size and order
matter; ours takes the mean over the samples and sees a batch as a set.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainables.fused.adam import FlatAdam
from trainables.fused.batch_loss import CompiledCritic
from trainables.optimizers import Adam
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
        fused: bool = False,
    ) -> None:
        """With `fused`, compiled loops can do the same on a CPU."""
        self.critic = BiasCritic(features, scores, hidden, generator).to(device)
        self.optimizer = Adam(self.critic.parameters(), lr=lr, fused=True)
        self._flat = FlatAdam.of(self.optimizer) if fused else None
        # What `BatchLoss` takes: the same critic, without autograd
        self.compiled = None if self._flat is None else CompiledCritic(self._flat, hidden)

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
        if self._flat is not None:
            self._flat.renew()


@torch.no_grad()
def _draw(parameter: nn.Parameter, generator: torch.Generator) -> None:
    """Kaiming-uniform weights, zero biases."""
    if parameter.dim() < 2:
        parameter.zero_()
    else:
        nn.init.kaiming_uniform_(parameter, nonlinearity="relu", generator=generator)
