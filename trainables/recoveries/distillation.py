"""Learns which weights of the dense network to remove so that it answers as a repaired one does.

Zhang, Gao, Huang, "Recover Fair Deep Classification Models via Altering Pre-trained Structure",
ECCV 2022, eq. 10. It prints the student as the first argument of H in the term with the teacher.
The cross-entropy -sum p log q with the student as p would reward certainty instead of agreement,
so here the teacher comes first. The paper gives no weight gamma.
"""

from __future__ import annotations

import copy
from typing import Annotated, ClassVar

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from trainables.data.batches import Batch
from trainables.learning.flat_mask import LARGEST_LOGIT, LogitSettings, MaskLogits
from trainables.learning.learned_mask import LearnedMask
from trainables.learning.training import MeanLoss
from trainables.masks import MaskedNet
from trainables.stage import Context, Settings, StageRun, State, finite


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Distillation(Settings):
    """One logit per weight of the dense net, on H(teacher, student) + gamma H(before, student).

    H is the cross-entropy at temperature 1. The teacher is what the stage before left, `before`
    the student itself at the end of the epoch before; in the first epoch there is none. Labels
    enter only by the weights that balance debias. No density is aimed at: the sparsity is the one
    that training ends with. It grows with epochs * batches per epoch * lr: on a few hundred rows
    the defaults remove about a twentieth, on two thousand a fifth.
    """

    epochs: Annotated[int, Field(ge=1)] = 80
    gamma: Annotated[float, Field(ge=0.0)] = 0.5
    lr: Annotated[float, Field(gt=0.0)] = 0.05  # of the logits
    logit_init: Annotated[float, Field(gt=0.0, le=LARGEST_LOGIT)] = 3.0
    batch_size: Annotated[int, Field(ge=2)] = 64
    noise: bool = True

    inputs: ClassVar[int] = 1
    learns_from: ClassVar[str] = "debias"

    def start(self, context: Context) -> StageRun:
        return _Distilling(self, context)


class _Distilling(StageRun):
    def __init__(self, settings: Distillation, context: Context) -> None:
        self.epochs = settings.epochs
        self._settings = settings
        self._data = context.data
        self._teacher = context.latest("distillation").clone().net.eval()
        logits = LogitSettings(settings.logit_init, settings.lr, noise=settings.noise)
        self._student = LearnedMask(context, context.dense, settings.learns_from)
        self._logits = MaskLogits(self._student.weights, logits)
        self._before: nn.Module | None = None  # the student at the end of the last epoch

    def epoch(self, generator: torch.Generator) -> dict[str, float]:
        losses = self._pass(generator, self._logits.noise_generator(generator))
        finite("distillation", losses)
        mask = self._logits.mask()
        self._student.show(mask, generator)
        self._remember()
        return losses | {"density": float(mask.double().mean())}

    def _pass(self, generator: torch.Generator, noise: torch.Generator) -> dict[str, float]:
        """One pass over debias; the means of both terms, the second without gamma."""
        student = self._student
        means = {"distillation": MeanLoss(), "consistency": MeanLoss()}
        with student.learning():
            size = self._settings.batch_size
            for batch in self._data.whole_batches("debias", size, generator):
                self._logits.sample(noise)
                terms = self._terms(self._data.forward(student.net, batch.inputs), batch)
                loss = terms["distillation"] + self._settings.gamma * terms["consistency"]
                self._logits.step(loss)
                for name, term in terms.items():
                    means[name].add(term, len(batch))
        return {name: mean.value() for name, mean in means.items()}

    def _terms(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Both cross-entropies of eq. 10, as means () over the rows."""
        first = self._agreement(self._teacher, logits, batch)
        if self._before is None:
            return {"distillation": first, "consistency": torch.zeros_like(first)}
        return {
            "distillation": first,
            "consistency": self._agreement(self._before, logits, batch),
        }

    def _agreement(self, target: nn.Module, logits: Tensor, batch: Batch) -> Tensor:
        """H(p, q) of what `target` says and the student's logits (n, outputs)."""
        head = self._data.head
        with torch.no_grad():
            wanted = head.scores(self._data.forward(target, batch.inputs))
        return head.loss(logits, wanted, batch.weights)

    def _remember(self) -> None:
        self._before = copy.deepcopy(self._student.net).eval()

    def result(self) -> MaskedNet:
        return self._student.result()

    def state_dict(self) -> State:
        return {
            **self._student.state_dict(),
            "logits": self._logits.state_dict(),
            "begun": self._before is not None,
        }

    def load_state_dict(self, state: State) -> None:
        self._student.load_state_dict(state)
        self._logits.load_state_dict(state["logits"])
        if state["begun"]:
            self._remember()
