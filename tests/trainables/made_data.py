"""Small made data sets for tests of networks and stages."""

import numpy as np
import torch

from trainables.data.batches import TrialData
from trainables.data.encoder import ArrayEncoder
from trainables.data.prepare import Part, Prepared
from trainables.evaluation.objective import Objective
from trainables.stage import Context

PARTS = {"train": 150, "early_stop": 40, "debias": 60, "held_back": 30, "tune": 50}


def made_prepared(
    *, classes=2, groups=2, shape=(5,), dtype=np.float32, seed=0, weights=None, rows=PARTS
):
    """The label can be learned from the first input, the group from the second."""
    draw = np.random.default_rng(seed)
    names = tuple("abcdefgh"[:groups])
    parts = {
        name: _part(count, classes, groups, shape, dtype, draw, weights)
        for name, count in rows.items()
    }
    channels = shape[0]
    images = dtype == np.uint8
    return Prepared(
        name="made",
        classes=tuple(f"class {i}" for i in range(classes)),
        grouping="letter",
        group_names=names,
        attribute_names=("letter",),
        crossing_names=tuple((name,) for name in names),
        crossing_to_group=np.arange(groups),
        parts=parts,
        priors=np.full((groups, classes), 1 / (groups * classes)),
        crossing_priors=np.full((groups, classes), 1 / (groups * classes)),
        input_shape=shape,
        encoder=ArrayEncoder(
            np.full(channels, 100 if images else 0, np.float32),
            np.full(channels, 50 if images else 1, np.float32),
        ),
        augment=images,
        notes=(),
        smallest_tolerance=0.0,
        hashes={},
    )


def _part(rows, classes, n_groups, shape, dtype, draw, weights):
    labels = draw.integers(0, classes, rows)
    groups = draw.integers(0, n_groups, rows)
    inputs = draw.normal(size=(rows, *shape))
    inputs[:, 0] += 2.0 * labels.reshape(-1, *[1] * (len(shape) - 1))
    if shape[0] > 1:
        inputs[:, 1] += 2.0 * groups.reshape(-1, *[1] * (len(shape) - 1))
    if dtype == np.uint8:
        inputs = np.clip(100 + 30 * inputs, 0, 255)
    return Part(
        inputs=inputs.astype(dtype),
        labels=labels,
        crossing=groups,
        groups=groups,
        units=np.arange(rows),
        weights=np.ones(rows, np.float32) if weights is None else weights(labels, groups),
        rows=np.arange(rows),
    )


def made_data(**settings):
    return TrialData(made_prepared(**settings), torch.device("cpu"))


def made_context(dense, data, *, incoming=(), seed=1, objective=None, initial=None, early=None):
    return Context(
        initial=dense if initial is None else initial,
        early=early,
        dense=dense,
        incoming=tuple(incoming),
        data=data,
        objective=objective or Objective(),
        device=torch.device("cpu"),
        seed=seed,
    )
