"""Phi on the held-back rows: how good a network is while it learns, were it used as it is."""

from __future__ import annotations

import numpy as np
from torch import nn

from trainables.batches import TrialData, scores_of
from trainables.corrections.threshold import Threshold
from trainables.evaluation.counts import ScoreCounts, count
from trainables.objective import Objective


def held_back_phi(net: nn.Module, data: TrialData, objective: Objective, seed: int) -> float:
    """The performance if bias < tolerance, else 0 (Zhang, Gao, Huang, ECCV 2022, eq. 1).

    A binary task is decided by the threshold that Savani et al. (NeurIPS 2020) choose on the same
    rows, more classes by the largest score. A bias that can't be estimated is never fair.
    """
    part = data.part("held_back")
    scores = scores_of(net, data, "held_back")
    counts = count(scores, part.labels.cpu(), part.groups.cpu(), data.n_groups)
    if isinstance(counts, ScoreCounts):
        priors = data.priors.double().cpu().numpy()
        decided = Threshold("fair").fit(counts, objective, priors, seed).decide(counts)
        performance, bias = objective.judge(decided.table, priors)
    else:
        # no weights: they would bring back the skew between groups that debias is rid of
        performance = objective.performance_measure.compute(counts.table)
        bias = objective.bias_measure.bias(counts.table)
    fair = bool(bias < objective.tolerance)
    return float(performance) if fair and np.isfinite(performance) else 0.0
