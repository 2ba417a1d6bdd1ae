"""Where the dense network comes from, by name: stages too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainables.registry import Registry

if TYPE_CHECKING:
    from trainables.stage import Settings

DENSE: Registry[type[Settings]] = Registry(
    {
        "erm": "trainables.dense.erm:Erm",
        "given": "trainables.dense.given:Given",
        "untrained": "trainables.dense.untrained:Untrained",
        "adversarial_debiasing": "trainables.dense.adversarial_debiasing:AdversarialDebiasing",
        "uniform_confusion": "trainables.dense.uniform_confusion:UniformConfusion",
        "domain_discriminative": "trainables.dense.domain_discriminative:DomainDiscriminative",
        "domain_independent": "trainables.dense.domain_independent:DomainIndependent",
    }
)
