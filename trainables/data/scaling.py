"""How numbers are scaled for a network that was trained elsewhere, and what a network sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data.encoder import ArrayEncoder, Encoder, FrameEncoder
from trainables.data.input_scale import InputScale, MeanAndStd, PerColumn
from trainables.data.values.text import with_text_names
from trainables.lazily import is_frame, pd
from trainables.names import listed

_PIXEL = 255.0  # the largest value of uint8
_SHOWN = 8  # columns that are named one by one


def scaled(encoder: Encoder, train: NDArray[Any] | pd.DataFrame, inputs: InputScale) -> Encoder:
    """`encoder`, which standardises by the rows of train, with another scale for its numbers.

    What is one-hot encoded stays so. Raises ValueError where a mean or a standard deviation does
    not fit the data.
    """
    if inputs == "standardised":
        return encoder
    if isinstance(encoder, FrameEncoder) and is_frame(train):
        names = tuple(number.name for number in encoder.numbers)
        columns = with_text_names("model.inputs", train)
        mean, std = _of_columns(columns, names, inputs)
        numbers = [
            replace(number, mean=float(mean[i]), std=float(std[i]))
            for i, number in enumerate(encoder.numbers)
        ]
        return replace(encoder, numbers=tuple(numbers))
    if isinstance(encoder, ArrayEncoder) and isinstance(train, np.ndarray):
        mean, std = _of_channels(train, inputs)
        return ArrayEncoder.of(mean, std)
    raise TypeError(f"scaled: no {type(encoder).__name__} is fitted on a {type(train).__name__}")


def sees(encoder: Encoder) -> str:
    """What is done to raw rows before a network sees them, in a line."""
    if isinstance(encoder, ArrayEncoder):
        return _arithmetic(encoder.mean.tolist(), encoder.std.tolist(), "channel")
    if not isinstance(encoder, FrameEncoder):
        raise TypeError(f"sees: unknown encoder {type(encoder).__name__}")
    numbers = encoder.numbers
    parts = []
    if numbers:
        means, stds = [n.mean for n in numbers], [n.std for n in numbers]
        done = _arithmetic(means, stds, "column")
        parts.append(f"{listed([n.name for n in numbers], _SHOWN)}: {done}")
    if encoder.categories:
        shown = [f"{c.name} ({len(c.values)} values)" for c in encoder.categories]
        parts.append(f"one-hot: {listed(shown, _SHOWN)}")
    return "; ".join(parts)


def seen_range(encoder: Encoder, inputs: NDArray[Any]) -> tuple[float, float]:
    """The smallest and the largest number that a network sees of a split's `inputs` (n, ...)."""
    if inputs.dtype != np.uint8:
        return float(inputs.min()), float(inputs.max())
    if not isinstance(encoder, ArrayEncoder):
        raise TypeError(f"seen_range: uint8 images have no {type(encoder).__name__}")
    axes = (0, *range(2, inputs.ndim))
    low = (inputs.min(axis=axes) - encoder.mean) / encoder.std
    high = (inputs.max(axis=axes) - encoder.mean) / encoder.std
    return float(low.min()), float(high.max())


def _of_columns(
    train: pd.DataFrame, names: tuple[str, ...], inputs: InputScale
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(columns,) what is subtracted and what is divided by."""
    if isinstance(inputs, MeanAndStd):
        given = {"mean": inputs.mean, "std": inputs.std}
        for key, value in given.items():
            if isinstance(value, Sequence):
                raise ValueError(
                    f"model.inputs.{key}: must be one number, or numbers by the names of the "
                    f"table's columns ({', '.join(names)}), got {list(value)}"
                )
        mean, std = (_by_name(key, given[key], names) for key in given)
        return mean, _positive(std)
    columns = [train[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in names]
    low = np.array([np.nanmin(column) for column in columns])
    high = np.array([np.nanmax(column) for column in columns])
    return _between(low, high, inputs)


def _of_channels(
    train: NDArray[Any], inputs: InputScale
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(channels,) what is subtracted and what is divided by."""
    pixels, channels = train.dtype == np.uint8, train.shape[1]
    if isinstance(inputs, MeanAndStd):
        mean = _by_place("mean", inputs.mean, channels)
        std = _positive(_by_place("std", inputs.std, channels))
        if not pixels:
            return mean, std
        if mean.min() < 0 or max(mean.max(), std.max()) > 1:
            raise ValueError(
                f"model.inputs: mean and std must lie in 0..1 for images of uint8: they are those "
                f"of pixels divided by 255, got mean {mean.tolist()}, std {std.tolist()}"
            )
        return mean * _PIXEL, std * _PIXEL
    if pixels:
        return _between(np.zeros(channels), np.full(channels, _PIXEL), inputs)
    axes = (0, *range(2, train.ndim))
    low, high = (bound(axis=axes).astype(np.float64) for bound in (train.min, train.max))
    return _between(low, high, inputs)


def _between(
    low: NDArray[np.float64], high: NDArray[np.float64], inputs: InputScale
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if inputs == "raw":
        return np.zeros_like(low), np.ones_like(low)
    return low, np.where(high > low, high - low, 1.0)


def _by_place(key: str, value: PerColumn, channels: int) -> NDArray[np.float64]:
    if isinstance(value, Mapping):
        raise ValueError(
            f"model.inputs.{key}: must be a number or {channels} for inputs that are an array, "
            f"got {dict(value)}"
        )
    numbers = np.asarray(value, dtype=np.float64)
    if numbers.ndim and len(numbers) != channels:
        raise ValueError(
            f"model.inputs.{key}: must be one number or one for each of the {channels} channels, "
            f"got {len(numbers)}"
        )
    return _finite(key, np.broadcast_to(numbers, channels).copy())


def _by_name(key: str, value: PerColumn, names: tuple[str, ...]) -> NDArray[np.float64]:
    if not isinstance(value, Mapping):
        return _finite(key, np.full(len(names), value, dtype=np.float64))
    for name in value.keys() ^ set(names):
        rule = "is missing" if name in names else "is no column of numbers"
        known = ", ".join(names)
        raise ValueError(f"model.inputs.{key}: {name!r} {rule}; columns of numbers: {known}")
    return _finite(key, np.array([value[name] for name in names], dtype=np.float64))


def _finite(key: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    if not np.isfinite(values).all():
        raise ValueError(f"model.inputs.{key}: must be finite, got {values.tolist()}")
    return values


def _positive(std: NDArray[np.float64]) -> NDArray[np.float64]:
    if (std <= 0).any():
        raise ValueError(f"model.inputs.std: must be positive, got {std.tolist()}")
    return std


def _arithmetic(mean: Sequence[float], std: Sequence[float], one: str) -> str:
    """`minus (0.49, 0.48), divided by (0.2, 0.2)`; what is the same for all, once."""
    if set(mean) == {0.0} and set(std) == {1.0}:
        return "as they are"
    subtracted = "" if set(mean) == {0.0} else f"minus {_numbers(mean, one)}, "
    return f"{subtracted}divided by {_numbers(std, one)}"


def _numbers(values: Sequence[float], one: str) -> str:
    if len(set(values)) == 1:
        return f"{values[0]:.4g}"
    if len(values) <= _SHOWN:
        return f"({', '.join(f'{value:.4g}' for value in values)})"
    return f"{min(values):.4g} to {max(values):.4g} by {one}"
