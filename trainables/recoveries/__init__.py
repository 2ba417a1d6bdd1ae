"""The recoveries by name."""

from trainables.recoveries.adversarial import Adversarial
from trainables.recoveries.as_is import AsIs
from trainables.recoveries.retrain import Retrain
from trainables.stage import Settings

RECOVERIES: dict[str, type[Settings]] = {
    "as_is": AsIs,
    "retrain": Retrain,
    "adversarial": Adversarial,
}
