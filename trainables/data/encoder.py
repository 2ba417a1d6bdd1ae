"""Encoders turn raw inputs into what a network reads; they are fitted on train only."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trainables.data.fair_data import check_inputs


class ArrayEncoderDict(TypedDict):
    """An `ArrayEncoder` as JSON."""

    kind: Literal["array"]
    mean: list[float]
    std: list[float]


class NumbersDict(TypedDict):
    """The fields of `Numbers`."""

    name: str
    mean: float
    std: float
    median: float


class CategoriesDict(TypedDict):
    """The fields of `Categories`."""

    name: str
    values: list[str]
    commonest: str


class FrameEncoderDict(TypedDict):
    """A `FrameEncoder` as JSON."""

    kind: Literal["frame"]
    impute: bool
    numbers: list[NumbersDict]
    categories: list[CategoriesDict]


EncoderDict = ArrayEncoderDict | FrameEncoderDict


class Encoder(ABC):
    """Turns raw rows into float32 network inputs."""

    @abstractmethod
    def transform(self, inputs: NDArray[Any] | pd.DataFrame) -> NDArray[np.float32]:
        """Encodes raw rows; float32 `(n, d)` or `(n, channels, height, width)`."""

    @abstractmethod
    def to_dict(self) -> EncoderDict:
        """Plain values that JSON can hold; `from_dict` reads them."""

    @staticmethod
    def from_dict(values: EncoderDict) -> Encoder:
        """The encoder that `to_dict` described."""
        if values.get("kind") not in ("array", "frame"):
            raise ValueError(
                f"encoder: kind must be 'array' or 'frame', got {values.get('kind')!r}"
            )
        if values["kind"] == "array":
            return ArrayEncoder.restore(values)
        return FrameEncoder.restore(values)

    def stored(self, inputs: NDArray[Any] | pd.DataFrame) -> NDArray[Any]:
        """What a split keeps: encoded inputs, but uint8 images as they are, a quarter as large.

        Whoever reads uint8 images from a split still has to encode them: subtract `mean` and
        divide by `std` per channel.
        """
        if isinstance(inputs, np.ndarray) and inputs.dtype == np.uint8 and inputs.ndim > 2:
            return inputs
        return self.transform(inputs)


@dataclass(frozen=True, eq=False)
class ArrayEncoder(Encoder):
    """Standardises along axis 1: each feature of `(n, d)`, each channel of `(n, channels, ...)`.

    `mean` and `std` are in the units of the raw inputs (0..255 for uint8 images).
    """

    mean: NDArray[np.float32]  # (d,) or (channels,)
    std: NDArray[np.float32]  # (d,) or (channels,), 1 where train was constant

    @classmethod
    def fit(cls, inputs: NDArray[Any]) -> ArrayEncoder:
        """Takes mean and standard deviation of train, summed in float64 and in chunks."""
        axes = (0, *range(2, inputs.ndim))
        per = inputs[0].size // inputs.shape[1] * len(inputs)
        total = np.zeros(inputs.shape[1])
        squares = np.zeros(inputs.shape[1])
        shift = inputs[:1].mean(axis=axes, dtype=np.float64)  # against cancellation
        shape = (1, -1) + (1,) * (inputs.ndim - 2)
        for start in range(0, len(inputs), 4096):
            chunk = inputs[start : start + 4096].astype(np.float64) - shift.reshape(shape)
            total += chunk.sum(axis=axes)
            squares += (chunk**2).sum(axis=axes)
        std = np.sqrt(np.maximum(squares / per - (total / per) ** 2, 0))
        return cls((shift + total / per).astype(np.float32), _nonzero(std))

    def transform(self, inputs: NDArray[Any] | pd.DataFrame) -> NDArray[np.float32]:
        if isinstance(inputs, pd.DataFrame):
            raise ValueError("encoder: inputs must be an array as in training, got a DataFrame")
        if inputs.ndim < 2 or inputs.shape[1] != len(self.mean):
            raise ValueError(
                f"encoder: inputs must have shape (n, {len(self.mean)}, ...), got {inputs.shape}"
            )
        check_inputs("encoder", inputs, missing_allowed=False)
        shape = (1, -1) + (1,) * (inputs.ndim - 2)
        scaled = inputs.astype(np.float32)
        scaled -= self.mean.reshape(shape)
        scaled /= self.std.reshape(shape)
        return scaled

    def to_dict(self) -> ArrayEncoderDict:
        return {"kind": "array", "mean": self.mean.tolist(), "std": self.std.tolist()}

    @classmethod
    def restore(cls, values: ArrayEncoderDict) -> ArrayEncoder:
        return cls(np.array(values["mean"], np.float32), np.array(values["std"], np.float32))


@dataclass(frozen=True)
class Numbers:
    """A numeric column: standardised, and filled with the median of train where missing."""

    name: str
    mean: float
    std: float
    median: float


@dataclass(frozen=True)
class Categories:
    """A one-hot column; a value that is not among `values` becomes all zeros."""

    name: str
    values: tuple[str, ...]
    commonest: str  # of train; fills in for missing values


@dataclass(frozen=True)
class FrameEncoder(Encoder):
    """Numbers first, in the order of the frame, then the one-hot columns of each category."""

    numbers: tuple[Numbers, ...]
    categories: tuple[Categories, ...]
    impute: bool = False

    @classmethod
    def fit(cls, train: pd.DataFrame, *, impute: bool = False) -> FrameEncoder:
        """Fits on the rows of train.

        A Categorical has its declared values, a column of texts those that occur in train.
        """
        numbers, categories = [], []
        for name in train.columns:
            column = train[name]
            if column.isna().all():
                raise ValueError(f"encoder: column {name!r} must have values in train, got none")
            if not pd.api.types.is_numeric_dtype(column):
                counts = column.value_counts()
                declared = isinstance(column.dtype, pd.CategoricalDtype)
                values = column.cat.categories if declared else sorted(counts.index)
                text = tuple(str(value) for value in values)
                categories.append(Categories(str(name), text, str(counts.index[0])))
            else:
                array = column.to_numpy(dtype=np.float64, na_value=np.nan)
                median = float(np.nanmedian(array))
                array = np.where(np.isnan(array), median, array)
                std = float(_nonzero(array.std()))
                numbers.append(Numbers(str(name), float(array.mean()), std, median))
        return cls(tuple(numbers), tuple(categories), impute)

    @property
    def features(self) -> tuple[str, ...]:
        """The name of each network input."""
        one_hot = [f"{c.name}={value}" for c in self.categories for value in c.values]
        return (*(number.name for number in self.numbers), *one_hot)

    def unseen(self, frame: pd.DataFrame) -> dict[str, list[str]]:
        """By column, the category values of `frame` that become all zeros."""
        unseen = {}
        for column in self.categories:
            values = frame[column.name].dropna().astype(str).unique()
            strange = sorted(set(values) - set(column.values))
            if strange:
                unseen[column.name] = strange
        return unseen

    def transform(self, inputs: NDArray[Any] | pd.DataFrame) -> NDArray[np.float32]:
        if not isinstance(inputs, pd.DataFrame):
            raise ValueError(
                f"encoder: inputs must be a DataFrame as in training, got {type(inputs).__name__}"
            )
        names = [number.name for number in self.numbers]
        names += [column.name for column in self.categories]
        absent = [name for name in names if name not in inputs.columns]
        if absent:
            raise ValueError(
                f"encoder: inputs must have the columns of train, got none of {absent}"
            )
        used = inputs[names]
        if not self.impute and used.isna().any(axis=None):
            check_inputs("encoder", used, missing_allowed=False)
        encoded = np.zeros((len(inputs), len(self.features)), dtype=np.float32)
        for index, number in enumerate(self.numbers):
            values = _as_numbers(used[number.name])
            values = np.where(np.isnan(values), number.median, values)
            encoded[:, index] = (values - number.mean) / number.std
        start = len(self.numbers)
        for column in self.categories:
            text = (
                used[column.name]
                .astype(object)
                .where(used[column.name].notna(), column.commonest)
                .astype(str)
            )
            codes = pd.Index(column.values).get_indexer(pd.Index(text))
            known = np.flatnonzero(codes >= 0)
            encoded[known, start + codes[known]] = 1.0
            start += len(column.values)
        return encoded

    def to_dict(self) -> FrameEncoderDict:
        return {
            "kind": "frame",
            "impute": self.impute,
            "numbers": [
                {
                    "name": number.name,
                    "mean": number.mean,
                    "std": number.std,
                    "median": number.median,
                }
                for number in self.numbers
            ],
            "categories": [
                {"name": c.name, "values": list(c.values), "commonest": c.commonest}
                for c in self.categories
            ],
        }

    @classmethod
    def restore(cls, values: FrameEncoderDict) -> FrameEncoder:
        return cls(
            tuple(Numbers(**number) for number in values["numbers"]),
            tuple(
                Categories(c["name"], tuple(c["values"]), c["commonest"])
                for c in values["categories"]
            ),
            bool(values["impute"]),
        )


def _as_numbers(column: pd.Series[Any]) -> NDArray[np.float64]:
    """The column as numbers. Raises ValueError for text, naming the column."""
    try:
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        text = next(value for value in column if isinstance(value, str))
        raise ValueError(
            f"encoder: column {str(column.name)!r} must hold numbers as in training, got {text!r}"
        ) from error


def fit_encoder(train: NDArray[Any] | pd.DataFrame, *, impute: bool = False) -> Encoder:
    """The encoder for inputs of this kind, fitted on the rows of train."""
    if isinstance(train, pd.DataFrame):
        return FrameEncoder.fit(train, impute=impute)
    return ArrayEncoder.fit(train)


def _nonzero(std: Any) -> NDArray[np.float32]:
    """1 in place of 0: a constant column is not to be divided by 0."""
    return np.where(std > 1e-12, std, 1.0).astype(np.float32)
