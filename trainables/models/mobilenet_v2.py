"""Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018.

torchvision's definition. The network of Lin, Kim, Joo, "FairGRAPE", ECCV 2022, on UTKFace and
CelebA, there with weights learned on ImageNet.
"""

from __future__ import annotations

from typing import cast

from torch import nn

from trainables.models.shapes import image_shape


def mobilenet_v2(
    input_shape: tuple[int, ...],
    outputs: int,
    *,
    dropout: float = 0.2,  # before the last layer
) -> nn.Module:
    """Randomly initialised; weights of torchvision's can be given as a file.

    Its convolutions have 2,189,760 weights, of which 64,224 are of depthwise ones. It makes maps
    32 times smaller than the image, so that small images leave it little to see.
    """
    image_shape("mobilenet_v2", input_shape, least=32)
    if not 0 <= dropout < 1:
        raise ValueError(f"mobilenet_v2: dropout must lie in [0, 1), got {dropout}")
    from torchvision.models import mobilenet_v2 as torchvision_mobilenet_v2  # slow to import

    net: nn.Module = torchvision_mobilenet_v2(num_classes=outputs, dropout=dropout)
    if input_shape[0] != 3:
        first = cast("nn.Sequential", net.get_submodule("features.0"))
        first[0] = nn.Conv2d(input_shape[0], 32, 3, stride=2, padding=1, bias=False)
    return net
