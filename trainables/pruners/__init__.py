"""The pruners by name.

A new one also wants its ranges in spaces/pruners.py and a method that uses it in
trainables/methods.py.
"""

from trainables.pruners.edge_popup import EdgePopup
from trainables.pruners.fairgrape import FairGrape
from trainables.pruners.faprune import FaPrune
from trainables.pruners.grasp import Grasp
from trainables.pruners.keep_all import KeepAll
from trainables.pruners.lottery import Lottery
from trainables.pruners.magnitude import Magnitude
from trainables.pruners.mask_discovery import MaskDiscovery
from trainables.pruners.random import Random
from trainables.pruners.snip import Snip
from trainables.stage import Settings

PRUNERS: dict[str, type[Settings]] = {
    "edge_popup": EdgePopup,
    "fairgrape": FairGrape,
    "faprune": FaPrune,
    "grasp": Grasp,
    "keep_all": KeepAll,
    "lottery": Lottery,
    "magnitude": Magnitude,
    "mask_discovery": MaskDiscovery,
    "random": Random,
    "snip": Snip,
}
