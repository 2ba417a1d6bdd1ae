"""Builds a network by its name, or the user's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from trainables.models import MODELS
from trainables.models.user import build_user
from trainables.names import known_names


def build(
    model: str | Callable[..., nn.Module],
    input_shape: tuple[int, ...],
    outputs: int,
    *,
    seed: int,
    folder: Path | None = None,
    **args: Any,
) -> nn.Module:
    """A network of MODELS, or the user's function: itself or as "module:function" in `folder`.

    `input_shape` is that of one input, `outputs` the number of logits. The same seed gives the
    same initial weights. Raises ValueError for an unknown model or argument, naming the nearest
    known one.
    """
    return build_noted(model, input_shape, outputs, seed=seed, folder=folder, **args)[0]


def build_noted(
    model: str | Callable[..., nn.Module],
    input_shape: tuple[int, ...],
    outputs: int,
    *,
    seed: int,
    folder: Path | None = None,
    **args: Any,
) -> tuple[nn.Module, list[str]]:
    """As `build`, with what the user should know of a network of their own."""
    with initialised_by(seed):
        if not isinstance(model, str) or ":" in model:
            return build_user(model, input_shape, outputs, folder=folder, **args)
        if model not in MODELS:
            raise ValueError(f"model: no model is called {model!r}; {known_names(model, MODELS)}")
        builder = MODELS[model]
        known = list(inspect.signature(builder).parameters)[2:]
        for name in args:
            if name not in known:
                raise ValueError(
                    f"{model}: no argument is called {name!r}; {known_names(name, known)}"
                )
        return builder(input_shape, outputs, **args), []


@contextmanager
def initialised_by(seed: int) -> Iterator[None]:
    """Torch's global CPU stream starts from `seed` in the `with` block; then it is put back.

    Layers draw their initial weights from that stream and take no generator. Networks are built on
    the CPU, so the streams of other devices are left alone.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
