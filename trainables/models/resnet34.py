"""ResNet-34: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016.

torchvision's definition, with the stems of `resnet18`. The network of Lin, Kim, Joo, "FairGRAPE",
ECCV 2022, on FairFace, there with the stem "imagenet" and weights learned on ImageNet.
"""

from __future__ import annotations

from torch import nn

from trainables.models.resnet18 import Stem, with_stem


def resnet34(input_shape: tuple[int, ...], outputs: int, *, stem: Stem = "cifar") -> nn.Module:
    """Randomly initialised; weights of torchvision's (stem "imagenet") can be given as a file.

    With the stem "imagenet" its convolutions have 21,267,648 weights.
    """
    from torchvision.models import resnet34 as torchvision_resnet34  # slow to import

    return with_stem("resnet34", torchvision_resnet34, stem, input_shape, outputs)
