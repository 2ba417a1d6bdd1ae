"""Data with named group attributes, checked once at construction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data import SPLITS
from trainables.data.values.numbers_as_text import numbers_as_text
from trainables.data.values.text import with_text_names
from trainables.lazily import is_frame, pd
from trainables.names import known_names

MAX_CATEGORIES = 1000  # more distinct texts or categories are taken for an identifier


@dataclass(frozen=True, eq=False)
class Attribute:
    """A property by which people (or images) are grouped, such as sex."""

    values: NDArray[np.int64]  # (n,) index into names
    names: tuple[str, ...]  # index 0 is the unprivileged one where there are two

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"Attribute: names must differ, got {self.names}")
        _check_indices("Attribute", "values", self.values, len(self.names))

    @classmethod
    def of(cls, name: str, column: pd.Series[Any], names: tuple[str, ...]) -> Attribute:
        """From a column of names. Raises ValueError where one is not among `names`."""
        index = pd.Index(names).get_indexer(pd.Index(column)).astype(np.int64)
        if (index < 0).any():
            strange = sorted({str(value) for value in column[index < 0]})
            raise ValueError(f"attribute {name!r}: must be one of {names}, got {strange}")
        return cls(index, names)


@dataclass(frozen=True, eq=False)
class FairData:
    """Inputs, labels and attributes of one data set, before they are split.

    `inputs` is a uint8 or float array `(n, channels, height, width)`, a float array `(n, d)`, or a
    frame of numbers and categories, which is encoded after the split. Raises ValueError, naming
    the key or column, where lengths differ, values are missing, or there is only one label or only
    one value of an attribute.
    """

    name: str
    inputs: NDArray[Any] | pd.DataFrame
    labels: NDArray[np.int64]  # (n,)
    classes: tuple[str, ...]  # two names: binary, class 1 is the positive one
    attributes: Mapping[str, Attribute]
    units: NDArray[np.int64] | None = None  # (n,) rows of one unit are never separated by a split
    splits: Mapping[str, NDArray[np.int64]] | None = None  # row numbers; the rest is drawn
    fractions: Mapping[str, float] | None = None  # default shares of the splits that are drawn
    skewed_train: bool = False  # its label mix is made up: priors are those of tune
    augment: bool = False  # training images may be cropped and flipped
    impute: bool = False  # missing inputs are filled in from train instead of refused
    notes: tuple[str, ...] = ()  # what the loader dropped or merged

    def __post_init__(self) -> None:
        self._check_labels()
        self._check_attributes()
        if len(self.inputs) != len(self):
            raise ValueError(
                f"{self.name}: inputs must have one row per label ({len(self)}), "
                f"got {len(self.inputs)}"
            )
        check_inputs(self.name, self.inputs, missing_allowed=self.impute)
        if self.units is not None and self.units.shape != (len(self),):
            raise ValueError(
                f"{self.name}: units must have shape ({len(self)},), got {self.units.shape}"
            )
        if self.splits is not None:
            self._check_splits(self.splits)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def crossing(self) -> NDArray[np.int64]:
        """(n,) which combination of attribute values a row has; the first varies slowest."""
        index = np.zeros(len(self), dtype=np.int64)
        for attribute in self.attributes.values():
            index = index * len(attribute.names) + attribute.values
        return index

    @property
    def attribute_values(self) -> dict[str, tuple[str, ...]]:
        """The names of each attribute's values, in the order of the attributes."""
        return {name: attribute.names for name, attribute in self.attributes.items()}

    @property
    def unit_of_row(self) -> NDArray[np.int64]:
        """(n,) the unit of each row; each row is its own unit where none were given."""
        return np.arange(len(self), dtype=np.int64) if self.units is None else self.units

    def _check_labels(self) -> None:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"{self.name}: classes must differ, got {self.classes}")
        _check_indices(self.name, "labels", self.labels, len(self.classes))
        present = np.bincount(self.labels, minlength=len(self.classes))
        for index, count in enumerate(present):
            if count == 0 or len(self.classes) < 2:
                filled = ", ".join(c for c, n in zip(self.classes, present, strict=True) if n)
                raise ValueError(
                    f"{self.name}: labels must have at least two classes and rows of each, got "
                    f"{count} rows of {self.classes[index]!r} (classes with rows: {filled})"
                )

    def _check_attributes(self) -> None:
        if not self.attributes:
            raise ValueError(f"{self.name}: attributes must name at least one, got none")
        for name, attribute in self.attributes.items():
            if len(attribute.values) != len(self):
                raise ValueError(
                    f"{self.name}: attribute {name!r} must have one value per label "
                    f"({len(self)}), got {len(attribute.values)}"
                )
            if len(np.unique(attribute.values)) < 2:
                only = attribute.names[int(attribute.values[0])]
                raise ValueError(
                    f"{self.name}: attribute {name!r} must have rows of at least two groups, "
                    f"got only {only!r}"
                )

    def _check_splits(self, splits: Mapping[str, NDArray[np.int64]]) -> None:
        owner = np.full(len(self), -1)
        for index, (name, rows) in enumerate(splits.items()):
            if name not in SPLITS:
                raise ValueError(
                    f"{self.name}: unknown split {name!r}; {known_names(name, SPLITS)}"
                )
            if len(rows) and (rows.min() < 0 or rows.max() >= len(self)):
                raise ValueError(
                    f"{self.name}: split {name!r} must hold row numbers below {len(self)}, "
                    f"got {rows.min()} to {rows.max()}"
                )
            if len(np.unique(rows)) != len(rows) or (owner[rows] >= 0).any():
                raise ValueError(f"{self.name}: a row of split {name!r} is used twice")
            owner[rows] = index
        if set(splits) == set(SPLITS) and (owner < 0).any():
            raise ValueError(
                f"{self.name}: all splits are fixed, so each row must be in one, "
                f"got {int((owner < 0).sum())} rows in none"
            )
        units = self.unit_of_row
        pairs = np.unique(np.stack([units, owner]), axis=1)
        if len(np.unique(pairs[0])) != pairs.shape[1]:
            raise ValueError(f"{self.name}: splits must keep the rows of a unit together")


