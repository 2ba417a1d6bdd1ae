"""Made data in which a network that only wants to be right learns to tell the groups apart."""

from dataclasses import replace

import numpy as np
import torch

from tests.trainables.made_data import made_prepared
from trainables.data.batches import TrialData


def skewed_data(seed=3):
    """Labels of train follow the group in 80 % of the rows; on tune they have nothing to do with
    it. The second input tells the group, the first the label of tune."""
    prepared = made_prepared(seed=seed)
    draw = np.random.default_rng(seed)
    parts = dict(prepared.parts)
    for name in ("train", "early_stop"):
        part = parts[name]
        follows = draw.random(len(part.labels)) < 0.8
        parts[name] = replace(part, labels=np.where(follows, part.groups, part.labels))
    return TrialData(replace(prepared, parts=parts), torch.device("cpu"))
