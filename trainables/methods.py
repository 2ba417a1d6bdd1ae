"""The published pairings of stages, as rows of data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

Value = float | int | str | bool


@dataclass(frozen=True)
class Stage:
    """A stage of a method: its role, its registry key, and what the protocol says of it.

    `slot` is the name under which a trial's config has the stage's settings: by default the role.
    Stages of the same slot have the same settings.
    """

    role: str  # dense, pruner or recovery
    name: str
    fixed: Mapping[str, Value] = field(default_factory=dict)  # not searched
    published: Mapping[str, Value] = field(default_factory=dict)  # in place of the stage's own
    slot: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "slot", self.slot or self.role)
        for name in ("fixed", "published"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))


@dataclass(frozen=True)
class Method:
    """A published method: the stages of its trials, in order.

    A stage that stands twice is run twice, with the same settings and another seed.
    """

    stages: tuple[Stage, ...]
    summary: str
    source: str
    correction: str | None = None  # registry key of the correction that is part of the method

    def __post_init__(self) -> None:
        for stage in self.stages:
            if stage != self.slots[stage.slot]:
                raise ValueError(
                    f"method: stages of slot {stage.slot!r} must be equal, got "
                    f"{self.slots[stage.slot]} and {stage}"
                )

    @property
    def slots(self) -> dict[str, Stage]:
        """The first stage of each slot, in order of the stages."""
        slots: dict[str, Stage] = {}
        for stage in self.stages:
            slots.setdefault(stage.slot, stage)
        return slots


def slot_roles() -> dict[str, str]:
    """The role of each slot that any method has."""
    return {stage.slot: stage.role for method in METHODS.values() for stage in method.stages}


# The final training of Lin, Kim, Joo's methods: the rate falls to a tenth, then to a hundredth
STEPS = Stage(
    "recovery", "retrain", fixed={"schedule": "steps"}, published={"lr": 1e-4, "epochs": 19}
)

# Zhang et al. (ICCV 2023) prune trained networks. Scores that begin by lot would destroy these at
# once, so that they begin with the size of the weights (ours; the paper says nothing of it).
TRAINED = {
    name: Stage("pruner", name, {"weights": "trained"}, published={"score_init": "magnitude"})
    for name in ("edge_popup", "faprune")
}
# Where no weight was ever trained its size says nothing.
UNTRAINED = {
    name: Stage("pruner", name, {"score_init": "kaiming"}) for name in ("edge_popup", "faprune")
}
# Their fine-tuning and their debiased networks
FINE_TUNE, DEBIASED = Stage("recovery", "retrain"), Stage("dense", "adversarial_debiasing")

METHODS: dict[str, Method] = {
    "dense_threshold": Method(
        (Stage("pruner", "keep_all"), Stage("recovery", "as_is")),
        "the dense net as it is; only the decision threshold is chosen",
        "Savani, White, Govindarajulu, NeurIPS 2020 (the default model)",
    ),
    "group_thresholds": Method(
        (Stage("pruner", "keep_all"), Stage("recovery", "as_is")),
        "the dense net as it is, with a decision threshold for each group",
        "Hardt, Price, Srebro, NIPS 2016, without their randomisation",
        correction="group_thresholds",
    ),
    "magnitude_retrain": Method(
        (Stage("pruner", "magnitude"), Stage("recovery", "retrain")),
        "removes the smallest weights, then fine-tunes what is left under the mask",
        "Han, Pool, Tran, Dally, NeurIPS 2015; row WS of Lin, Kim, Joo, ECCV 2022",
    ),
    "fairgrape": Method(
        (Stage("pruner", "fairgrape"),),
        "prunes in rounds so that each group keeps its share of every layer's importance",
        "Lin, Kim, Joo, ECCV 2022 (FairGRAPE)",
    ),
    "lottery": Method(
        (Stage("pruner", "lottery"), STEPS),
        "prunes by magnitude in rounds, each from earlier weights, then retrains what is left",
        "Frankle, Carbin, ICLR 2019; row Lottery of Lin, Kim, Joo, ECCV 2022",
    ),
    "snip": Method(
        (Stage("pruner", "snip"), STEPS),
        "keeps the weights that the loss on one batch is most sensitive to, then trains them",
        "Lee, Ajanthan, Torr, ICLR 2019; row SNIP of Lin, Kim, Joo, ECCV 2022",
    ),
    "grasp": Method(
        (Stage("pruner", "grasp"), STEPS),
        "keeps the weights that the gradient's strength depends on, then trains them",
        "Wang, Zhang, Grosse, ICLR 2020; row GraSP of Lin, Kim, Joo, ECCV 2022",
    ),
    "random": Method(
        (Stage("pruner", "random"), STEPS),
        "keeps weights by lot, then retrains them: a control",
        "control beside the methods of Lin, Kim, Joo, ECCV 2022",
    ),
    "dense_retrain": Method(
        (Stage("pruner", "keep_all"), STEPS),
        "trains the whole dense net on: a control for what training alone changes",
        "control beside the methods of Lin, Kim, Joo, ECCV 2022",
    ),
    "edge_popup": Method(
        (TRAINED["edge_popup"],),
        "learns which weights of the dense net make up an accurate sub-network",
        "Ramanujan et al., CVPR 2020; row SGDP of Zhang et al., ICCV 2023",
    ),
    "faprune": Method(
        (TRAINED["faprune"],),
        "learns a sub-network against discriminators that guess the group from outputs",
        "Zhang et al., ICCV 2023 (FAPrune)",
    ),
    "faprune_retrain": Method(
        (TRAINED["faprune"], FINE_TUNE),
        "a sub-network learned against discriminators, then fine-tuned under its mask",
        "Zhang et al., ICCV 2023, whose section 3.1 fine-tunes and whose algorithm 1 does not",
    ),
    "scratch": Method(
        (Stage("pruner", "random", {"weights": "fresh"}), FINE_TUNE),
        "trains a sparse net, drawn by lot, from fresh weights",
        "row Train from Scratch of Zhang et al., ICCV 2023",
    ),
    "fair_sgdp": Method(
        (DEBIASED, TRAINED["edge_popup"]),
        "adversarial debiasing, then an accurate sub-network of the debiased net",
        "row Fair-SGDP of Zhang et al., ICCV 2023",
    ),
    "fair_lmw": Method(
        (DEBIASED, Stage("pruner", "magnitude"), FINE_TUNE),
        "adversarial debiasing, then magnitude pruning and fine-tuning of the debiased net",
        "row Fair-LMW of Zhang et al., ICCV 2023",
    ),
    "edge_popup_random": Method(
        (UNTRAINED["edge_popup"],),
        "learns which weights of a net that was never trained make up an accurate sub-network",
        "Ramanujan et al., CVPR 2020; section 5.4 of Zhang et al., ICCV 2023",
    ),
    "faprune_random": Method(
        (UNTRAINED["faprune"],),
        "learns a sub-network of a net never trained, against discriminators of the group",
        "Zhang et al., ICCV 2023, section 5.4 (random networks)",
    ),
    "adv_ft": Method(
        (Stage("recovery", "adversarial"),),
        "adversarial fine-tuning of the whole dense net on the balanced debias split",
        "Savani, White, Govindarajulu, NeurIPS 2020 (adversarial fine-tuning)",
    ),
    "prune_as_is": Method(
        (Stage("pruner", "mask_discovery"), Stage("recovery", "as_is")),
        "the fair sub-network found by mask discovery, without any recovery",
        "Zhang, Gao, Huang, ECCV 2022, section 3.2",
    ),
    "prune_advft": Method(
        (Stage("pruner", "mask_discovery"), Stage("recovery", "adversarial")),
        "mask discovery, then adversarial fine-tuning of the fair sub-network",
        "Zhang, Gao, Huang, ECCV 2022, section 3.3 (Prune + AdvFt)",
    ),
    "noise_graft": Method(
        (Stage("pruner", "mask_discovery"), Stage("recovery", "noise_graft")),
        "mask discovery, then noise in place of the corrupted weights and fair tuning of all",
        "Zhang, Gao, Huang, ECCV 2022, section 3.3 (NoiseGraft)",
    ),
    "internal_graft": Method(
        (Stage("pruner", "mask_discovery"), Stage("recovery", "internal_graft")),
        "mask discovery, then the strongest kept weights in place of the corrupted ones",
        "Zhang, Gao, Huang, ECCV 2022, section 3.3 (InterGraft)",
    ),
    "external_graft": Method(
        (
            Stage("pruner", "mask_discovery"),
            Stage("pruner", "mask_discovery"),
            Stage("recovery", "external_graft"),
        ),
        "two mask discoveries, trained side by side, that exchange their weights",
        "Zhang, Gao, Huang, ECCV 2022, section 3.3 (ExtGraft)",
    ),
    "netaug": Method(
        (Stage("pruner", "mask_discovery"), Stage("recovery", "netaug")),
        "mask discovery, then the fair sub-network trained inside larger ones",
        "Zhang, Gao, Huang, ECCV 2022, section 3.3 (NetAug)",
    ),
    "distil_dense": Method(
        (Stage("pruner", "keep_all"), Stage("recovery", "distillation", slot="distillation")),
        "a mask over the dense net that imitates that net itself, unrepaired: a control",
        "control beside section 4.4 of Zhang, Gao, Huang, ECCV 2022",
    ),
    "distil_advft": Method(
        (Stage("recovery", "adversarial"), Stage("recovery", "distillation", slot="distillation")),
        "a mask over the dense net that imitates its adversarially fine-tuned copy",
        "Zhang, Gao, Huang, ECCV 2022, section 4.4 (teacher Adv.Ft)",
    ),
    "distil_extgraft": Method(
        (
            Stage("pruner", "mask_discovery"),
            Stage("pruner", "mask_discovery"),
            Stage("recovery", "external_graft"),
            Stage("recovery", "distillation", slot="distillation"),
        ),
        "a mask over the dense net that imitates the grafted network",
        "Zhang, Gao, Huang, ECCV 2022, section 4.4 (teacher ExtGraft)",
    ),
    "distil_netaug": Method(
        (
            Stage("pruner", "mask_discovery"),
            Stage("recovery", "netaug"),
            Stage("recovery", "distillation", slot="distillation"),
        ),
        "a mask over the dense net that imitates the augmented sub-network",
        "Zhang, Gao, Huang, ECCV 2022, section 4.4 (teacher NetAug)",
    ),
    "random_perturbation": Method(
        (Stage("recovery", "random_perturbation"),),
        "the best of many randomly perturbed copies of the dense net",
        "Savani, White, Govindarajulu, NeurIPS 2020 (random perturbation)",
    ),
    "layerwise": Method(
        (Stage("recovery", "layerwise"),),
        "one of the dense net's last layers, optimised without gradients",
        "Savani, White, Govindarajulu, NeurIPS 2020 (layer-wise optimization)",
    ),
    "adversarial_debiasing": Method(
        (Stage("dense", "adversarial_debiasing"),),
        "trained from scratch against an adversary that guesses the group",
        "Zhang, Lemoine, Mitchell, AIES 2018; Wang et al., CVPR 2020 (gradient projection)",
    ),
    "uniform_confusion": Method(
        (Stage("dense", "uniform_confusion"),),
        "trained from scratch to features that give every group equal odds",
        "Alvi, Zisserman, Nellaker, ECCV Workshops 2018; Wang et al., CVPR 2020",
    ),
    "domain_discriminative": Method(
        (Stage("dense", "domain_discriminative"),),
        "trained from scratch on (class, group) pairs, scored without the training priors",
        "Wang et al., CVPR 2020 (ND-way classifier with prior shift)",
    ),
    "domain_independent": Method(
        (Stage("dense", "domain_independent"),),
        "trained from scratch with a classifier per group, added up at inference",
        "Wang et al., CVPR 2020 (domain-independent classifiers)",
    ),
    "reject_option": Method(
        (Stage("pruner", "keep_all"), Stage("recovery", "as_is")),
        "the dense net as it is; uncertain decisions go to the disadvantaged group's favour",
        "Kamiran, Karim, Zhang, ICDM 2012 (ROC)",
        correction="reject_option",
    ),
    "equalized_odds": Method(
        (Stage("pruner", "keep_all"), Stage("recovery", "as_is")),
        "the dense net as it is; decisions are flipped at random until the groups' rates agree",
        "Hardt, Price, Srebro, NIPS 2016 (EqOdds)",
        correction="equalized_odds",
    ),
    "calibrated_odds": Method(
        (Stage("pruner", "keep_all"), Stage("recovery", "as_is")),
        "the dense net as it is; one group's scores are withheld at random",
        "Pleiss et al., NIPS 2017 (CalibEqOdds)",
        correction="calibrated_odds",
    ),
}


def correction_of(
    method: str, correction: Mapping[str, Any], settings: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """`{"name": ..., settings}` of the method's own correction, or else of the search's; with
    `settings` of the trial's on top."""
    own = METHODS[method].correction
    return {**(correction if own is None else {"name": own}), **(settings or {})}
