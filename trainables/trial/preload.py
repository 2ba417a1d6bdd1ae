"""Imported by Ray's workers as they start, before anybody waits for them: nothing else imports it.

That takes seconds: torch, and all that trials are made of. Ray can only be told of a module, so
its import does the work.
"""

from __future__ import annotations

import os
from pathlib import Path

import trainables.trial.trainable  # noqa: F401
from trainables.trial.names import LOADED
from trainables.trial.spec import STAGES

for _stages in STAGES.values():
    for _name in _stages:
        _stages[_name]

if _folder := os.environ.get(LOADED):
    (Path(_folder) / f"{LOADED}-{os.getpid()}").touch()
