"""The recoveries by name.

A new one also wants its ranges in spaces/recoveries.py and a method that uses it in
trainables/methods.py.
"""

from trainables.recoveries.adversarial import Adversarial
from trainables.recoveries.as_is import AsIs
from trainables.recoveries.distillation import Distillation
from trainables.recoveries.external_graft import ExternalGraft
from trainables.recoveries.internal_graft import InternalGraft
from trainables.recoveries.layerwise import Layerwise
from trainables.recoveries.netaug import NetAug
from trainables.recoveries.noise_graft import NoiseGraft
from trainables.recoveries.random_perturbation import RandomPerturbation
from trainables.recoveries.retrain import Retrain
from trainables.stage import Settings

RECOVERIES: dict[str, type[Settings]] = {
    "as_is": AsIs,
    "retrain": Retrain,
    "adversarial": Adversarial,
    "noise_graft": NoiseGraft,
    "internal_graft": InternalGraft,
    "external_graft": ExternalGraft,
    "netaug": NetAug,
    "random_perturbation": RandomPerturbation,
    "layerwise": Layerwise,
    "distillation": Distillation,
}
