"""What a fair loss is made of, in closed form: cross-entropy, scores and soft bias of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# As the kernels number them: how the gaps of two groups become one value.
_CODES = {"spd": 0, "eod": 1, "aod": 2, "abs_aod": 3, "deo_mean": 3, "deo_sum": 4, "deo_max": 5}
_NOTHING = np.empty(0, np.float32)


class FairTerms:
    """Cross-entropy (), probabilities (n,) and soft bias () of logits (n, 1) of two classes."""

    def __init__(self, measure: str, mix: Tensor) -> None:
        """`mix` (groups, 2) are the shares of the labels in each group; see `knows`."""
        self.measure = _CODES[measure]
        self.mix = mix.double().numpy()

    @staticmethod
    def knows(measure: str) -> bool:
        """Whether there is a closed form of it."""
        return measure in _CODES

    def __call__(
        self, logits: Tensor, labels: Tensor, groups: Tensor, weights: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As the head's loss and scores and the soft bias; differentiable once, by the logits."""
        task, scores, bias = _Terms.apply(logits, labels, groups, weights, self)
        return task, scores, bias


class _Terms(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, labels: Tensor, groups: Tensor, weights: Tensor, terms: FairTerms
    ) -> tuple[Tensor, Tensor, Tensor]:
        from trainables.fused import fair_kernels  # numba is loaded where it is needed

        flat = logits.detach().reshape(-1)
        scores = torch.empty_like(flat)
        rows = (labels.numpy(), groups.numpy(), weights.numpy())
        tilts = np.empty(terms.mix.size)
        task, bias = fair_kernels.forward(
            flat.numpy(), *rows, terms.mix, terms.measure, scores.numpy(), tilts
        )
        ctx.rows, ctx.tilts, ctx.scores, ctx.shape = rows, tilts, scores.numpy(), logits.shape
        ctx.set_materialize_grads(False)
        return logits.new_tensor(task), scores, logits.new_tensor(bias)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, of_task: Tensor | None, of_scores: Tensor | None, of_bias: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        from trainables.fused import fair_kernels

        out = torch.empty(ctx.shape)
        fair_kernels.backward(
            0.0 if of_task is None else float(of_task),
            0.0 if of_bias is None else float(of_bias),
            _NOTHING if of_scores is None else of_scores.contiguous().numpy(),
            *ctx.rows,
            ctx.scores,
            ctx.tilts,
            out.numpy().reshape(-1),
        )
        return out, None, None, None, None
