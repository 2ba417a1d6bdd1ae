"""Data sets, groups and splits; what a user of the package needs is imported from here.

It is loaded when it is asked for: pandas takes half a second, and many who come by need a name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainables.data.fair_data import Attribute, FairData
    from trainables.data.frame import from_frame
    from trainables.data.grouping import Grouping
    from trainables.data.prepare import Part, Prepared

SPLITS = ("train", "debias", "tune", "test")

__all__ = [
    "SPLITS",
    "Attribute",
    "FairData",
    "Grouping",
    "Part",
    "Prepared",
    "from_frame",
]

_PLACES = {
    "Attribute": "fair_data",
    "FairData": "fair_data",
    "from_frame": "frame",
    "Grouping": "grouping",
    "Part": "prepare",
    "Prepared": "prepare",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
