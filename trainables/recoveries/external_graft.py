"""Two discoveries are trained side by side and graft each other's weights after every epoch.

Zhang, Gao, Huang, "Recover Fair Deep Classification Models via Altering Pre-trained Structure",
ECCV 2022, section 3.3 (external scions, layer by layer), with the entropy-weighted exchange of
Meng et al., "Filter Grafting for Deep Neural Networks", CVPR 2020. Their code rounds the shares;
we do not. At the first exchange we take entropies over the weights that each discovery kept: the
others have been zeros until an epoch ago, and would fill one bin of the histogram. From then on no
zeros are left, and entropies are those of all weights, as theirs are.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from trainables.masks import MaskedNet, Masks, prunable
from trainables.recoveries.fair_tuning import FairTrainer, FairTuning
from trainables.stage import Context, StageRun, State, derived_seed

BINS = 10  # of the histogram whose entropy is taken


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ExternalGraft(FairTuning):
    """Fair tuning of what the two stages before left; the older of them is the result.

    After each epoch both networks W1 and W2 move to alpha W1 + (1 - alpha) W2, layer by layer,
    where alpha grows with the entropy of W1 over that of W2. Each gives itself its own share, and
    the two shares add up to 1: so it is the same point for both.

    With scope "layer" that holds for every weight, and for the biases and normalisations that
    follow. The two are then equal after each exchange, and drift apart in between by the order of
    their batches and dropout. With "rootstock" each network moves only where it was pruned itself.
    Removed weights start at 0, get the other network's in the exchange and are trained like the
    rest: masks no longer bind, and the sparsity ends at 0. While only the critics learn, nothing
    is exchanged.
    """

    epochs: Annotated[int, Field(ge=1)] = 100
    lr: Annotated[float, Field(gt=0.0)] = 1e-3
    exchange_range: Annotated[float, Field(ge=0.0, le=1.0)] = 0.4  # A: |alpha - 1/2| < A / 2
    exchange_slope: Annotated[float, Field(ge=0.0)] = 500.0  # c, per nat
    scope: Literal["layer", "rootstock"] = "layer"

    name: ClassVar[str] = "external_graft"
    inputs: ClassVar[int] = 2

    def start(self, context: Context) -> StageRun:
        if len(context.incoming) < self.inputs:
            raise ValueError(
                f"{self.name}: needs the results of two earlier stages, "
                f"got {len(context.incoming)}"
            )
        return _Exchanging(self, context)


class _Exchanging(StageRun):
    passes = 2

    def __init__(self, settings: ExternalGraft, context: Context) -> None:
        self.epochs = settings.epochs
        self._settings = settings
        pruned = [masked.clone() for masked in context.incoming[-2:]]
        self._kept = (pruned[0].masks, pruned[1].masks)
        contexts = (context, replace(context, seed=derived_seed(context.seed, "second")))
        self._first, self._second = (
            FairTrainer(settings, own, MaskedNet(left.net, Masks.keep_all(left.net)))
            for own, left in zip(contexts, pruned, strict=True)
        )

    def epoch(self, generator: torch.Generator) -> dict[str, float]:
        """Losses of the first network, and `alpha`, its mean share over the layers."""
        learning = self._first.learning
        seeds = torch.randint(2**62, (2,), generator=generator).tolist()
        losses = self._first.pass_over(torch.Generator().manual_seed(seeds[0]))
        self._second.pass_over(torch.Generator().manual_seed(seeds[1]))
        if not learning:
            return losses
        settings = self._settings
        first, second = self._first.masked.net, self._second.masked.net
        alphas = shares(
            first, second, self._counted, settings.exchange_range, settings.exchange_slope
        )
        if settings.scope == "layer":
            exchange_layers(first, second, alphas)
        else:
            exchange_rootstocks(first, second, alphas, self._kept)
        self._first.recalibrate(generator)  # the second's running statistics are never used
        return losses | {"alpha": sum(alphas.values()) / len(alphas)}

    @property
    def _counted(self) -> tuple[Masks, Masks]:
        """Which weights have a say in the entropies of this epoch's exchange."""
        if self._first.epochs_learned == 1:
            return self._kept
        return self._first.masked.masks, self._second.masked.masks  # these keep all

    def result(self) -> MaskedNet:
        return self._first.masked

    def state_dict(self) -> State:
        return {"first": self._first.state_dict(), "second": self._second.state_dict()}

    def load_state_dict(self, state: State) -> None:
        self._first.load_state_dict(state["first"])
        self._second.load_state_dict(state["second"])


def entropy(values: Tensor) -> float:
    """-sum p ln p of a histogram of `values` with BINS equal bins from minimum to maximum.

    0 for equal values and for none. Raises FloatingPointError where one is not finite.
    """
    values = values.detach().flatten().double().cpu()
    if not bool(values.isfinite().all()):
        raise FloatingPointError("external_graft: weights must stay finite, got NaN or infinity")
    if not values.numel() or float(values.min()) == float(values.max()):
        return 0.0
    shares = torch.histc(values, BINS) / values.numel()
    return float(-torch.xlogy(shares, shares).sum())


def share(first: float, second: float, spread: float, slope: float) -> float:
    """alpha of the network of entropy `first` beside one of `second` (Meng et al., code).

    (A / pi) arctan(c (H1 - H2)) + 1/2, between (1 - A) / 2 and (1 + A) / 2.
    """
    return spread / math.pi * math.atan(slope * (first - second)) + 0.5


def shares(
    first: nn.Module,
    second: nn.Module,
    kept: tuple[Masks, Masks],
    spread: float,
    slope: float,
) -> dict[str, float]:
    """alpha of `first` by prunable weight, from the entropies of the weights in `kept`."""
    others = prunable(second)
    alphas = {}
    for name, own in prunable(first).items():
        own_entropy = entropy(own[kept[0][name].to(own.device)])
        other_entropy = entropy(others[name][kept[1][name].to(own.device)])
        alphas[name] = share(own_entropy, other_entropy, spread, slope)
    return alphas


@torch.no_grad()
def exchange_layers(first: nn.Module, second: nn.Module, alphas: dict[str, float]) -> None:
    """Both networks become the mixture.

    A bias or normalisation has the share of its layer: that of the last prunable weight before it,
    or of the first one where there is none before.
    """
    others = dict(second.named_parameters())
    alpha = next(iter(alphas.values()))
    for name, own in first.named_parameters():
        alpha = alphas.get(name, alpha)
        mixture = torch.lerp(others[name], own, alpha)  # equal weights stay exactly as they are
        own.copy_(mixture)
        others[name].copy_(mixture)


@torch.no_grad()
def exchange_rootstocks(
    first: nn.Module, second: nn.Module, alphas: dict[str, float], kept: tuple[Masks, Masks]
) -> None:
    """Each network takes the mixture where it was pruned; all else stays its own."""
    others = prunable(second)
    for name, own in prunable(first).items():
        other = others[name]
        mixture = torch.lerp(other, own, alphas[name])
        own.copy_(torch.where(kept[0][name].to(own.device), own, mixture))
        other.copy_(torch.where(kept[1][name].to(own.device), other, mixture))
