"""Imported by Ray's workers as they start, before anybody waits for them: nothing else imports it.

That takes seconds: torch, all that trials are made of, and a first step of an optimizer, with
which torch imports its compiler. Ray can only be told of a module, so its import does the work.
"""

from __future__ import annotations

import torch

import trainables.trial.trainable  # noqa: F401
from trainables.trial.spec import STAGES

for _stages in STAGES.values():
    for _name in _stages:
        _stages[_name]

_weight = torch.zeros(2, requires_grad=True)  # no draw: the streams stay as they are
_optimizer = torch.optim.Adam([_weight])
_weight.sum().backward()
_optimizer.step()
