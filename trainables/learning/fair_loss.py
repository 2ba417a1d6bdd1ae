"""The fine-tuning loss: cross-entropy, multiplied by more where the batch is more biased.

The bias of a batch is made differentiable: scores take the place of decisions, so a rate is the
mean score of a cell (group x label). Savani, White, Govindarajulu, "Intra-Processing Methods
for Debiasing Neural Networks", NeurIPS 2020, arXiv:2006.08564 (soft rates, multiplier); Zhang,
Gao, Huang, "Recover Fair Deep Classification Models via Altering Pre-trained Structure", ECCV 2022
(L_ft, eqs. 2-6); Wang et al., "Towards Fairness in Visual Recognition", CVPR 2020,
arXiv:1911.11834 (bias amplification).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainables.data.batches import Batch, TrialData, logits_of
from trainables.fused.batch_loss import BatchLoss, Terms
from trainables.fused.leaf import Leaf
from trainables.learning.adversaries import BiasAdversary
from trainables.learning.cells import Cells
from trainables.learning.held_out import explained, held_out
from trainables.models.last_layer import FeatureTap
from trainables.stage import Context, State, derived_seed

Combine = Callable[[Tensor], Tensor]  # gaps (pairs, labels) -> value per pair (pairs,)

# How measures combine the gaps between two groups: gaps of the rates of positive decisions, given
# label 0 and given label 1.
ODDS: dict[str, Combine] = {
    "eod": lambda gaps: gaps[:, 1],
    "aod": lambda gaps: gaps.mean(1),
    "abs_aod": lambda gaps: gaps.abs().mean(1),
    "deo_sum": lambda gaps: gaps.abs().sum(1),
    "deo_max": lambda gaps: gaps.abs().amax(1),
    "deo_mean": lambda gaps: gaps.abs().mean(1),
}
BINARY = (*ODDS, "spd", "di")
AGAINST_DENSE = ("accuracy_drop_std", "worst_group_drop", "excess_gap", "excess_gap_pairwise")
MEASURES = (*BINARY, "bias_amplification", "accuracy_std", *AGAINST_DENSE)


class SoftBias:
    """The bias of a batch as a differentiable number.

    It has a sign where two groups are compared by a signed measure (spd, eod, aod). Otherwise it
    is never negative: the largest gap over all pairs of groups, 1 - DI, or a spread. Where a cell
    has no sample in the batch, the gaps that need it are 0.

    `priors` (groups, labels) are the joint shares in the training data. Rates of a whole group
    (spd, di, accuracies) weight its labels by them, since the batch comes from a balanced
    split, in which labels are not as frequent as outside.

    A measure that compares with the dense net needs `dense` (groups,): its `accuracies`.
    """

    def __init__(self, measure: str, priors: Tensor, dense: Tensor | None = None) -> None:
        if measure not in MEASURES:
            raise ValueError(
                f"soft_bias: measure must be one of {', '.join(MEASURES)}, got {measure!r}"
            )
        if measure in BINARY and priors.shape[1] != 2:
            raise ValueError(f"soft_bias: {measure} needs 2 labels, got {priors.shape[1]}")
        if priors.shape[0] < 2:
            raise ValueError(f"soft_bias: at least 2 groups are needed, got {priors.shape[0]}")
        if measure in AGAINST_DENSE and (dense is None or len(dense) != len(priors)):
            raise ValueError(f"soft_bias: {measure} needs the dense net's accuracy of each group")
        self.measure = measure
        self._dense = dense
        self.n_groups, self.n_labels = priors.shape
        self._mix = (priors / priors.sum(1, keepdim=True).clamp_min(1e-12)).float()  # P(y | g)
        self._shares = (priors.sum(1) / priors.sum()).float()  # of the groups
        self._cells = torch.arange(priors.numel(), device=priors.device)
        self._pairs = torch.combinations(torch.arange(self.n_groups, device=priors.device)).unbind(
            1
        )
        self._value = self._select()

    def __call__(self, scores: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
        """Bias () of probabilities `scores` (n,) or (n, classes), with `labels`, `groups` (n,)."""
        return self._value(scores, labels, self.cells(labels, groups))

    def cells(self, labels: Tensor, groups: Tensor) -> Cells:
        """Where the samples (n,) of a batch lie, group after group."""
        return Cells.of(groups * self.n_labels + labels, self._cells)

    def closed_form(self) -> tuple[str, Tensor] | None:
        """The measure and the labels' shares (groups, 2) for `BatchLoss`, if it knows it."""
        known = BatchLoss.knows(self.measure) and self._mix.is_cpu
        return (self.measure, self._mix) if known else None

    def accuracies(self, scores: Tensor, labels: Tensor, groups: Tensor) -> Tensor:
        """The mean score of the true label (groups,), of a whole split, as biases weight it."""
        cells = self.cells(labels, groups)
        return self._of_groups(cells.means(_of_truth(scores, labels)), cells)[0]

    def _select(self) -> Callable[[Tensor, Tensor, Cells], Tensor]:
        if self.measure in ODDS:
            return self._odds
        return {
            "spd": self._spd,
            "di": self._di,
            "bias_amplification": self._amplification,
            "accuracy_std": self._accuracy_std,
            "accuracy_drop_std": self._drop_std,
            "worst_group_drop": self._worst_drop,
            "excess_gap": self._excess,
            "excess_gap_pairwise": self._pairwise,
        }[self.measure]

    def _odds(self, scores: Tensor, labels: Tensor, cells: Cells) -> Tensor:
        rates = cells.means(scores).view(self.n_groups, 2)
        gaps = self._gaps(rates, cells.present.view(self.n_groups, 2))
        return _largest(ODDS[self.measure](gaps))

    def _spd(self, scores: Tensor, labels: Tensor, cells: Cells) -> Tensor:
        rates, known = self._of_groups(cells.means(scores), cells)
        return _largest(self._gaps(rates, known))

    def _di(self, scores: Tensor, labels: Tensor, cells: Cells) -> Tensor:
        rates, known = self._of_groups(cells.means(scores), cells)
        first, second = rates[self._pairs[0]], rates[self._pairs[1]]
        both = known[self._pairs[0]] & known[self._pairs[1]]
        ratios = torch.minimum(first, second) / torch.maximum(first, second).clamp_min(1e-12)
        return ((1 - ratios) * both).amax()

    def _accuracy_std(self, scores: Tensor, labels: Tensor, cells: Cells) -> Tensor:
        return _spread(*self._of_groups(cells.means(_of_truth(scores, labels)), cells))

    def _drop_std(self, scores: Tensor, labels: Tensor, cells: Cells) -> Tensor:
        return _spread(*self._losses(scores, labels, cells))

    def _worst_drop(self, scores: Tensor, labels: Tensor, cells: Cells) -> Tensor:
        losses, known = self._losses(scores, labels, cells)
        return losses.masked_fill(~known, 0).amax().clamp_min(0)

    def _excess(self, scores: Tensor, labels: Tensor, cells: Cells) -> Tensor:
        losses, known = self._losses(scores, labels, cells)
        shares = self._shares * known
        everybody = (losses * shares).sum() / shares.sum().clamp_min(1e-12)
        return ((losses - everybody) * known).amax()

    def _pairwise(self, scores: Tensor, labels: Tensor, cells: Cells) -> Tensor:
        return self._gaps(*self._losses(scores, labels, cells)).abs().amax()

    def _losses(self, scores: Tensor, labels: Tensor, cells: Cells) -> tuple[Tensor, Tensor]:
        """What accuracy (groups,) is lost, and of which groups all cells are in the batch."""
        if self._dense is None:
            raise ValueError(f"soft_bias: {self.measure} does not compare with the dense net")
        rates, known = self._of_groups(cells.means(_of_truth(scores, labels)), cells)
        return self._dense - rates, known

    def _amplification(self, scores: Tensor, labels: Tensor, cells: Cells) -> Tensor:
        """Softmax sums in place of counts; every cell weighs the same, as in a balanced split."""
        soft = scores if scores.dim() == 2 else torch.stack([1 - scores, scores], 1)
        shape = (self.n_groups, self.n_labels)
        both = cells.present.view(shape).all(0)  # (labels,): seen in every group
        rates = cells.means(soft).view(*shape, -1)
        masses = (rates * both[None, :, None]).sum(1)  # (groups, classes)
        shares = masses.amax(0) / masses.sum(0).clamp_min(1e-12)
        excess = (shares - 1 / self.n_groups) * both
        return excess.sum() / both.sum().clamp_min(1)

    def _of_groups(self, rates: Tensor, cells: Cells) -> tuple[Tensor, Tensor]:
        """Rates (groups,) under the priors, and of which groups all cells are in the batch."""
        present = cells.present.view(self.n_groups, self.n_labels) | (self._mix == 0)
        return (rates.view(self.n_groups, self.n_labels) * self._mix).sum(1), present.all(1)

    def _gaps(self, rates: Tensor, known: Tensor) -> Tensor:
        """First minus second group of every pair (pairs, ...), 0 where either is unknown."""
        first, second = self._pairs
        return (rates[first] - rates[second]) * (known[first] & known[second])


