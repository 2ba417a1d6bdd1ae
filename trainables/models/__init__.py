"""The networks by name; `trainables.models.build` makes one of them or the user's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from trainables.registry import Registry

if TYPE_CHECKING:
    from torch import nn

MODELS: Registry[Callable[..., nn.Module]] = Registry(
    {
        "mlp": "trainables.models.mlp:mlp",
        "mlp_wide": "trainables.models.mlp:mlp_wide",
        "convnet": "trainables.models.convnet:convnet",
        "resnet18": "trainables.models.resnet18:resnet18",
        "resnet34": "trainables.models.resnet34:resnet34",
        "mobilenet_v2": "trainables.models.mobilenet_v2:mobilenet_v2",
        "shufflenet_v2": "trainables.models.shufflenet_v2:shufflenet_v2",
    }
)
