"""A fair loss in closed form: a batch's cross-entropy, times more where its bias is large."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from trainables.fused.critic import CompiledCritic, Passed

# As the kernels number them: how the gaps of two groups become one value.
_CODES = {"spd": 0, "eod": 1, "aod": 2, "abs_aod": 3, "deo_mean": 3, "deo_sum": 4, "deo_max": 5}
_NOTHING = np.empty(0, np.float32)


@dataclass(frozen=True)
class LearningCritic:
    """A critic that learns along: its passes, and one step of it."""

    passes: CompiledCritic
    learn: Callable[[Tensor, Tensor, float], float]  # features, scores, bias -> squared error


@dataclass(frozen=True)
class Terms:
    """What a loss was made of."""

    task: float  # mean cross-entropy
    bias: float  # soft bias
    error: float = 0.0  # of the critic, squared


class ClosedFairLoss:
    """Cross-entropy of two classes times max(1, slope (|bias| - limit) + 1).

    The bias is the soft one of the batch ("soft"), what a critic predicts for it, which takes a
    step first ("critic"), or nothing.
    """

    def __init__(
        self,
        measure: str,
        mix: Tensor,
        *,
        bias_from: Literal["soft", "critic", "nothing"],
        slope: float,
        limit: float,
        critic: LearningCritic | None = None,
    ) -> None:
        """`mix` (groups, 2) are the shares of the labels in each group; see `knows`."""
        self.measure = _CODES[measure]
        self.mix = mix.double().numpy()
        self.soft = bias_from == "soft"
        self.critic = critic
        self._slope, self._limit = slope, limit
        self.terms = Terms(0.0, 0.0)  # of the last loss

    @staticmethod
    def knows(measure: str) -> bool:
        """Whether there is a closed form of it."""
        return measure in _CODES

    def __call__(
        self,
        logits: Tensor,
        labels: Tensor,
        groups: Tensor,
        weights: Tensor,
        features: Tensor | None = None,
    ) -> Tensor:
        """The loss () of logits (n, 1), which can be differentiated once.

        A critic needs the `features` (n, h) that the logits were made of.
        """
        said: Tensor = _Loss.apply(logits, features, labels, groups, weights, self)
        return said

    def factor(self, bias: float) -> tuple[float, float]:
        """What the cross-entropy is multiplied with, and its slope by the bias."""
        excess = abs(bias) - self._limit
        if excess <= 0.0:
            return 1.0, 0.0
        return 1.0 + self._slope * excess, self._slope * (1.0 if bias > 0.0 else -1.0)


@dataclass(frozen=True)
class _WayBack:
    rows: tuple[Any, ...]  # labels, groups, weights
    scores: Any
    tilts: Any
    of_task: float
    of_bias: float  # of whatever the loss was multiplied by
    passed: Passed | None


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        features: Tensor | None,
        labels: Tensor,
        groups: Tensor,
        weights: Tensor,
        loss: ClosedFairLoss,
    ) -> Tensor:
        from trainables.fused import fair_kernels  # numba is loaded where it is needed

        scores = torch.empty_like(logits)
        flat, tilts = scores.view(-1).numpy(), np.empty(loss.mix.size)
        rows = (labels.numpy(), groups.numpy(), weights.numpy())
        task, bias = fair_kernels.forward(
            logits.detach().reshape(-1).numpy(), *rows, loss.mix, loss.measure, flat, tilts
        )
        error, passed, judged = 0.0, None, bias if loss.soft else 0.0
        if loss.critic is not None and features is not None:
            error = loss.critic.learn(features, scores, bias)
            judged, passed = loss.critic.passes.pass_over(features, scores)
        factor, slope = loss.factor(judged)
        loss.terms = Terms(task, bias, error)
        ctx.loss, ctx.back = loss, _WayBack(rows, flat, tilts, factor, task * slope, passed)
        return logits.new_tensor(factor * task)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        from trainables.fused import fair_kernels

        back, outer = ctx.back, float(slope)
        of_scores, of_features, of_bias = _NOTHING, None, outer * back.of_bias
        if back.passed is not None:
            slopes = ctx.loss.critic.passes.slopes_of_inputs(back.passed, of_bias)
            of_scores, of_features, of_bias = slopes[-1], torch.from_numpy(slopes[:-1]).T, 0.0
        out = torch.empty(len(back.scores), 1)
        fair_kernels.backward(
            outer * back.of_task,
            of_bias if ctx.loss.soft else 0.0,
            of_scores,
            *back.rows,
            back.scores,
            back.tilts,
            out.view(-1).numpy(),
        )
        return out, of_features, None, None, None, None
