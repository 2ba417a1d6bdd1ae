"""What a network sees in its inputs: the features that its last Linear layer is given."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from trainables.models.last_layer import FeatureTap
from trainables.modules import evaluating


@torch.no_grad()
def embeddings(
    net: nn.Module,
    inputs: Tensor,
    *,
    normalise: Callable[[Tensor], Tensor] | None = None,
    batch_size: int = 256,
) -> Tensor:
    """(n, d) float32 inputs of the last Linear layer of `net`, on the device of `inputs`.

    `inputs` (n, ...) are what the network reads, or what `normalise` (`TrialData.normalise`) turns
    into it, a batch at a time: so uint8 images are never floats all at once. The network runs in
    evaluation mode and is left as it was. Raises ValueError for a network without a Linear layer
    (see `last_linear`) or where there are no rows.
    """
    if not len(inputs):
        raise ValueError(f"embeddings: inputs must have rows, got shape {tuple(inputs.shape)}")
    ready = normalise or _as_it_is
    with evaluating(net), FeatureTap(net, ready(inputs[:2])) as tap:
        return torch.cat([_features(net, tap, ready(rows)) for rows in inputs.split(batch_size)])


def _as_it_is(rows: Tensor) -> Tensor:
    return rows


def _features(net: nn.Module, tap: FeatureTap, rows: Tensor) -> Tensor:
    net(rows)
    return tap.features()
