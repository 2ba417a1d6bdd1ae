"""Encoders turn raw inputs into what a network reads; they are fitted on train only."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from trainables.data.fair_data import check_inputs
from trainables.data.values.text import text_of, texts_of, with_text_names
from trainables.lazily import is_frame, pd
from trainables.names import listed

_ROUNDING = 1e-14  # a deviation of this share of the largest value is one of rounding: constant
_SMALLEST, _LARGEST = (float(end) for end in (np.finfo("f4").tiny, np.finfo("f4").max))
_HEADROOM = 1e30  # below it, a value may lie 1e8 deviations away and still be a float32
_NO_NUMBERS = (
    *("datetime64", "datetime", "date", "time", "timedelta64", "timedelta", "period"),
    *("interval", "complex", "bytes"),
)
_NAMED = 8  # columns, in a message
_OFFSET = 1e4  # deviations; of a mean further from 0, float32 would leave little of the rest


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

    def unseen(self, inputs: NDArray[Any] | pd.DataFrame) -> dict[str, Counter[str]]:
        """By column, how many rows have which value that train does not have."""
        return {}

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

    # float32; both float64 where float32 cannot hold them, or too little of what they leave
    mean: NDArray[np.floating[Any]]  # (d,) or (channels,)
    std: NDArray[np.floating[Any]]  # (d,) or (channels,), 1 where train was constant

    @classmethod
    def of(cls, mean: NDArray[np.float64], std: NDArray[np.float64]) -> ArrayEncoder:
        """With mean and standard deviation as exact as they have to be."""
        fits = (std >= _SMALLEST) & (std <= _HEADROOM) & (np.abs(mean) <= _HEADROOM)
        close = (np.abs(mean) <= _OFFSET * std) | (std == 1)
        kind = np.float32 if (fits & close).all() else np.float64
        return cls(mean.astype(kind), std.astype(kind))

    @classmethod
    def fit(cls, inputs: NDArray[Any]) -> ArrayEncoder:
        """Takes mean and standard deviation of train, summed in float64 and in chunks."""
        axes = (0, *range(2, inputs.ndim))
        per = inputs[0].size // inputs.shape[1] * len(inputs)
        total = np.zeros(inputs.shape[1])
        squares = np.zeros(inputs.shape[1])
        ends = np.stack([inputs.min(axes), inputs.max(axes)]).astype(np.float64)
        largest = np.abs(ends).max(axis=0)
        powers = _powers_of_two(largest)
        shape = (1, -1) + (1,) * (inputs.ndim - 2)
        down = -powers.reshape(shape)
        first = np.ldexp(inputs[:1].astype(np.float64), down)
        shift = first.mean(axis=axes)  # against cancellation
        for start in range(0, len(inputs), 4096):
            chunk = np.ldexp(inputs[start : start + 4096].astype(np.float64), down)
            chunk -= shift.reshape(shape)
            total += chunk.sum(axis=axes)
            squares += (chunk**2).sum(axis=axes)
        std = np.sqrt(np.maximum(squares / per - (total / per) ** 2, 0))
        mean, std = np.ldexp(shift + total / per, powers), np.ldexp(std, powers)
        return cls.of(mean, np.where(std > _ROUNDING * largest, std, _if_constant(largest)))

    def transform(self, inputs: NDArray[Any] | pd.DataFrame) -> NDArray[np.float32]:
        if is_frame(inputs):
            raise ValueError("encoder: inputs must be an array as in training, got a DataFrame")
        if inputs.ndim < 2 or inputs.shape[1] != len(self.mean):
            raise ValueError(
                f"encoder: inputs must have shape (n, {len(self.mean)}, ...), got {inputs.shape}"
            )
        check_inputs("encoder", inputs, missing_allowed=False)
        shape = (1, -1) + (1,) * (inputs.ndim - 2)
        with np.errstate(over="ignore"):  # refused below
            scaled = inputs.astype(self.mean.dtype)
            scaled -= self.mean.reshape(shape)
            scaled /= self.std.reshape(shape)
            encoded = scaled.astype(np.float32, copy=False)
        if inputs.dtype == np.float64 and not (finite := np.isfinite(encoded)).all():
            raise _too_far(str(int(np.argwhere(~finite)[0][1])))
        return encoded

    def to_dict(self) -> ArrayEncoderDict:
        return {"kind": "array", "mean": self.mean.tolist(), "std": self.std.tolist()}

    @classmethod
    def restore(cls, values: ArrayEncoderDict) -> ArrayEncoder:
        return cls.of(np.array(values["mean"], np.float64), np.array(values["std"], np.float64))


@dataclass(frozen=True)
class Numbers:
    """A numeric column: standardised, and filled with the median of train where missing."""

    name: str
    mean: float
    std: float
    median: float


@dataclass(frozen=True)
class Categories:
    """A one-hot column; a value that is not among `values` becomes all zeros.

    Values go by how they read (`text_of`), so that 1 and 1.0 are the same one.
    """

    name: str
    values: tuple[str, ...]
    commonest: str  # of train; fills in for missing values

    def places(self, column: pd.Series[Any]) -> tuple[NDArray[np.int64], list[str]]:
        """(n,) which different value each row has, -1 where missing; and how each of them reads.

        A value of train reads as it did there: encoders of earlier versions may hold "1.0".
        """
        codes, found = pd.factorize(column)
        plain, raw = texts_of(found), [str(value) for value in np.asarray(found)]
        own: dict[str, str] = {}
        for value in self.values:
            own.setdefault(text_of(value), value)
        known = set(self.values)
        texts = [r if r in known else own.get(t, t) for r, t in zip(raw, plain, strict=True)]
        return codes.astype(np.int64), texts


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
        named = with_text_names("encoder", train)
        for name in named.columns:
            column = named[name]
            if column.isna().all():
                raise ValueError(f"encoder: column {name!r} must have values in train, got none")
            if not pd.api.types.is_numeric_dtype(column):
                counts = column.value_counts()
                declared = isinstance(column.dtype, pd.CategoricalDtype)
                texts = texts_of(column.cat.categories if declared else counts.index)
                values = tuple(dict.fromkeys(texts if declared else sorted(texts)))
                categories.append(Categories(name, values, texts_of(counts.index[:1])[0]))
            else:
                array = column.to_numpy(dtype=np.float64, na_value=np.nan)
                median = float(np.nanmedian(array))
                array = np.where(np.isnan(array), median, array)
                numbers.append(Numbers(name, *_mean_and_std(array), median))
        return cls(tuple(numbers), tuple(categories), impute)

    @property
    def features(self) -> tuple[str, ...]:
        """The name of each network input."""
        one_hot = [f"{c.name}={value}" for c in self.categories for value in c.values]
        return (*(number.name for number in self.numbers), *one_hot)

    def unseen(self, inputs: NDArray[Any] | pd.DataFrame) -> dict[str, Counter[str]]:
        frame = self._columns(inputs)
        unseen = {}
        for column in self.categories:
            codes, texts = column.places(frame[column.name])
            rows = np.bincount(codes[codes >= 0], minlength=len(texts)).tolist()
            known = set(column.values)
            counts = Counter({t: n for t, n in zip(texts, rows, strict=True) if t not in known})
            if counts:
                unseen[column.name] = counts
        return unseen

    def transform(self, inputs: NDArray[Any] | pd.DataFrame) -> NDArray[np.float32]:
        used = self._columns(inputs)
        if not self.impute and used.isna().any(axis=None):
            check_inputs("encoder", used, missing_allowed=False)
        encoded = np.zeros((len(inputs), len(self.features)), dtype=np.float32)
        for index, number in enumerate(self.numbers):
            values = _as_numbers(used[number.name])
            values = np.where(np.isnan(values), number.median, values)
            with np.errstate(over="ignore"):  # refused below
                encoded[:, index] = (values - number.mean) / number.std
            if not np.isfinite(encoded[:, index]).all():
                raise _too_far(repr(number.name))
        start = len(self.numbers)
        for column in self.categories:
            codes, texts = column.places(used[column.name])
            place_of = pd.Index(column.values)
            # the last place is that of missing values, whose code is -1
            places = place_of.get_indexer(pd.Index([*texts, column.commonest], dtype=object))
            chosen = places[codes]
            known = np.flatnonzero(chosen >= 0)
            encoded[known, start + chosen[known]] = 1.0
            start += len(column.values)
        return encoded

    def _columns(self, inputs: NDArray[Any] | pd.DataFrame) -> pd.DataFrame:
        """The columns that are encoded. Raises ValueError where some are absent or ambiguous."""
        if not is_frame(inputs):
            raise ValueError(
                f"encoder: inputs must be a DataFrame as in training, got {type(inputs).__name__}"
            )
        named = with_text_names("encoder", inputs)
        names = [number.name for number in self.numbers]
        names += [column.name for column in self.categories]
        absent = [name for name in names if name not in named.columns]
        if absent:
            raise ValueError(
                f"encoder: inputs must have all columns of train; {listed(absent, _NAMED)} "
                f"{'is' if len(absent) == 1 else 'are'} missing, "
                f"got {listed([str(name) for name in named.columns], _NAMED) or 'no column'}"
            )
        used = named[names]
        if used.columns.has_duplicates:
            twice = sorted(set(used.columns[used.columns.duplicated()]))
            raise ValueError(f"encoder: column names must differ, got {twice} twice")
        return used

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
            tuple(_categories(category) for category in values["categories"]),
            bool(values["impute"]),
        )


def _categories(stored: CategoriesDict) -> Categories:
    """As `fit` makes them; earlier versions wrote "1.0" where a code was a float."""
    values = tuple(text_of(value) for value in stored["values"])
    if len(set(values)) < len(values):  # "1.0" beside "1": two inputs, as they were trained
        return Categories(stored["name"], tuple(stored["values"]), stored["commonest"])
    return Categories(stored["name"], values, text_of(stored["commonest"]))


def _as_numbers(column: pd.Series[Any]) -> NDArray[np.float64]:
    """The column as numbers. Raises ValueError for anything else, naming the column."""
    try:
        if pd.api.types.infer_dtype(column, skipna=True) not in _NO_NUMBERS:
            return column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        pass
    strange = next((v for v in column if not _is_number(v)), column.iloc[0])
    raise ValueError(
        f"encoder: column {str(column.name)!r} must hold numbers as in training, got {strange!r}"
    )


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return bool(pd.isna(value)) if pd.api.types.is_scalar(value) else False
    return True


def _too_far(column: str) -> ValueError:
    return ValueError(
        f"encoder: column {column} must lie within {_LARGEST:.0e} standard deviations of the "
        "mean of train, which is all that a network can read, got a value beyond"
    )


def _mean_and_std(values: NDArray[np.float64]) -> tuple[float, float]:
    """Of `values` (n,). A constant column has a standard deviation of 1.

    A standard deviation is rounded to float32 where that can hold it, as in runs of earlier
    versions.
    """
    largest = np.abs(values).max()
    power = _powers_of_two(largest)
    scaled = np.ldexp(values, -power)
    mean, std = (float(np.ldexp(value, power)) for value in (scaled.mean(), scaled.std()))
    if std <= _ROUNDING * largest:
        return mean, float(_if_constant(largest))
    return mean, float(np.float32(std)) if _SMALLEST <= std <= _LARGEST else std


def _if_constant(largest: Any) -> Any:
    """What stands for a standard deviation: 1, unless the rounding of large numbers is more."""
    return np.maximum(1.0, 100 * _ROUNDING * largest)


def _powers_of_two(largest: Any) -> Any:
    """By what to scale values so that no square overflows or vanishes; it rounds nothing."""
    return np.frexp(largest)[1]


def fit_encoder(train: NDArray[Any] | pd.DataFrame, *, impute: bool = False) -> Encoder:
    """The encoder for inputs of this kind, fitted on the rows of train."""
    if is_frame(train):
        return FrameEncoder.fit(train, impute=impute)
    return ArrayEncoder.fit(train)