def _of_truth(scores: Tensor, labels: Tensor) -> Tensor:
    """The score of the true label (n,)."""
    if scores.dim() == 2:
        return scores.gather(1, labels[:, None]).squeeze(1)
    return torch.where(labels == 1, scores, 1 - scores)


def _spread(rates: Tensor, known: Tensor) -> Tensor:
    """The sample standard deviation () of the rates (groups,) that are known."""
    n = known.sum()
    centred = (rates - (rates * known).sum() / n.clamp_min(1)) * known
    variance = (centred**2).sum() / (n - 1).clamp_min(1)  # sample variance: ddof = 1
    return (variance + 1e-12).sqrt()  # the root has no slope at 0


def _largest(values: Tensor) -> Tensor:
    """Of one pair its value with the sign, of several pairs the largest magnitude."""
    return values[0] if values.numel() == 1 else values.abs().amax()


@dataclass(frozen=True)
class Multiplier:
    """What the task loss is multiplied with: max(1, slope (|bias| - tolerance + delta) + 1)."""

    slope: float
    tolerance: float
    delta: float  # safety margin below the tolerance

    @property
    def limit(self) -> float:
        """The bias that is multiplied by 1, as every smaller one is."""
        return self.tolerance - self.delta

    def __call__(self, bias: Tensor) -> Tensor:
        return ((bias.abs() - self.limit) * self.slope).clamp_min(0) + 1


