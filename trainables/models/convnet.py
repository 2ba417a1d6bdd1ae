"""A small convolutional network that trains on a CPU; our own, without a source."""

from __future__ import annotations

from torch import nn

from trainables.models.shapes import image_shape


def convnet(
    input_shape: tuple[int, ...],
    outputs: int,
    *,
    channels: tuple[int, ...] = (32, 64, 128),
) -> nn.Module:
    """3x3 convolutions with batch normalisation and ReLU, pooled by 2 in between.

    Then the mean over the image and a linear layer. Works from 2^(blocks - 1) pixels a side on:
    8x8 digits as well as 32x32 photographs.
    """
    image_shape("convnet", input_shape, least=2 ** (len(channels) - 1))
    layers: list[nn.Module] = []
    for i, (before, after) in enumerate(zip((input_shape[0], *channels), channels, strict=False)):
        if i > 0:
            layers.append(nn.MaxPool2d(2))
        # normalisation has the bias that the convolution would have
        layers += [nn.Conv2d(before, after, 3, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(after), nn.ReLU()]
    pooled = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, *pooled, nn.Linear(channels[-1], outputs))
