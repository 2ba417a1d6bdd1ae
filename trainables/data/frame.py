"""A plain DataFrame as FairData: one label column, attribute columns, the rest are inputs.

`[data] load` names a function beside the experiment file that returns such a frame, or FairData.
"""

from __future__ import annotations

import inspect
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trainables.data.fair_data import Attribute, FairData
from trainables.names import known_names
from trainables.user_code import load_function

Missing = Literal["refuse", "impute"]
MAX_CLASSES = 100  # more distinct labels are taken for a number to be regressed
MAX_GROUPS = 50  # more distinct values of an attribute are taken for an unbinned number
MAX_CATEGORIES = 1000  # more distinct texts in a column are taken for an identifier
TEXT_KINDS = ("string", "boolean", "mixed-integer", "empty")


def from_frame(
    frame: pd.DataFrame,
    *,
    label: str,
    attributes: Sequence[str],
    positive: Any = None,
    drop: Sequence[str] = (),
    missing: Missing = "refuse",
    name: str = "frame",
) -> FairData:
    """Reads labels and attributes from columns; all others but those in `drop` are inputs.

    With `positive` the task is binary: that value against all others. Without it, labels 0/1 or
    False/True are binary, and more than two values are the classes in sorted order. Attributes are
    inputs too unless they are dropped. The categories of a Categorical keep their order (the first
    one is unprivileged), other values are sorted.

    How numbers are scaled, which values of a text are one-hot encoded and, with
    `missing="impute"`, what missing values are filled in with (median, commonest value) is learned
    later, from train alone. Raises ValueError naming the column.
    """
    if not isinstance(frame, pd.DataFrame):
        raise ValueError(f"{name}: data must be a DataFrame, got {type(frame).__name__}")
    if missing not in get_args(Missing):
        raise ValueError(f"{name}: missing must be 'refuse' or 'impute', got {missing!r}")
    if not len(frame):
        raise ValueError(f"{name}: data must have rows, got none")
    frame = frame.rename(columns=str)  # numbered columns are named in a config as text
    _check_columns(name, frame, label, attributes, drop)
    classes, labels = _labels(name, frame[label], positive)
    return FairData(
        name=name,
        inputs=_inputs(name, frame.drop(columns=list({label, *drop}))),
        labels=labels,
        classes=classes,
        attributes={column: _attribute(name, frame[column]) for column in attributes},
        impute=missing == "impute",
        notes=_imputation_notes(frame, label, drop) if missing == "impute" else (),
    )


def _check_columns(
    name: str, frame: pd.DataFrame, label: str, attributes: Sequence[str], drop: Sequence[str]
) -> None:
    if isinstance(attributes, str) or isinstance(drop, str):
        given = attributes if isinstance(attributes, str) else drop
        raise ValueError(f"{name}: attributes and drop must be lists of columns, got {given!r}")
    if frame.columns.has_duplicates:
        twice = sorted(set(frame.columns[frame.columns.duplicated()]))
        raise ValueError(f"{name}: column names must differ, got {', '.join(twice)} twice")
    known = list(frame.columns)
    for key, columns in (("label", [label]), ("attributes", attributes), ("drop", drop)):
        for column in columns:
            if column not in known:
                raise ValueError(
                    f"{name}: {key}: no column {column!r}; {known_names(column, known)}"
                )
    if label in attributes:
        raise ValueError(f"{name}: attributes must not hold the label, got {label!r}")


def _refuse_missing(name: str, key: str, column: pd.Series[Any]) -> None:
    """Labels and groups are never filled in."""
    absent = int(column.isna().sum())
    if absent:
        raise ValueError(
            f"{name}: {key} {column.name!r} must not have missing values, got {absent} rows"
        )


