"""The compiled loops of a batch's cross-entropy, scores and soft bias, of two classes."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from trainables.compiling import machine_code
from trainables.fused.layers import numbers
from trainables.fused.products import linear

_compiled: Any = partial(machine_code, fastmath={"contract", "reassoc", "nsz"})

# How a measure combines the gaps of two groups, by its code.
NONE, SPD, EOD, AOD, MEAN, SUM, MAX = range(-1, 6)


@_compiled
def forward(seen, n, width, head, labels, groups, weights, mix, measure, tilts):  # type: ignore[no-untyped-def]
    """Cross-entropy and soft bias of the n columns of features `seen` (:width, columns).

    The probabilities of class 1 are written below them, into the row `width`. `head` (2,) are the
    addresses of weight and bias of the last layer, `mix` (groups, 2) the share of the labels in
    each group. `tilts` (groups * 2,) become the bias' slope by a score of each cell. Sums are
    float64.
    """
    kinds = mix.shape[0]
    scores = seen[width]
    out = seen[width : width + 1]
    linear(numbers(seen, head[0], (1, width)), numbers(seen, head[1], (1,)), seen[:width], out, n)
    counts, sums = np.zeros(2 * kinds), np.zeros(2 * kinds)
    task = 0.0
    for i in range(n):
        logit = float(scores[i])
        small = np.exp(-abs(logit))
        score = 1.0 / (1.0 + small) if logit >= 0 else small / (1.0 + small)
        scores[i] = score
        task += weights[i] * (max(logit, 0.0) - logit * labels[i] + np.log1p(small))
        if measure != NONE:
            cell = 2 * groups[i] + labels[i]
            counts[cell] += 1.0
            sums[cell] += score
    tilts[:] = 0.0
    if measure == NONE:
        return task / n, 0.0
    rates = sums / np.maximum(counts, 1.0)
    slopes, bias = _bias(rates, counts, mix, measure)
    for cell in range(2 * kinds):
        tilts[cell] = slopes[cell] / max(counts[cell], 1.0)
    return task / n, bias


@_compiled
def _bias(rates, counts, mix, measure):  # type: ignore[no-untyped-def]
    """The bias and its slope by every rate (cells,): of several pairs the largest magnitude."""
    kinds = mix.shape[0]
    slopes = np.zeros(2 * kinds)
    by_gap = np.zeros(2)
    bias, largest, best = 0.0, -1.0, np.zeros(2 * kinds)
    for a in range(kinds):
        for b in range(a + 1, kinds):
            slopes[:] = 0.0
            value = 0.0
            if measure == SPD:
                known = True
                for group in (a, b):
                    for label in range(2):
                        known &= counts[2 * group + label] > 0 or mix[group, label] == 0
                if known:
                    for label in range(2):
                        value += rates[2 * a + label] * mix[a, label]
                        value -= rates[2 * b + label] * mix[b, label]
                        slopes[2 * a + label] = mix[a, label]
                        slopes[2 * b + label] = -mix[b, label]
            else:
                gaps = np.zeros(2)
                for label in range(2):
                    if counts[2 * a + label] > 0 and counts[2 * b + label] > 0:
                        gaps[label] = rates[2 * a + label] - rates[2 * b + label]
                value = _combined(gaps, measure, by_gap)
                for label in range(2):
                    if counts[2 * a + label] > 0 and counts[2 * b + label] > 0:
                        slopes[2 * a + label] = by_gap[label]
                        slopes[2 * b + label] = -by_gap[label]
            if kinds == 2:
                return slopes, value
            if abs(value) > largest:
                largest = bias = abs(value)
                best[:] = slopes * np.sign(value)
    return best, bias


@_compiled
def _combined(gaps, measure, slopes):  # type: ignore[no-untyped-def]
    """The value of two gaps, given label 0 and 1, and its slope by each."""
    if measure == EOD:
        slopes[0], slopes[1] = 0.0, 1.0
        return gaps[1]
    if measure == AOD:
        slopes[:] = 0.5
        return 0.5 * (gaps[0] + gaps[1])
    sizes, signs = np.abs(gaps), np.sign(gaps)
    if measure == MAX:
        larger = 0 if sizes[0] >= sizes[1] else 1
        slopes[:] = 0.0
        slopes[larger] = signs[larger]
        return sizes[larger]
    share = 1.0 if measure == SUM else 0.5
    slopes[:] = share * signs
    return share * (sizes[0] + sizes[1])


@_compiled
def backward(of_task, of_bias, labels, groups, weights, seen, tilts, head, behind, places, slopes):  # type: ignore[no-untyped-def]
    """The gradients at the last layer's parameters and at its inputs.

    `of_task` and `of_bias` are the slopes at the cross-entropy and at the soft bias. `behind`
    (width + 1, columns) holds what comes to features and scores in other ways; the rest is added
    to it, the slope at the logits written into its last row. `places` (2,) as in
    `layers.backward`, the rest as in `forward`.
    """
    n, kind, zero = labels.size, seen.dtype, seen.dtype.type(0)
    width = behind.shape[0] - 1
    scores, at_logits = seen[width], behind[width]
    weight = numbers(seen, head[0], (width,))
    for i in range(n):
        score = float(scores[i])
        slope = of_bias * tilts[2 * groups[i] + labels[i]] if of_bias != 0.0 else 0.0
        slope = (slope + at_logits[i]) * score * (1.0 - score)
        at_logits[i] = kind.type(of_task * weights[i] * (score - labels[i]) / n + slope)
    total = zero
    for i in range(n):
        total += at_logits[i]
    if places[1] >= 0:
        slopes[places[1]] = total
    for unit in range(width):
        features, out, factor, along = seen[unit], behind[unit], weight[unit], zero
        for i in range(n):
            along += at_logits[i] * features[i]
            out[i] += factor * at_logits[i]
        if places[0] >= 0:
            slopes[places[0] + unit] = along
