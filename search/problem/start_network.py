"""The network that training starts from, or that is given as trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import nn

from search.config.config import Config
from search.errors import UserError
from trainables.data import Prepared
from trainables.data.task import head_for
from trainables.models.build import build_noted, initialised_by
from trainables.models.user import checked, load_weights
from trainables.stage import derived_seed

GIVEN = "given"  # the dense stage that takes a network as trained
Build = Callable[[tuple[int, ...], int], nn.Module]  # (input shape, outputs) -> untrained network


def start_network(
    config: Config, prepared: Prepared, model: nn.Module | Build | None
) -> tuple[nn.Module, list[str]]:
    """Built, initialised by the seed, weights loaded; and what the user should know of it.

    A `model` given from Python stands for [model], and is left as it is. Raises UserError where
    builder, network or weights file do not fit.
    """
    outputs, shape = head_for(len(prepared.classes)).outputs, tuple(prepared.input_shape)
    section, seed = config.model, derived_seed(config.seed, "model")
    folder = None if config.folder is None else Path(config.folder)
    try:
        if isinstance(model, nn.Module):
            with initialised_by(seed):  # lazy layers draw their weights now
                net, notes = checked("the network handed over", model, shape, outputs)
        else:
            builder: str | Build = section.builder if model is None else model
            args = section.args if model is None else section.given_args
            net, notes = build_noted(builder, shape, outputs, seed=seed, folder=folder, **args)
            if section.weights is not None:
                file = (folder or Path()) / section.weights
                load_weights(net, file, other_classes=config.dense.name != GIVEN)
    except (ValueError, FileNotFoundError) as error:
        raise UserError(f"[model] {error}") from error
    return net, [f"model: {note}" for note in notes]
