"""A critic's prediction and its step in closed form, on the parameters that torch keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


@dataclass(frozen=True)
class Passed:
    """What a pass leaves for the way back."""

    seen: NDArray[Any]  # (h + c, n) features, then scores
    first: NDArray[Any]  # (hidden, n)
    second: NDArray[Any]
    last: NDArray[Any]  # (2, hidden)


class CompiledCritic:
    """The passes of a critic of two layers of samples, a mean, and two layers of the batch.

    It looks at the parameters of the critic's layers, and never keeps values of its own.
    """

    def __init__(self, of_sample: nn.Sequential, of_batch: nn.Sequential) -> None:
        layers = [of_sample[0], of_sample[2], of_batch[0], of_batch[2]]
        self._parameters: list[Tensor] = [p for layer in layers for p in layer.parameters()]
        self.hidden = len(self._parameters[1])
        self._counts = [one.numel() for one in self._parameters]

    def fits(self, features: Tensor, scores: Tensor) -> bool:
        """Whether the loops can read these: plain numbers on the CPU, of the critic's type."""
        kind = self._parameters[0].dtype
        return (
            kind == torch.float32
            and features.dtype == scores.dtype == kind
            and features.is_cpu
            and all(one.is_cpu and one.is_contiguous() for one in self._parameters)
        )

    @property
    def _where(self) -> NDArray[np.int64]:
        return np.array([one.data_ptr() for one in self._parameters])

    def predict(self, features: Tensor, scores: Tensor) -> Tensor:
        """() from features (n, h) and scores (n,) or (n, c), with gradients to both, once."""
        columns = scores[:, None] if scores.dim() == 1 else scores
        said: Tensor = _Prediction.apply(features, columns, self)
        return said

    def learn(self, features: Tensor, scores: Tensor, bias: float) -> float:
        """The squared error at `bias`; leaves its gradient at the critic's parameters."""
        columns = scores[:, None] if scores.dim() == 1 else scores
        prediction, passed = self.pass_over(features, columns)
        error = prediction - bias
        self._leave_slopes(passed, 2.0 * error)
        return error * error

    def pass_over(self, features: Tensor, scores: Tensor) -> tuple[float, Passed]:
        from trainables.fused import critic_kernels  # numba is loaded where it is needed

        n, kind, hidden = len(features), np.float32, self.hidden
        inputs = features.shape[1] + scores.shape[1]
        passed = Passed(
            np.empty((inputs, n), kind),
            np.empty((hidden, n), kind),
            np.empty((hidden, n), kind),
            np.empty((2, hidden), kind),
        )
        prediction = critic_kernels.forward(
            features.detach().contiguous().numpy(),
            scores.detach().contiguous().numpy(),
            self._where,
            hidden,
            passed.seen,
            passed.first,
            passed.second,
            passed.last,
        )
        return prediction, passed

    def slopes_of_inputs(self, passed: Passed, slope: float) -> NDArray[Any]:
        """(h + c, n) the gradient at the inputs of a pass."""
        of_inputs = np.empty_like(passed.seen)
        self._back(passed, slope, np.empty(0, np.float32), of_inputs)
        return of_inputs

    def _leave_slopes(self, passed: Passed, slope: float) -> None:
        """Leaves the gradient of a pass at every parameter of the critic."""
        flat = torch.empty(sum(self._counts))
        self._back(passed, slope, flat.numpy(), np.empty((0, 0), np.float32))
        for parameter, piece in zip(self._parameters, flat.split(self._counts), strict=True):
            parameter.grad = piece.view_as(parameter)

    def _back(
        self, passed: Passed, slope: float, slopes: NDArray[Any], of_inputs: NDArray[Any]
    ) -> None:
        from trainables.fused import critic_kernels

        critic_kernels.backward(
            np.float32(slope),
            self._where,
            self.hidden,
            passed.seen,
            passed.first,
            passed.second,
            passed.last,
            slopes,
            of_inputs,
        )


class _Prediction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, scores: Tensor, critic: CompiledCritic) -> Tensor:
        prediction, ctx.passed = critic.pass_over(features, scores)
        ctx.critic, ctx.width = critic, features.shape[1]
        return features.new_tensor(prediction)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        slopes = torch.from_numpy(ctx.critic.slopes_of_inputs(ctx.passed, float(slope)))
        return slopes[: ctx.width].T, slopes[ctx.width :].T, None
