"""What a model demands of the shape of one input."""

from __future__ import annotations


def image_shape(model: str, input_shape: tuple[int, ...], *, least: int) -> None:
    """Raises ValueError unless one input is (channels, height, width) of at least `least`."""
    if len(input_shape) != 3 or min(input_shape[1:]) < least:
        rule = f"inputs must be images (channels, height, width) of at least {least}x{least}"
        raise ValueError(f"{model}: {rule}, got shape {tuple(input_shape)}")
