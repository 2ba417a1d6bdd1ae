"""Optimises single late parameter tensors for the best fair threshold and keeps the best one.

Savani, White, Govindarajulu, "Intra-Processing Methods for Debiasing Neural Networks", NeurIPS
2020, arXiv:2006.08564, layer-wise optimization. The unchanged network is among the tries. A tensor
is searched in a box, which is never narrower than .001 to either side: as published, that of a
single bias would have no width at all.

Where to look next in a box is what they call gradient-boosted regression trees, after
scikit-optimize's `gbrt_minimize`. The quantiles .16, .5 and .84, each of 30 small trees, tell mean
and spread, and the point of the largest expected improvement is tried (Jones, Schonlau, Welch, J.
Global Optim. 13, 1998). We maximise, and look at 1,000 instead of 10,000 random points, since the
boxes here have a side per weight.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from trainables.masks import MaskedNet
from trainables.recoveries.best_net import TryingRun
from trainables.stage import Context, Settings, StageRun

Points = NDArray[np.float32]  # (n, d) in [0, 1]
Phis = NDArray[np.float64]  # (n,)

CANDIDATES = 1000
TREES = 30
QUANTILES = (0.16, 0.5, 0.84)  # one standard deviation around the mean of a normal distribution
LEAST_GAIN = 0.01  # a smaller improvement counts for nothing


def propose(points: Points, values: Phis, generator: np.random.Generator) -> Points:
    """The most promising (d,) of random points, given the `values` at `points`; more is better.

    Where no point promises anything it is the first of them, a random one.
    """
    candidates = generator.random((CANDIDATES, points.shape[1]), dtype=np.float32)
    seed = int(generator.integers(2**31))
    low, middle, high = (_predict(points, values, candidates, q, seed) for q in QUANTILES)
    gain = expected_improvement(middle, (high - low) / 2, float(values.max()))
    best: Points = candidates[gain.argmax()]
    return best


def expected_improvement(mean: Phis, spread: Phis, best: float) -> Phis:
    """(n,) E[max(0, f - best - .01)] of normal f; 0 where the spread is not above 0."""
    from scipy.stats import norm  # takes half a second, and every worker imports this file

    uncertain = spread > 0
    safe = np.where(uncertain, spread, 1.0)
    gain = mean - best - LEAST_GAIN
    expected = gain * norm.cdf(gain / safe) + safe * norm.pdf(gain / safe)
    return np.where(uncertain, expected, 0.0)


def _predict(points: Points, values: Phis, candidates: Points, quantile: float, seed: int) -> Phis:
    from sklearn.ensemble import GradientBoostingRegressor  # a second, see above

    trees = GradientBoostingRegressor(
        loss="quantile", alpha=quantile, n_estimators=TREES, random_state=seed
    )
    predicted: Phis = trees.fit(points, values).predict(candidates)
    return predicted


LEAST_REACH = 1e-3  # of the box, to either side of a value


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Layerwise(Settings):
    """Each epoch searches one of the last parameter tensors; weight and bias are tensors apart.

    A value is searched within +- width standard deviations of its tensor. Half of the calls try
    random points, the others what boosted trees propose. Of a tensor with more kept weights than
    `entries` a random subset is searched. Removed weights stay removed.
    """

    tensors: Annotated[int, Field(ge=1)] = 5
    calls: Annotated[int, Field(ge=2)] = 20  # networks tried per tensor
    width: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 2.2
    sampler: Literal["trees", "random"] = "trees"
    entries: Annotated[int, Field(ge=1)] = 5000

    learns_from: ClassVar[str] = "debias"

    def start(self, context: Context) -> StageRun:
        return _Searching(self, context)


class _Searching(TryingRun):
    def __init__(self, settings: Layerwise, context: Context) -> None:
        super().__init__("layerwise", context)
        self._settings = settings
        names = [name for name, _ in self._tried.net.named_parameters()]
        self._names = names[-settings.tensors :]
        self.epochs = len(self._names)

    def epoch(self, generator: torch.Generator) -> dict[str, float]:
        self._tried.net.load_state_dict(self._best.start.net.state_dict())
        self._tried.masks.apply_(self._tried.net)
        name = self._names[self._done]
        box = _Box(self._tried, name, self._settings, generator)
        if len(box):
            self._search(box, generator)
        self._done += 1
        return self._best.losses()

    def _search(self, box: _Box, generator: torch.Generator) -> None:
        draws = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator)))
        calls = self._settings.calls
        points = [np.full(len(box), 0.5, dtype=np.float32)]  # the start, whose Phi is known
        values = [self._best.offer(self._tried)]
        for call in range(calls):
            if self._settings.sampler == "random" or call < calls // 2:
                point = draws.random(len(box), dtype=np.float32)
            else:
                point = propose(np.stack(points), np.array(values), draws)
            box.move_to(torch.from_numpy(point))
            points.append(point)
            values.append(self._best.offer(self._tried))


class _Box:
    """The entries of one tensor of a network that are searched, as a unit box."""

    def __init__(
        self, masked: MaskedNet, name: str, settings: Layerwise, generator: torch.Generator
    ) -> None:
        self._parameter: nn.Parameter = masked.net.get_parameter(name)
        everywhere = torch.ones(self._parameter.shape, dtype=torch.bool)
        kept = masked.masks.get(name, everywhere).cpu().flatten().nonzero().squeeze(1)
        chosen = torch.randperm(len(kept), generator=generator)[: settings.entries]
        self._places = kept[chosen].to(self._parameter.device)
        values = self._parameter.detach().flatten()
        self._centre = values[self._places]
        spread = values[kept.to(values.device)].std(correction=0) if len(kept) else torch.zeros(())
        self._reach = max(settings.width * float(spread), LEAST_REACH)

    def __len__(self) -> int:
        return len(self._places)

    @torch.no_grad()
    def move_to(self, point: Tensor) -> None:
        """Writes the values at `point` (entries,) in [0, 1] into the network."""
        moved = self._centre + self._reach * (2.0 * point.to(self._centre) - 1.0)
        values = self._parameter.flatten().clone()
        values[self._places] = moved
        self._parameter.copy_(values.view(self._parameter.shape))
