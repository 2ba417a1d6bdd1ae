"""The pruners by name.

A new one also wants its ranges in spaces/pruners.py and a method that uses it in
trainables/methods.py.
"""

from trainables.pruners.fairgrape import FairGrape
from trainables.pruners.keep_all import KeepAll
from trainables.pruners.magnitude import Magnitude
from trainables.pruners.mask_discovery import MaskDiscovery
from trainables.stage import Settings

PRUNERS: dict[str, type[Settings]] = {
    "fairgrape": FairGrape,
    "keep_all": KeepAll,
    "magnitude": Magnitude,
    "mask_discovery": MaskDiscovery,
}
