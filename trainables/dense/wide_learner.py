"""Training of a network whose last layer has columns for groups beside those for classes."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from trainables.data.batches import logits_of
from trainables.dense.early_stopping import FromScratch, Learner
from trainables.learning.training import MeanLoss
from trainables.masks import MaskedNet, Masks
from trainables.models.last_layer import widened, with_layer
from trainables.stage import Context


class WideLearner(Learner):
    """Trains with a fresh last Linear of `columns`, which is replaced in what the stage leaves."""

    def __init__(self, settings: FromScratch, context: Context, columns: int) -> None:
        data = context.data
        example = data.normalise(data.part("train").inputs[:2])
        net, self._layer = widened(
            settings.name,
            context.start_of_training(settings.name),
            example,
            columns,
            context.generator("last layer"),
        )
        super().__init__(settings, context, net)
        self._masks_left: Masks | None = None  # the same for every network that is left

    @abstractmethod
    def loss(self, wide: Tensor, labels: Tensor, groups: Tensor, weights: Tensor) -> Tensor:
        """Mean loss () of the outputs `wide` (n, columns); the others are (n,)."""

    @abstractmethod
    def last_layer(self, wide: nn.Linear) -> nn.Module:
        """The layer that takes its place: from (n, features) to the task's logits."""

    def pass_over(self, done: int, generator: torch.Generator) -> dict[str, float]:
        self.net.train()
        mean = MeanLoss()
        for batch in self.batches(generator):
            wide = self.data.forward(self.net, batch.inputs)
            loss = self.loss(wide, batch.labels, batch.groups, batch.weights)
            self.optimizer.step(loss)
            mean.add(loss, len(batch))
        return {"loss": mean.value()}

    def early_stop_loss(self) -> float:
        part = self.data.part("early_stop")
        wide = logits_of(self.net, self.data, "early_stop")
        return float(self.loss(wide, part.labels, part.groups, part.weights))

    def finished(self, net: nn.Module) -> MaskedNet:
        wide = net.get_submodule(self._layer)
        if not isinstance(wide, nn.Linear):
            raise TypeError(f"{self._layer} must be the Linear trained here, got {type(wide)}")
        net = with_layer(net, self._layer, self.last_layer(wide))
        if self._masks_left is None:
            self._masks_left = Masks.keep_all(net)
        return MaskedNet(net, self._masks_left)
