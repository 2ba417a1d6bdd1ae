"""Where the dense network comes from, by name: stages too."""

from trainables.dense.adversarial_debiasing import AdversarialDebiasing
from trainables.dense.domain_discriminative import DomainDiscriminative
from trainables.dense.domain_independent import DomainIndependent
from trainables.dense.erm import Erm
from trainables.dense.given import Given
from trainables.dense.uniform_confusion import UniformConfusion
from trainables.dense.untrained import Untrained
from trainables.stage import Settings

DENSE: dict[str, type[Settings]] = {
    "erm": Erm,
    "given": Given,
    "untrained": Untrained,
    "adversarial_debiasing": AdversarialDebiasing,
    "uniform_confusion": UniformConfusion,
    "domain_discriminative": DomainDiscriminative,
    "domain_independent": DomainIndependent,
}
