"""Phi on the held-back rows: how good a network is while it learns, were it used as it is."""

from __future__ import annotations

import numpy as np
from torch import nn

from trainables.data.batches import TrialData, scores_of
from trainables.evaluation.counts import ScoreCounts, count, tables_at_all_thresholds
from trainables.evaluation.intervals import resample
from trainables.evaluation.objective import Objective

RESAMPLES = 10


def held_back_phi(
    net: nn.Module,
    data: TrialData,
    objective: Objective,
    seed: int,
    limit: float | None = None,
    resamples: int = RESAMPLES,
) -> float:
    """The performance if bias < limit, else 0 (Zhang, Gao, Huang, ECCV 2022, eq. 1).

    The limit is the tolerance unless another one is given, such as tolerance - margin.

    A binary task is judged as in Savani et al. (NeurIPS 2020): the mean of that over bootstrap
    resamples drawn from `seed`, at the best threshold. On the rows as they are, a network whose
    bias lies at the tolerance would be fair by luck. More classes are decided by the largest
    score. A bias that can't be estimated is never fair.
    """
    limit = objective.tolerance if limit is None else limit
    part = data.part("held_back")
    scores = scores_of(net, data, "held_back")
    counts = count(scores, part.labels.cpu(), part.groups.cpu(), data.n_groups)
    if not isinstance(counts, ScoreCounts):
        # no weights: they would bring back the skew between groups that debias is rid of
        performance = objective.performance_measure.compute(counts.table)
        bias = objective.bias_measure.bias(counts.table)
        return float(np.where(bias < limit, np.nan_to_num(performance), 0.0))
    drawn = resample(counts.histogram, resamples, np.random.default_rng(seed))
    priors = data.priors.double().cpu().numpy()
    performance, bias = objective.judge(tables_at_all_thresholds(drawn), priors)
    phi = np.where(bias < limit, np.nan_to_num(performance), 0.0)  # (resamples, 1001)
    return float(phi.mean(axis=0).max())
