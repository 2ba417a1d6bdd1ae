"""Ma, Zhang, Zheng, Sun, "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture
Design", ECCV 2018.

torchvision's definition of width 1.0. A network of Zhang et al., "Towards Fairness-aware
Adversarial Network Pruning", ICCV 2023, on CelebA.
"""

from __future__ import annotations

from typing import cast

from torch import nn

from trainables.models.shapes import image_shape


def shufflenet_v2(input_shape: tuple[int, ...], outputs: int) -> nn.Module:
    """Randomly initialised; weights of torchvision's (x1.0) can be given as a file.

    Its convolutions have 1,237,424 weights, of which 22,140 are of depthwise ones. It makes maps
    32 times smaller than the image, so that small images leave it little to see.
    """
    image_shape("shufflenet_v2", input_shape, least=32)
    from torchvision.models import shufflenet_v2_x1_0  # slow to import

    net: nn.Module = shufflenet_v2_x1_0(num_classes=outputs)
    if input_shape[0] != 3:
        first = cast("nn.Sequential", net.get_submodule("conv1"))
        first[0] = nn.Conv2d(input_shape[0], 24, 3, stride=2, padding=1, bias=False)
    return net
