"""A plain DataFrame as FairData: one label column, attribute columns, the rest are inputs.

`[data] load` names a function beside the experiment file that returns such a frame, or FairData.
"""

from __future__ import annotations

import inspect
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from trainables.data.fair_data import Attribute, FairData
from trainables.data.values.text import (
    counted,
    meant,
    spelled_alike,
    text_of,
    texts_of,
    with_text_names,
)
from trainables.lazily import is_frame, pd
from trainables.names import known_names
from trainables.user_code import load_function

Missing = Literal["refuse", "impute"]
MAX_CLASSES = 100  # more distinct labels are taken for a number to be regressed
MAX_GROUPS = 50  # more distinct values of an attribute are taken for an unbinned number
NUMBER_KINDS = ("integer", "floating", "mixed-integer-float", "decimal")
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
    one is unprivileged), other values are sorted. Values and column names go by how they read, so
    that 1, 1.0 and "1" are one; a name is also found without the spaces at its ends.

    How numbers are scaled, which values of a text are one-hot encoded and, with
    `missing="impute"`, what missing values are filled in with (median, commonest value) is learned
    later, from train alone. Raises ValueError naming the column.
    """
    if not is_frame(frame):
        raise ValueError(f"{name}: data must be a DataFrame, got {type(frame).__name__}")
    if missing not in get_args(Missing):
        raise ValueError(f"{name}: missing must be 'refuse' or 'impute', got {missing!r}")
    if not len(frame):
        raise ValueError(f"{name}: data must have rows, got none")
    frame = _without_dictionaries(with_text_names(name, frame))
    if frame.columns.has_duplicates:
        twice = sorted(set(frame.columns[frame.columns.duplicated()]))
        raise ValueError(f"{name}: column names must differ, got {', '.join(twice)} twice")
    [label] = _columns(name, frame, "label", [label])
    attributes = _columns(name, frame, "attributes", attributes)
    drop = _columns(name, frame, "drop", drop)
    if label in attributes:
        raise ValueError(f"{name}: attributes must not hold the label, got {label!r}")
    classes, labels, notes = _labels(name, frame[label], positive)
    if missing == "impute":
        notes = (*notes, *_imputation_notes(frame, label, drop))
    return FairData(
        name=name,
        inputs=_inputs(name, frame.drop(columns=list({label, *drop}))),
        labels=labels,
        classes=classes,
        attributes={column: _attribute(name, frame[column]) for column in attributes},
        impute=missing == "impute",
        notes=notes,
    )


def _without_dictionaries(frame: pd.DataFrame) -> pd.DataFrame:
    """Arrow's dictionaries, which say how values are stored, as categories in sorted order."""
    kinds = {name: frame.dtypes.iloc[i] for i, name in enumerate(frame.columns)}
    stored = [
        name
        for name, kind in kinds.items()
        if isinstance(kind, pd.ArrowDtype) and str(kind.pyarrow_dtype).startswith("dictionary")
    ]
    return frame.assign(**{name: frame[name].astype(object).astype("category") for name in stored})


def _columns(name: str, frame: pd.DataFrame, key: str, given: Sequence[Any]) -> list[str]:
    """The columns that are meant. Raises ValueError for one that is not there."""
    if isinstance(given, str):
        raise ValueError(f"{name}: attributes and drop must be lists of columns, got {given!r}")
    found = []
    for typed in given:
        column = meant(text_of(typed), frame.columns)
        if column is None:
            known = known_names(text_of(typed), frame.columns)
            raise ValueError(f"{name}: {key}: no column {typed!r}; {known}")
        found.append(column)
    return found


def _labels(
    name: str, column: pd.Series[Any], positive: Any
) -> tuple[tuple[str, ...], NDArray[np.int64], tuple[str, ...]]:
    """Classes, labels (n,), and what to say of them."""
    values, codes = _codes(name, "label", column)
    if len(values) < 2:
        raise ValueError(
            f"{name}: label {column.name!r} must have at least two values, got only {values[0]!r}"
        )
    if positive is None and set(values) in ({"0", "1"}, {"False", "True"}):
        positive = max(values)
    if positive is not None:
        return _one_against_all(name, column.name, values, codes, positive)
    if len(values) == 2:
        raise ValueError(
            f"{name}: positive must say which of {values[0]!r} and {values[1]!r} "
            f"in {column.name!r} is the positive label, got nothing"
        )
    if len(values) > MAX_CLASSES:
        raise ValueError(
            f"{name}: label {column.name!r} must have at most {MAX_CLASSES} classes, "
            f"got {len(values)} values (fairfront classifies; set positive, or bin the column)"
        )
    return values, codes, ()


