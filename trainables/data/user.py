"""The user's own data: a function beside the experiment file that returns FairData or a frame."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from trainables.data.fair_data import FairData
from trainables.data.frame import from_frame
from trainables.user_code import load_function

KEY = "data.load"
UNSAID: tuple[Any, ...] = (
    None,
    (),
    [],
    "refuse",
)  # what a resolved config holds for options that nobody gave


def load_user(
    spec: str,
    args: Mapping[str, Any],
    folder: Path | None,
    frame_options: Mapping[str, Any] | None = None,
) -> FairData:
    """Calls `module:function` with `args` and makes FairData of what it returns.

    `frame_options` are the keyword arguments of `from_frame` (label, positive, attributes, drop,
    missing) and are only allowed where a frame is returned. Raises ValueError naming the key.
    """
    options = {k: v for k, v in (frame_options or {}).items() if v not in UNSAID}
    function = load_function(KEY, spec, folder)
    try:
        inspect.signature(function).bind(**args)
    except TypeError as error:
        raise ValueError(f"data.args: must fit {spec}, got {dict(args)}: {error}") from error
    try:
        returned = function(**args)
    except Exception as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(f"{KEY}: {spec} must return data, but failed with {said}") from error
    if isinstance(returned, FairData):
        if options:
            raise ValueError(
                f"data: {', '.join(options)} only go with a DataFrame, but {spec} returns FairData"
            )
        return returned
    if not isinstance(returned, pd.DataFrame):
        raise ValueError(
            f"{KEY}: {spec} must return FairData or a DataFrame, got {type(returned).__name__}"
        )
    for key in ("label", "attributes"):
        if not options.get(key):
            raise ValueError(
                f"data.{key}: must be given where {spec} returns a DataFrame, got none"
            )
    return from_frame(returned, name=spec.partition(":")[0], **options)
