"""scikit-learn's handwritten digits as a skewed colour/grey benchmark; needs no download.

1,797 scans of 8 x 8 pixels (E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten
Digits", UCI repository, 1998), skewed by the protocol of CIFAR-10S (Wang et al., CVPR 2020).

A scan's ink (0..16) is stretched to 0..255 and drawn on black in one hue per image, with full
saturation and value. The hue is drawn from red to green, a third of the circle. Blue is never on,
so colour is easy to tell from grey, and a network that is trained on the skewed set learns to. The
grey copy is PIL's "L" of that colour image: its brightness varies, but not with the label. Odd
digits are the colour-majority classes, even digits the grey-majority ones.
"""

from __future__ import annotations

import colorsys
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from trainables.data.fair_data import FairData
from trainables.data.sets.skew import SplitImages, skewed_data
from trainables.data.splits import FRACTIONS, apportion, stream
from trainables.names import known_names

HUES = 1 / 3  # share of the colour circle, from red to green
INK = 16  # the darkest value of a scan
ODD = frozenset({1, 3, 5, 7, 9})
Target = Literal["digit", "odd"]


def load(*, skew: float = 0.97, target: Target = "digit", split_seed: int = 0) -> FairData:
    """Inputs uint8 (rows, 3, 8, 8); attribute `domain` with grey = 0 and colour = 1.

    `target="digit"` has ten classes, `"odd"` is the binary task whose positive class is the
    colour-majority one. The images of debias, tune and test are the same for both.
    """
    if target not in get_args(Target):
        raise ValueError(
            f"digits: unknown target {target!r}; {known_names(target, get_args(Target))}"
        )
    scans, digits = scans_and_digits()
    generator = stream(split_seed, "digits")
    owner = apportion(digits, FRACTIONS, generator)
    splits = {name: np.flatnonzero(owner == index) for index, name in enumerate(FRACTIONS)}
    pixels = tint(scans.reshape(-1, 8, 8), generator.random(len(scans)))
    odd = target == "odd"
    return skewed_data(
        "digits",
        SplitImages(pixels, digits % 2 if odd else digits, splits),
        classes=("even", "odd") if odd else tuple(str(digit) for digit in range(10)),
        colour_classes=frozenset({1}) if odd else ODD,
        skew=skew,
        generator=generator,
    )


def scans_and_digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(1797, 64) ink in 0..16 and (1797,) digits: what scikit-learn's `load_digits` returns.

    Read from its file: importing scikit-learn takes a second, of all that a small search takes.
    """
    spec = find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("digits: needs scikit-learn, which brings its file")
    path = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
    rows = np.loadtxt(path, delimiter=",")
    return rows[:, :-1], rows[:, -1].astype(np.int64)


def tint(scans: NDArray[np.float64], hues: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Colour images (n, 3, h, w) from ink (n, h, w) in 0..16 and hues (n,), 0 red to 1 green."""
    colours = np.array([colorsys.hsv_to_rgb(hue * HUES, 1.0, 1.0) for hue in hues])
    tinted: NDArray[np.float64] = scans[:, None] / INK * colours[:, :, None, None]
    return np.rint(tinted * 255).astype(np.uint8)
