"""Of many networks that are tried, the one with the highest Phi on the held-back rows."""

from __future__ import annotations

from trainables.data.batches import loss_of
from trainables.learning.phi import held_back_phi
from trainables.masks import MaskedNet
from trainables.stage import Context, StageRun, State, derived_seed, finite, snapshot

RESAMPLES = 50  # with few, the network with the luckiest draw wins among a hundred


class BestNet:
    """The best network so far. It starts as what the stage before left; a higher Phi replaces it.

    Phi is what the fair threshold of Savani et al. (NeurIPS 2020) maximises: the performance where
    bias < tolerance - margin. It is the mean over 50 resamples instead of 5, at 1001 thresholds
    where theirs has 501; more than two classes are judged on the rows as they are. All tries are
    judged with the same seed. So a network always has the same Phi, and the best never falls.
    """

    def __init__(self, stage: str, context: Context) -> None:
        self._stage = stage
        self._data = context.data
        self._objective = context.objective
        self._seed = derived_seed(context.seed, "phi")
        self._phi: float | None = None  # until the first epoch
        self.start = context.latest_or_dense()
        self.net = self.start.clone()
        self.start.masks.apply_(self.net.net)

    @property
    def phi(self) -> float:
        """Phi of the best network so far; that of the start is computed when first asked for.

        Raises FloatingPointError where the start's loss is not finite.
        """
        if self._phi is None:
            self._check()
            self._phi = self._judge(self.net)
        return self._phi

    def offer(self, tried: MaskedNet) -> float:
        """Phi of `tried`, whose copy replaces the best network if its Phi is higher."""
        best, phi = self.phi, self._judge(tried)
        if phi > best:
            self.net.net.load_state_dict(tried.net.state_dict())
            self._phi = phi
        return phi

    def losses(self) -> dict[str, float]:
        """Phi of the best network and its mean loss on the held-back rows."""
        return {"phi": self.phi, **self._check()}

    def _judge(self, tried: MaskedNet) -> float:
        limit = self._objective.safe_bias
        return held_back_phi(tried.net, self._data, self._objective, self._seed, limit, RESAMPLES)

    def _check(self) -> dict[str, float]:
        task = loss_of(self.net.net, self._data, "held_back")
        return finite(self._stage, {"task": task})

    def state_dict(self) -> State:
        return {"net": snapshot(self.net.net.state_dict()), "phi": self._phi}

    def load_state_dict(self, state: State) -> None:
        self.net.net.load_state_dict(state["net"])
        self._phi = state["phi"]


class TryingRun(StageRun):
    """A stage that tries networks and leaves the best of them. What an epoch tries is its own."""

    def __init__(self, stage: str, context: Context) -> None:
        self._best = BestNet(stage, context)
        self._tried = self._best.net.clone()  # written over by each try
        self._done = 0  # tries, or tensors that were searched

    def result(self) -> MaskedNet:
        return self._best.net

    def state_dict(self) -> State:
        return {"best": self._best.state_dict(), "done": self._done}

    def load_state_dict(self, state: State) -> None:
        self._best.load_state_dict(state["best"])
        self._done = state["done"]
