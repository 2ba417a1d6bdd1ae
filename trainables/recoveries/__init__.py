"""The recoveries by name.

A new one also wants its ranges in spaces/recoveries.py and a method that uses it in
trainables/methods.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainables.registry import Registry

if TYPE_CHECKING:
    from trainables.stage import Settings

RECOVERIES: Registry[type[Settings]] = Registry(
    {
        "as_is": "trainables.recoveries.as_is:AsIs",
        "retrain": "trainables.recoveries.retrain:Retrain",
        "adversarial": "trainables.recoveries.adversarial:Adversarial",
        "noise_graft": "trainables.recoveries.noise_graft:NoiseGraft",
        "internal_graft": "trainables.recoveries.internal_graft:InternalGraft",
        "external_graft": "trainables.recoveries.external_graft:ExternalGraft",
        "netaug": "trainables.recoveries.netaug:NetAug",
        "random_perturbation": "trainables.recoveries.random_perturbation:RandomPerturbation",
        "layerwise": "trainables.recoveries.layerwise:Layerwise",
        "distillation": "trainables.recoveries.distillation:Distillation",
    }
)
