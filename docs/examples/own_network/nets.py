"""Your own network: a function that is told one input's shape and how many outputs are wanted."""

from __future__ import annotations

from torch import nn
from torchvision.models import shufflenet_v2_x0_5


def small_shufflenet(input_shape: tuple[int, ...], outputs: int) -> nn.Module:
    """torchvision's ShuffleNetV2 for small images: its first steps do not shrink them."""
    channels, _, _ = input_shape
    net = shufflenet_v2_x0_5(weights=None, num_classes=outputs)
    net.conv1[0] = nn.Conv2d(channels, 24, kernel_size=3, padding=1, bias=False)
    net.maxpool = nn.Identity()
    return net
