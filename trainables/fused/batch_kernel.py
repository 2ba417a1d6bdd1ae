"""The compiled loop of a batch's loss and all its gradients, of a network of two classes."""

from __future__ import annotations

import numpy as np

from trainables.fused import critic_kernels, fair_kernels, layers
from trainables.fused.products import compiled

# What the cross-entropy is multiplied by more for, by its code
NOTHING, SOFT, CRITIC = range(3)
# By which the seed of dropout differs from batch to batch: the golden ratio of 64 bits, whose
# multiples differ in all of them
_NEXT_SEED = np.int64(0x9E3779B97F4A7C15 - 2**64)


@compiled
def loss(  # type: ignore[no-untyped-def]
    inputs, labels, groups, weights,
    sizes, parameters, running, head, rates, options, kept, moments, out, behind,
    mix, codes, multiplier,
    critic, moment1, moment2, steps, of_critic, critic_steps,
    places, of_head, slopes, terms,
):  # fmt: skip
    """Writes loss, cross-entropy, soft bias, critic's error and bias judged into `terms` (5,).

    The first line is the batch. The second is the network, and what it works in, as in `layers`;
    the seed in `options` is moved on. The third is the bias: `codes` are the measure, what it is
    taken from, and how wide the critic is; `multiplier` its slope, its limit, and the critic's
    unit. The fourth is the critic, empty where there is none, and how many steps it takes. The
    gradients are written into `slopes` where `places` and `of_head` say; an empty one asks for
    none.
    """
    n, kind, width = inputs.shape[0], inputs.dtype, sizes[sizes.size - 1]
    layers.forward(inputs, sizes, parameters, running, rates, options, kept, moments, out)
    options[0] += _NEXT_SEED
    seen, tilts = out[: width + 1], np.empty(mix.size)
    task, bias = fair_kernels.forward(
        seen, n, width, head, labels, groups, weights, mix, codes[0], tilts
    )
    error, judged, hidden, unit = 0.0, bias, codes[2], multiplier[2]
    members = np.empty((0, 0), kind)
    first, second = (
        np.empty((hidden, seen.shape[1]), kind),
        np.empty((hidden, seen.shape[1]), kind),
    )
    means, last = np.empty(mix.size * (hidden + 1), kind), np.empty(hidden, kind)
    if codes[1] == CRITIC:
        members = critic_kernels.members(labels, groups, mix.shape[0], seen)
        for step in range(critic_steps):
            squared = critic_kernels.learn(
                seen, members, n, unit, bias, critic, moment1, moment2, steps, of_critic, first,
                second, means, last,
            )  # fmt: skip
            if step == 0:
                error = float(squared)
        judged = float(
            critic_kernels.predict(seen, members, n, unit, critic, first, second, means, last)
        )
    factor, tilt = _multiplied(judged, codes[1], multiplier)
    terms[0], terms[1], terms[2], terms[3], terms[4] = factor * task, task, bias, error, judged
    if slopes.size == 0:
        return
    behind[:] = kind.type(0)
    of_bias = task * tilt
    if codes[1] == CRITIC:
        if tilt != 0.0:
            critic_kernels.slopes_of_inputs(
                of_bias, members, n, unit, critic, first, second, last, behind[: width + 1]
            )
        of_bias = 0.0
    fair_kernels.backward(
        factor, of_bias, labels, groups, weights, seen, tilts, head, behind[: width + 1], of_head,
        slopes,
    )  # fmt: skip
    layers.backward(
        behind, inputs, sizes, parameters, rates, options, kept, moments, places, slopes
    )


@compiled
def _multiplied(bias, source, multiplier):  # type: ignore[no-untyped-def]
    """What the cross-entropy is multiplied with, and its slope by the bias."""
    slope, excess = multiplier[0], abs(bias) - multiplier[1]
    if source == NOTHING or excess <= 0.0:
        return 1.0, 0.0
    return 1.0 + slope * excess, slope if bias > 0.0 else -slope
