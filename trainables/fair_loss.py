"""The fine-tuning loss: cross-entropy, multiplied the more, the more biased the batch is.

Savani, White, Govindarajulu, "Intra-Processing Methods for Debiasing Neural Networks", NeurIPS
2020, arXiv:2006.08564; L_ft in Zhang, Gao, Huang, "Recover Fair Deep Classification Models via
Altering Pre-trained Structure", ECCV 2022.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from trainables.adversary import Adversary
from trainables.batches import Batch, TrialData
from trainables.features import FeatureTap
from trainables.soft_bias import Multiplier, SoftBias
from trainables.stage import Context, State

BiasFrom = Literal["soft", "critic", "nothing"]


class FairLoss:
    """max(1, slope (|b| - tolerance + delta) + 1) * cross-entropy of a batch.

    b is the batch's soft bias, what a critic that learns along predicts for it, or nothing: then
    the loss is the cross-entropy alone. Means of what was seen are collected for `means`.
    """

    def __init__(
        self,
        context: Context,
        net: nn.Module,
        *,
        bias_from: BiasFrom,
        slope: float,
        delta: float,
        critic_lr: float,
    ) -> None:
        self.bias_from = bias_from
        self._head = context.data.head
        self._soft_bias = SoftBias(context.objective.bias, context.data.priors)
        self._multiplier = Multiplier(slope, context.objective.tolerance, delta)
        self._probe = _probe(context.data)
        self._tap: FeatureTap | None = None
        self._adversary: Adversary | None = None
        self._seen: list[Tensor] = []
        if bias_from == "critic":
            with FeatureTap(net, self._probe) as tap:
                self._adversary = Adversary(
                    tap.width,
                    self._head.outputs,
                    lr=critic_lr,
                    generator=context.generator("critic"),
                    device=context.device,
                )

    @contextmanager
    def watching(self, net: nn.Module) -> Iterator[None]:
        """Between enter and exit the features of `net` are at hand, where a critic needs them."""
        self._seen = []
        if self._adversary is None:
            yield
            return
        with FeatureTap(net, self._probe) as tap:
            self._tap = tap
            yield
        self._tap = None

    def __call__(self, logits: Tensor, batch: Batch) -> Tensor:
        """The loss (), right after the network's forward pass; the critic takes its step first."""
        task = self._head.loss(logits, batch.labels, batch.weights)
        scores = self._head.scores(logits)
        if self.bias_from == "nothing":
            scores = scores.detach()
        bias = self._soft_bias(scores, batch.labels, batch.groups)
        if self._adversary is None or self._tap is None:
            self._seen.append(torch.stack([task.detach(), bias.detach()]))
            return task if self.bias_from == "nothing" else self._multiplier(bias) * task
        features = self._tap.features()
        error = self._adversary.learn(features, scores, bias)
        self._seen.append(torch.stack([task.detach(), bias.detach(), error]))
        return self._multiplier(self._adversary.predict(features, scores)) * task

    def means(self) -> dict[str, float]:
        """Means over the batches since `watching`: cross-entropy, soft bias, critic's error.

        The bias is the magnitude of the mean, in which the sampling noise of batches cancels.
        """
        values = torch.stack(self._seen).double().mean(0).tolist()
        means = dict(zip(("task", "bias", "critic"), values, strict=False))
        return means | {"bias": abs(means["bias"])}

    def state_dict(self) -> State:
        return {} if self._adversary is None else self._adversary.state_dict()

    def load_state_dict(self, state: State) -> None:
        if self._adversary is not None:
            self._adversary.load_state_dict(state)


def _probe(data: TrialData) -> Tensor:
    """Two rows for finding the last layer."""
    return data.normalise(data.part("debias").inputs[:2])
