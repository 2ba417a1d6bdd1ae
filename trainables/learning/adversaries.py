"""An adversary of a network that predicts the bias of a batch.

It is the critic of Savani, White, Govindarajulu, "Intra-Processing Methods for Debiasing Neural
Networks", NeurIPS 2020, arXiv:2006.08564. Theirs flattens the features of the batch, so that its
size and order matter, and is not told who belongs to which group. Most of what the bias of a batch
differs by is who happens to be in it: that critic cannot know it, and predicts no better than the
mean of all batches. Ours sees a batch as a set of samples in each cell (group x label).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainables.fused.adam import FlatAdam
from trainables.fused.batch_loss import CompiledCritic
from trainables.learning.cells import Cells
from trainables.optimizers import Adam
from trainables.stage import State, snapshot

UNIT = 0.1  # in which a critic counts scores and biases


class BiasCritic(nn.Module):
    """Predicts the bias of a batch.

    A network looks at each sample by itself. The means of its outputs over each cell go through a
    second one, together with the cells' mean scores, which the bias is made of.
    """

    def __init__(
        self, features: int, scores: int, cells: int, hidden: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.of_sample = nn.Sequential(
            nn.Linear(features + scores, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()
        )
        out = nn.Linear(hidden, 1)
        self.of_batch = nn.Sequential(nn.Linear(cells * (hidden + scores), hidden), nn.ReLU(), out)
        for parameter in self.parameters():  # default widths, drawn from the stage's own stream
            _draw(parameter, generator)
        nn.init.zeros_(out.weight)  # a guess at random would be punished at once

    def forward(self, features: Tensor, scores: Tensor, cells: Cells) -> Tensor:
        """Predicted bias () from `features` (n, h) and `scores` (n,) or (n, classes).

        Mean scores and biases vary by hundredths from batch to batch. In units of `UNIT` they are
        as large as what the layers are made for.
        """
        columns = scores[:, None] if scores.dim() == 1 else scores
        samples = self.of_sample(torch.cat([features, columns], 1))
        means = cells.means(torch.cat([samples, (columns - 0.5) / UNIT], 1))
        prediction: Tensor = self.of_batch(means.flatten())
        return prediction.squeeze(0) * UNIT


class BiasAdversary:
    """A critic with its optimizer: learns the soft bias of batches, then stands in for it."""

    def __init__(
        self,
        features: int,
        scores: int,
        cells: int,
        *,
        lr: float,
        steps: int = 1,
        generator: torch.Generator,
        device: torch.device,
        hidden: int = 32,
        fused: bool = False,
    ) -> None:
        """It takes so many `steps` on each batch. With `fused`, compiled loops can do the same."""
        self._steps = steps
        self.critic = BiasCritic(features, scores, cells, hidden, generator).to(device)
        self.optimizer = Adam(self.critic.parameters(), lr=lr, fused=True)
        self._flat = FlatAdam.of(self.optimizer) if fused else None
        # What `BatchLoss` takes: the same critic, without autograd
        self.compiled = (
            None if self._flat is None else CompiledCritic(self._flat, hidden, UNIT, steps)
        )

    def learn(self, features: Tensor, scores: Tensor, cells: Cells, bias: Tensor) -> Tensor:
        """Steps on the squared error; returns that before them (). The inputs get no gradient."""
        seen, wanted = (features.detach(), scores.detach(), cells), bias.detach()
        before: Tensor | None = None
        for _ in range(self._steps):
            error = F.mse_loss(self.critic(*seen), wanted)
            before = error.detach() if before is None else before
            self.optimizer.zero_grad()
            error.backward()
            self.optimizer.step()
        return torch.zeros_like(wanted) if before is None else before

    def predict(self, features: Tensor, scores: Tensor, cells: Cells) -> Tensor:
        """Predicted bias (), differentiable in features and scores.

        The critic's own parameters collect gradients where the caller uses `backward`;
        `learn` clears them before it adds its own.
        """
        prediction: Tensor = self.critic(features, scores, cells)
        return prediction

    def state_dict(self) -> State:
        return snapshot(
            {"critic": self.critic.state_dict(), "optimizer": self.optimizer.state_dict()}
        )

    def load_state_dict(self, state: State) -> None:
        """One of an earlier version, which saw no cells, is left out: this critic starts anew."""
        shapes = {name: one.shape for name, one in self.critic.state_dict().items()}
        if shapes != {name: one.shape for name, one in state["critic"].items()}:
            return
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
