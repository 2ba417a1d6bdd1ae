"""Phi on the held-back rows: what a network is worth while it still learns."""

from __future__ import annotations

import numpy as np
from torch import nn

from trainables.data.batches import TrialData, scores_of
from trainables.evaluation.counting import count
from trainables.evaluation.counts import ScoreCounts, tables_at_all_thresholds
from trainables.evaluation.intervals import resample
from trainables.evaluation.objective import Objective, phi

RESAMPLES = 10


def held_back_phi(
    net: nn.Module,
    data: TrialData,
    objective: Objective,
    seed: int,
    limit: float,
    resamples: int = RESAMPLES,
) -> float:
    """The performance on the held-back rows if the bias there is below `limit`, else 0.

    Scores of a binary task need a threshold. As in Savani et al. (NeurIPS 2020), Phi at a
    threshold is the mean over bootstrap resamples drawn from `seed`, and the best threshold
    counts. A mean, since on the rows as they are a network whose bias is close to the limit would
    be fair by luck. With more classes the largest score decides, and Phi is that of the rows.
    """
    part = data.part("held_back")
    scores = scores_of(net, data, "held_back")
    dense = data.dense_predictions.get("held_back")
    counts = count(scores, part.labels.cpu(), part.groups.cpu(), data.n_groups, dense=dense)
    if not isinstance(counts, ScoreCounts):
        # no weights: they would bring back the skew between groups that debias is rid of
        performance = objective.performance_measure.compute(counts.table)
        bias = objective.bias_measure.bias(objective.counted(counts))
        return float(phi(performance, bias, limit))
    drawn = resample(objective.counted(counts), resamples, np.random.default_rng(seed))
    priors = data.priors.double().cpu().numpy()
    tables = tables_at_all_thresholds(drawn, beside_dense=objective.against_dense)
    performance, bias = objective.judge(tables, priors)
    return float(phi(performance, bias, limit).mean(axis=0).max())  # of (resamples, 1001)
