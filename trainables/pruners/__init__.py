"""The pruners by name.

A new one also wants its ranges in spaces/pruners.py and a method that uses it in
trainables/methods.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainables.registry import Registry

if TYPE_CHECKING:
    from trainables.stage import Settings

PRUNERS: Registry[type[Settings]] = Registry(
    {
        "edge_popup": "trainables.pruners.edge_popup:EdgePopup",
        "fairgrape": "trainables.pruners.fairgrape:FairGrape",
        "faprune": "trainables.pruners.faprune:FaPrune",
        "grasp": "trainables.pruners.grasp:Grasp",
        "keep_all": "trainables.pruners.keep_all:KeepAll",
        "lottery": "trainables.pruners.lottery:Lottery",
        "magnitude": "trainables.pruners.magnitude:Magnitude",
        "mask_discovery": "trainables.pruners.mask_discovery:MaskDiscovery",
        "random": "trainables.pruners.random:Random",
        "snip": "trainables.pruners.snip:Snip",
    }
)