def _one_against_all(
    name: str, column: Hashable, values: tuple[str, ...], codes: NDArray[np.int64], positive: Any
) -> tuple[tuple[str, ...], NDArray[np.int64], tuple[str, ...]]:
    chosen = _matching(name, column, values, positive)
    labels = (codes == values.index(chosen)).astype(np.int64)
    others = [value for value in values if value != chosen]
    if len(others) == 1:
        return (others[0], chosen), labels, ()
    rows = np.bincount(codes, minlength=len(values)).tolist()
    counts = {value: n for value, n in zip(values, rows, strict=True) if value != chosen}
    note = (
        f"{column}: {chosen!r} is the positive label, all others are negative: {counted(counts)}"
    )
    return (f"not {chosen}", chosen), labels, (note,)


def _matching(name: str, column: Any, values: tuple[str, ...], positive: Any) -> str:
    """Which value is meant: one that reads like `positive`; True may stand for 1, and 1 for it."""
    ways = [text_of(positive)]
    if not isinstance(positive, str) and positive in (0, 1):
        ways += [str(int(positive)), str(bool(positive))]
    for way in ways:
        if (found := meant(way, values)) is not None:
            return found
    shown = known_names(str(positive), values[:MAX_CLASSES])
    raise ValueError(f"{name}: positive: {column!r} is never {positive!r}; {shown}")


def _attribute(name: str, column: pd.Series[Any]) -> Attribute:
    distinct = column.nunique()
    if distinct > MAX_GROUPS:
        raise ValueError(
            f"{name}: attribute {column.name!r} must have at most {MAX_GROUPS} values, "
            f"got {distinct}; bin it first"
        )
    names, values = _codes(name, "attribute", column)
    return Attribute(values, names)


def _codes(
    name: str, key: str, column: pd.Series[Any]
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """How the values that occur read, and the index of each row's value.

    Raises ValueError where some are missing, which are never filled in, or one value is spelled in
    several ways: the rows of one spelling would silently count as something else.
    """
    absent = int(column.isna().sum())
    if absent:
        raise ValueError(
            f"{name}: {key} {column.name!r} must not have missing values, got {absent} rows"
        )
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.cat.remove_unused_categories()
        codes, found = column.cat.codes.to_numpy(), column.cat.categories
    else:
        codes, found = pd.factorize(column, sort=True)
    texts = texts_of(found)
    place = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    for same in spelled_alike(place) if not pd.api.types.is_numeric_dtype(column) else ():
        raise ValueError(
            f"{name}: {key} {column.name!r} must spell each value in one way, got "
            f"{', '.join(map(repr, same))}; make them one value, or let their names differ by "
            "more than case, spaces and punctuation"
        )
    return tuple(place), np.array([place[text] for text in texts])[codes].astype(np.int64)


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
    if kind in NUMBER_KINDS:  # as databases and JSON give them, one object each
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return pd.Series(numbers, column.index, name=column.name)
    if kind == "mixed" and all(isinstance(v, str | int | float) for v in column.dropna()):
        kind = "mixed-integer"
    if kind not in TEXT_KINDS:
        raise ValueError(
            f"{name}: column {column.name!r} must hold numbers, texts or categories, got {kind}; "
            "convert it or put it into drop"
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
    if not is_frame(returned):
        raise ValueError(
            f"{KEY}: {spec} must return FairData or a DataFrame, got {type(returned).__name__}"
        )
    name = spec.partition(":")[0]
    return from_options(returned, options, name=name, where=f"where {spec} returns a DataFrame")


def from_options(
    frame: pd.DataFrame, options: Mapping[str, Any], *, name: str, where: str
) -> FairData:
    """`from_frame` with `options`. Raises ValueError where those that it needs are not among them;
    `where` says what needs them."""
    for key in ("label", "attributes"):
        if not options.get(key):
            raise ValueError(f"data.{key}: must be given {where}, got none")
    return from_frame(frame, name=name, **options)