BiasFrom = Literal["soft", "critic", "nothing"]


class FairLoss:
    """The cross-entropy of a batch, multiplied by `Multiplier` of the batch's bias.

    `bias_from` says where the bias comes from: the soft bias, what a critic that learns along
    predicts for it, or nothing, so that the loss is the cross-entropy alone.
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
        critic_steps: int = 1,
    ) -> None:
        self.bias_from = bias_from
        self._data = context.data
        self._head = context.data.head
        self._soft_bias = _soft_bias(context)
        self._multiplier = Multiplier(slope, context.objective.tolerance, delta)
        self._probe = _probe(context.data)
        self._tap: FeatureTap | None = None
        self._adversary: BiasAdversary | None = None
        self._seen: list[Tensor] = []
        self._terms: list[Terms] = []  # of batches that went at once
        self._held_out_seed = derived_seed(context.seed, "held out")
        if bias_from == "critic":
            with FeatureTap(net, self._probe) as tap:
                self._adversary = BiasAdversary(
                    tap.width,
                    self._head.outputs,
                    context.data.n_groups * context.data.n_classes,
                    lr=critic_lr,
                    steps=critic_steps,
                    generator=context.generator("critic"),
                    device=context.device,
                    fused=context.data.fused,
                )
        self._closed = self._in_closed_form() if context.data.fused else None
        self._at_once = False  # whether this pass goes by the closed form

    @contextmanager
    def watching(self, net: nn.Module, leaf: Leaf | None = None) -> Iterator[None]:
        """A `with` block for a pass over the rows by `net`: `means` starts anew.

        Within it nobody changes more of the network than values. Its gradients may go to `leaf`.
        """
        self._seen, self._terms = [], []
        self._at_once = self._closed is not None and self._closed.begin(net, leaf)
        if self._adversary is None or self._at_once:
            yield
            return
        with FeatureTap(net, self._probe) as tap:
            self._tap = tap
            yield
        self._tap = None

    def of(
        self,
        net: nn.Module,
        batch: Batch,
        replaced: Mapping[str, Tensor] | None = None,
        *,
        learning: bool = True,
    ) -> Tensor:
        """The loss () of what `net` says of a batch; without `learning` it has no gradient.

        The critic takes its step first. `replaced`: see `TrialData.forward`.
        """
        with torch.set_grad_enabled(learning):
            if self._closed is not None and self._at_once:
                loss = self._closed(batch, replaced)
                self._terms.append(self._closed.terms)
                return loss
            logits = self._data.forward(net, batch.inputs, replaced)
        return self(logits, batch)

    def slopes(self, batch: Batch) -> NDArray[Any] | None:
        """That of the loss at the leaf of this pass, see `BatchLoss.slopes`; None without one."""
        if self._closed is None or not self._at_once:
            return None
        slopes = self._closed.slopes(batch)
        if slopes is not None:
            self._terms.append(self._closed.terms)
        return slopes

    def __call__(self, logits: Tensor, batch: Batch) -> Tensor:
        """The same of `logits`, which the network has just computed layer by layer."""
        task = self._head.loss(logits, batch.labels, batch.weights)
        scores = self._head.scores(logits)
        if self.bias_from == "nothing":
            scores = scores.detach()
        bias = self._soft_bias(scores, batch.labels, batch.groups)
        if self._adversary is None or self._tap is None:
            self._seen.append(torch.stack([task.detach(), bias.detach()]))
            return task if self.bias_from == "nothing" else self._multiplier(bias) * task
        features = self._tap.features()
        cells = self._soft_bias.cells(batch.labels, batch.groups)
        error = self._adversary.learn(features, scores, cells, bias)
        self._seen.append(torch.stack([task.detach(), bias.detach(), error]))
        return self._multiplier(self._adversary.predict(features, scores, cells)) * task

    @torch.no_grad()
    def critic_r2(self, net: nn.Module, size: int) -> dict[str, float]:
        """What the critic knows, within `watching`; empty where there is no critic.

        It is the share of the variance of the soft bias of batches of `size` rows that its
        predictions explain: 1 would be all of it, 0 what the mean of these batches explains. The
        rows are held back, and nobody learns from them, see `held_out`.
        """
        if self._adversary is None:
            return {}
        generator = torch.Generator().manual_seed(self._held_out_seed)
        pairs = [self._judged(net, batch) for batch in held_out(self._data, size, generator)]
        return {"critic_r2": explained(*zip(*pairs, strict=True))}

    def _judged(self, net: nn.Module, batch: Batch) -> tuple[float, float]:
        """The soft bias of a batch, and what the critic predicts for it."""
        if self._closed is not None and self._at_once:
            return self._closed.judged(batch)
        if self._adversary is None or self._tap is None:
            raise RuntimeError("fair loss: there is no critic, or no pass has begun")
        scores = self._head.scores(self._data.forward(net, batch.inputs))
        bias = self._soft_bias(scores, batch.labels, batch.groups)
        cells = self._soft_bias.cells(batch.labels, batch.groups)
        predicted = self._adversary.predict(self._tap.features(), scores, cells)
        return float(bias), float(predicted)

    def _in_closed_form(self) -> BatchLoss | None:
        """The same by compiled loops, if they know the measure."""
        known = self._soft_bias.closed_form()
        if known is None or self._data.n_classes != 2:
            return None
        return BatchLoss(
            *known,
            bias_from=self.bias_from,
            slope=self._multiplier.slope,
            limit=self._multiplier.limit,
            critic=None if self._adversary is None else self._adversary.compiled,
        )

    def means(self) -> dict[str, float]:
        """Means over the batches of the last `watching`: cross-entropy, bias, critic's error.

        The bias is the magnitude of the mean soft bias: the sampling noise of batches cancels in
        the mean.
        """
        if self._at_once:
            seen = torch.tensor(self._terms, dtype=torch.float64)[:, 1:4]  # task, bias, error
        else:
            seen = torch.stack(self._seen).double()
        names = ("task", "bias") if self._adversary is None else ("task", "bias", "critic")
        means = dict(zip(names, seen.mean(0).tolist(), strict=False))
        return means | {"bias": abs(means["bias"])}

    def state_dict(self) -> State:
        return {} if self._adversary is None else self._adversary.state_dict()

    def load_state_dict(self, state: State) -> None:
        if self._adversary is not None:
            self._adversary.load_state_dict(state)


def _soft_bias(context: Context) -> SoftBias:
    """That of the objective, for batches of debias."""
    objective, data = context.objective, context.data
    priors = data.priors_on("debias")
    if not objective.against_dense:
        return SoftBias(objective.bias, priors)
    part = data.part("debias")
    scores = data.head.scores(logits_of(context.dense, data, "debias"))
    dense = SoftBias("accuracy_std", priors).accuracies(scores, part.labels, part.groups)
    return SoftBias(objective.bias, priors, dense)


def _probe(data: TrialData) -> Tensor:
    """Two rows for finding the last layer."""
    return data.normalise(data.part("debias").inputs[:2])