def check_inputs(who: str, inputs: NDArray[Any] | pd.DataFrame, *, missing_allowed: bool) -> None:
    """Raises ValueError for inputs of a wrong kind, infinite or (if not allowed) missing ones."""
    if is_frame(inputs):
        _check_frame(who, inputs, missing_allowed)
        return
    if inputs.dtype.kind not in "fiub" or inputs.ndim < 2:
        raise ValueError(
            f"{who}: inputs must be numbers with at least 2 dimensions, "
            f"got dtype {inputs.dtype} and shape {inputs.shape}"
        )
    if inputs.dtype.kind != "f":
        return
    bad = ~np.isfinite(inputs)
    if bad.any():
        place = f"column {int(np.argwhere(bad)[0][1])}" if inputs.ndim == 2 else "the images"
        raise ValueError(f"{who}: inputs must be finite, got {bad.sum()} NaN or inf, in {place}")


def _check_frame(who: str, frame: pd.DataFrame, missing_allowed: bool) -> None:
    frame = with_text_names(who, frame)
    if frame.columns.has_duplicates:
        twice = list(frame.columns[frame.columns.duplicated()])
        raise ValueError(f"{who}: column names must differ, got {twice} twice")
    if frame.shape[1] == 0:
        raise ValueError(f"{who}: inputs must have at least one column, got none")
    missing = frame.isna().sum()
    if missing.any() and not missing_allowed:
        named = ", ".join(f"{column!r} ({n} rows)" for column, n in missing.items() if n)
        raise ValueError(
            f"{who}: inputs must not have missing values, got some in {named}; "
            'remove them or set missing = "impute"'
        )
    for column in frame.columns:
        values = frame[column]
        if pd.api.types.is_numeric_dtype(values):
            infinite = np.isinf(values.to_numpy(dtype=np.float64, na_value=np.nan)).sum()
            if infinite:
                raise ValueError(f"{who}: column {column!r} must be finite, got {infinite} inf")
        elif not isinstance(values.dtype, pd.CategoricalDtype | pd.StringDtype):
            raise ValueError(
                f"{who}: column {column!r} must be numbers, categories or strings, "
                f"got {values.dtype}"
            )
        else:
            _refuse_identifier(who, column, values)


def _refuse_identifier(who: str, name: str, column: pd.Series[Any]) -> None:
    """Each text, and each declared category, would become an input of its own."""
    declared = isinstance(column.dtype, pd.CategoricalDtype)
    distinct = len(column.cat.categories) if declared else column.nunique()
    if distinct > MAX_CATEGORIES:
        numbers = next(numbers_as_text(column.to_frame(name)), None)
        raise ValueError(
            f"{who}: column {name!r} must have at most {MAX_CATEGORIES} different "
            f"{'categories' if declared else 'texts'}, got {distinct}; "
            f"{numbers or 'put it into drop or make it numeric'}"
        )


def _check_indices(who: str, what: str, indices: NDArray[np.int64], n: int) -> None:
    if indices.ndim != 1 or indices.dtype != np.int64:
        raise ValueError(
            f"{who}: {what} must be int64 with shape (n,), "
            f"got {indices.dtype} with shape {indices.shape}"
        )
    if not len(indices):
        raise ValueError(f"{who}: {what} must not be empty")
    if indices.min() < 0 or indices.max() >= n:
        raise ValueError(
            f"{who}: {what} must lie in 0..{n - 1}, got {indices.min()} to {indices.max()}"
        )
