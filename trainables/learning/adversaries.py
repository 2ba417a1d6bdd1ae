"""An adversary of a network that predicts the bias of a batch.

It is the critic of Savani, White, Govindarajulu, "Intra-Processing Methods for Debiasing Neural
Networks", NeurIPS 2020, arXiv:2006.08564. Theirs flattens the batch, so that its size and order
matter; ours takes the mean over the samples and sees a batch as a set.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainables.fused.adam import AdamStep
from trainables.fused.critic import CompiledCritic
from trainables.fused.fair_loss import LearningCritic
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
        """With `fused`, passes and steps on a CPU are compiled loops."""
        self.critic = BiasCritic(features, scores, hidden, generator).to(device)
        self.optimizer = torch.optim.Adam(self.critic.parameters(), lr=lr, fused=True)
        self._at_once = AdamStep.of(self.optimizer, ()) if fused else None
        self._compiled: CompiledCritic | None = None
        if fused and device.type == "cpu":
            self._compiled = CompiledCritic(self.critic.of_sample, self.critic.of_batch)

    def learn(self, features: Tensor, scores: Tensor, bias: Tensor) -> Tensor:
        """One step on the squared error; returns that error (). The inputs get no gradient."""
        if self._compiled is not None and self._compiled.fits(features, scores):
            return features.new_tensor(self._learn(features, scores, float(bias.detach())))
        error = F.mse_loss(self.critic(features.detach(), scores.detach()), bias.detach())
        self.optimizer.zero_grad()
        error.backward()
        self.optimizer.step()
        return error.detach()

    def _learn(self, features: Tensor, scores: Tensor, bias: float) -> float:
        """The same by compiled loops."""
        if self._compiled is None or self._at_once is None:
            raise RuntimeError("adversary: its loops must be compiled to learn by them")
        error = self._compiled.learn(features, scores, bias)
        if not self._at_once.step():
            self.optimizer.step()
        return error

    def closed_form(self) -> LearningCritic | None:
        """What `ClosedFairLoss` takes; None where passes go layer by layer."""
        return None if self._compiled is None else LearningCritic(self._compiled, self._learn)

    def predict(self, features: Tensor, scores: Tensor) -> Tensor:
        """Predicted bias (), differentiable in features and scores.

        The critic's own parameters collect gradients where the caller uses `backward`;
        `learn` clears them before it adds its own.
        """
        if self._compiled is not None and self._compiled.fits(features, scores):
            return self._compiled.predict(features, scores)
        prediction: Tensor = self.critic(features, scores)
        return prediction

    def state_dict(self) -> State:
        return snapshot(
            {"critic": self.critic.state_dict(), "optimizer": self.optimizer.state_dict()}
        )

    def load_state_dict(self, state: State) -> None:
        self.critic.load_state_dict(state["critic"])
        self.optimizer.load_state_dict(snapshot(state["optimizer"]))
        if self._at_once is not None:
            self._at_once.renew()


@torch.no_grad()
def _draw(parameter: nn.Parameter, generator: torch.Generator) -> None:
    """Kaiming-uniform weights, zero biases."""
    if parameter.dim() < 2:
        parameter.zero_()
    else:
        nn.init.kaiming_uniform_(parameter, nonlinearity="relu", generator=generator)