def _labels(
    name: str, column: pd.Series[Any], positive: Any
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    _refuse_missing(name, "label", column)
    values = column.unique().tolist()
    if len(values) < 2:
        raise ValueError(
            f"{name}: label {column.name!r} must have at least two values, got only {values[0]!r}"
        )
    if positive is None and set(values) == {0, 1}:
        positive = 1
    if positive is not None:
        positive = _matching(name, column.name, values, positive)
        others = [value for value in values if value != positive]
        negative = _text(others[0]) if len(others) == 1 else f"not {_text(positive)}"
        return (negative, _text(positive)), (column == positive).to_numpy().astype(np.int64)
    if len(values) == 2:
        raise ValueError(
            f"{name}: positive must say which of {_text(values[0])!r} and {_text(values[1])!r} "
            f"in {column.name!r} is the positive label, got nothing"
        )
    if len(values) > MAX_CLASSES:
        raise ValueError(
            f"{name}: label {column.name!r} must have at most {MAX_CLASSES} classes, "
            f"got {len(values)} values (fairfront classifies; set positive, or bin the column)"
        )
    return _codes(column)


def _matching(name: str, column: Any, values: list[Any], positive: Any) -> Any:
    """Which value is meant: one equal to `positive` (True for 1), else one that reads alike."""
    same = [value for value in values if value == positive]
    same = same or [value for value in values if _text(value) == str(positive)]
    if not same:
        shown = known_names(str(positive), map(_text, values[:MAX_CLASSES]))
        raise ValueError(f"{name}: positive: {column!r} is never {positive!r}; {shown}")
    return same[0]


def _attribute(name: str, column: pd.Series[Any]) -> Attribute:
    _refuse_missing(name, "attribute", column)
    distinct = column.nunique()
    if distinct > MAX_GROUPS:
        raise ValueError(
            f"{name}: attribute {column.name!r} must have at most {MAX_GROUPS} values, "
            f"got {distinct}; bin it first"
        )
    names, values = _codes(column)
    return Attribute(values, names)


def _codes(column: pd.Series[Any]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Names of the values that occur, and the index of each row's value."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.cat.remove_unused_categories()
        return tuple(map(_text, column.cat.categories)), column.cat.codes.to_numpy().astype(
            np.int64
        )
    codes, values = pd.factorize(column, sort=True)
    return tuple(map(_text, values)), codes.astype(np.int64)


def _text(value: Any) -> str:
    """How a value reads. 0.0 reads as "0", since whole numbers with gaps in them are floats."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _inputs(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Numbers and declared categories as they are, everything else as text. New row numbers."""
    if frame.shape[1] == 0:
        raise ValueError(f"{name}: at least one column must be left as an input, got none")
    columns = {column: _input(name, frame[column]) for column in frame.columns}
    return pd.DataFrame(columns).reset_index(drop=True)


def _input(name: str, column: pd.Series[Any]) -> pd.Series[Any]:
    numeric = pd.api.types.is_numeric_dtype(column)
    if (numeric and column.dtype.kind != "c") or isinstance(column.dtype, pd.CategoricalDtype):
        return column
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind not in TEXT_KINDS:
        raise ValueError(
            f"{name}: column {column.name!r} must hold numbers, texts or categories, got {kind}; "
            "convert it or put it into drop"
        )
    distinct = column.nunique()
    if distinct > MAX_CATEGORIES:
        raise ValueError(
            f"{name}: column {column.name!r} must have at most {MAX_CATEGORIES} different texts, "
            f"got {distinct}; put it into drop or make it numeric"
        )
    return column.astype("string")


def _imputation_notes(
    frame: pd.DataFrame, label: Hashable, drop: Sequence[str]
) -> tuple[str, ...]:
    missing = frame.drop(columns=list({label, *drop})).isna().sum()
    return tuple(
        f"{column}: {n} missing values are filled in from train (median, or the commonest value)"
        for column, n in missing.items()
        if n
    )


KEY = "data.load"
# What a resolved config holds for options that nobody gave.
UNSAID: tuple[Any, ...] = (None, (), [], "refuse")


def load_user(
    spec: str,
    args: Mapping[str, Any],
    folder: Path | None,
    frame_options: Mapping[str, Any] | None = None,
) -> FairData:
    """Calls `module:function` with `args` and makes FairData of what it returns.

    `frame_options` are keyword arguments of `from_frame` (label, positive, attributes, drop,
    missing), and are only allowed where a frame is returned. Raises ValueError naming the key.
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
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(f"{KEY}: {spec} must return data, but failed with {reason}") from error
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
