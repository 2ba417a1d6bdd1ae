"""ResNet-18: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016.

torchvision's definition. For 32x32 inputs the stem is a 3x3 convolution without max-pooling, as in
Wang et al., "Towards Fairness in Visual Recognition", CVPR 2020; the 7x7 stem of stride 2 would
leave maps of one pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import nn

from trainables.models.shapes import image_shape

Stem = Literal["cifar", "imagenet"]


def resnet18(input_shape: tuple[int, ...], outputs: int, *, stem: Stem = "cifar") -> nn.Module:
    """Randomly initialised; weights of torchvision's (stem "imagenet") can be given as a file."""
    from torchvision.models import resnet18 as torchvision_resnet18  # slow to import

    return with_stem("resnet18", torchvision_resnet18, stem, input_shape, outputs)


def with_stem(
    name: str,
    definition: Callable[..., nn.Module],
    stem: Stem,
    input_shape: tuple[int, ...],
    outputs: int,
) -> nn.Module:
    """torchvision's residual network of that `definition`, for images of `input_shape`."""
    if stem not in ("cifar", "imagenet"):
        raise ValueError(f"{name}: stem must be 'cifar' or 'imagenet', got {stem!r}")
    image_shape(name, input_shape, least=8 if stem == "cifar" else 32)
    net = definition(num_classes=outputs)
    channels = input_shape[0]
    if stem == "cifar":
        net.conv1 = nn.Conv2d(channels, 64, 3, padding=1, bias=False)
        net.maxpool = nn.Identity()
    elif channels != 3:
        net.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
    return net
