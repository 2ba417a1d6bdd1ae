"""The published pairings of stages, as rows of data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """A published method: the stages of its trials, in order, as (role, registry key).

    A stage that stands twice is run twice, with the same settings and another seed.
    """

    stages: tuple[tuple[str, str], ...]
    summary: str
    source: str
    correction: str | None = None  # registry key of the correction that is part of the method


METHODS: dict[str, Method] = {
    "dense_threshold": Method(
        (("pruner", "keep_all"), ("recovery", "as_is")),
        "the dense net as it is; only the decision threshold is chosen",
        "Savani, White, Govindarajulu, NeurIPS 2020 (the default model)",
    ),
    "group_thresholds": Method(
        (("pruner", "keep_all"), ("recovery", "as_is")),
        "the dense net as it is, with a decision threshold for each group",
        "Hardt, Price, Srebro, NIPS 2016, without their randomisation",
        correction="group_thresholds",
    ),
    "magnitude_retrain": Method(
        (("pruner", "magnitude"), ("recovery", "retrain")),
        "removes the smallest weights, then fine-tunes what is left under the mask",
        "Han, Pool, Tran, Dally, NeurIPS 2015; row WS of Lin, Kim, Joo, ECCV 2022",
    ),
    "adv_ft": Method(
        (("recovery", "adversarial"),),
        "adversarial fine-tuning of the whole dense net on the balanced debias split",
        "Savani, White, Govindarajulu, NeurIPS 2020 (adversarial fine-tuning)",
    ),
    "prune_as_is": Method(
        (("pruner", "mask_discovery"), ("recovery", "as_is")),
        "the fair sub-network found by mask discovery, without any recovery",
        "Zhang, Gao, Huang, ECCV 2022, section 3.2",
    ),
    "prune_advft": Method(
        (("pruner", "mask_discovery"), ("recovery", "adversarial")),
        "mask discovery, then adversarial fine-tuning of the fair sub-network",
        "Zhang, Gao, Huang, ECCV 2022, section 3.3 (Prune + AdvFt)",
    ),
    "noise_graft": Method(
        (("pruner", "mask_discovery"), ("recovery", "noise_graft")),
        "mask discovery, then noise in place of the corrupted weights and fair tuning of all",
        "Zhang, Gao, Huang, ECCV 2022, section 3.3 (NoiseGraft)",
    ),
    "internal_graft": Method(
        (("pruner", "mask_discovery"), ("recovery", "internal_graft")),
        "mask discovery, then the strongest kept weights in place of the corrupted ones",
        "Zhang, Gao, Huang, ECCV 2022, section 3.3 (InterGraft)",
    ),
    "external_graft": Method(
        (
            ("pruner", "mask_discovery"),
            ("pruner", "mask_discovery"),
            ("recovery", "external_graft"),
        ),
        "two mask discoveries, trained side by side, that exchange their weights",
        "Zhang, Gao, Huang, ECCV 2022, section 3.3 (ExtGraft)",
    ),
    "netaug": Method(
        (("pruner", "mask_discovery"), ("recovery", "netaug")),
        "mask discovery, then the fair sub-network trained inside larger ones",
        "Zhang, Gao, Huang, ECCV 2022, section 3.3 (NetAug)",
    ),
    "distil_advft": Method(
        (("recovery", "adversarial"), ("distillation", "distillation")),
        "a mask over the dense net that imitates its adversarially fine-tuned copy",
        "Zhang, Gao, Huang, ECCV 2022, section 4.4 (teacher Adv.Ft)",
    ),
    "distil_extgraft": Method(
        (
            ("pruner", "mask_discovery"),
            ("pruner", "mask_discovery"),
            ("recovery", "external_graft"),
            ("distillation", "distillation"),
        ),
        "a mask over the dense net that imitates the grafted network",
        "Zhang, Gao, Huang, ECCV 2022, section 4.4 (teacher ExtGraft)",
    ),
    "distil_netaug": Method(
        (
            ("pruner", "mask_discovery"),
            ("recovery", "netaug"),
            ("distillation", "distillation"),
        ),
        "a mask over the dense net that imitates the augmented sub-network",
        "Zhang, Gao, Huang, ECCV 2022, section 4.4 (teacher NetAug)",
    ),
    "random_perturbation": Method(
        (("recovery", "random_perturbation"),),
        "the best of many randomly perturbed copies of the dense net",
        "Savani, White, Govindarajulu, NeurIPS 2020 (random perturbation)",
    ),
    "layerwise": Method(
        (("recovery", "layerwise"),),
        "one of the dense net's last layers, optimised without gradients",
        "Savani, White, Govindarajulu, NeurIPS 2020 (layer-wise optimization)",
    ),
    "adversarial_debiasing": Method(
        (("dense", "adversarial_debiasing"),),
        "trained from scratch against an adversary that guesses the group",
        "Zhang, Lemoine, Mitchell, AIES 2018; Wang et al., CVPR 2020 (gradient projection)",
    ),
    "uniform_confusion": Method(
        (("dense", "uniform_confusion"),),
        "trained from scratch to features that give every group equal odds",
        "Alvi, Zisserman, Nellaker, ECCV Workshops 2018; Wang et al., CVPR 2020",
    ),
    "domain_discriminative": Method(
        (("dense", "domain_discriminative"),),
        "trained from scratch on (class, group) pairs, scored without the training priors",
        "Wang et al., CVPR 2020 (ND-way classifier with prior shift)",
    ),
    "domain_independent": Method(
        (("dense", "domain_independent"),),
        "trained from scratch with a classifier per group, added up at inference",
        "Wang et al., CVPR 2020 (domain-independent classifiers)",
    ),
    "reject_option": Method(
        (("pruner", "keep_all"), ("recovery", "as_is")),
        "the dense net as it is; uncertain decisions go to the disadvantaged group's favour",
        "Kamiran, Karim, Zhang, ICDM 2012 (ROC)",
        correction="reject_option",
    ),
    "equalized_odds": Method(
        (("pruner", "keep_all"), ("recovery", "as_is")),
        "the dense net as it is; decisions are flipped at random until the groups' rates agree",
        "Hardt, Price, Srebro, NIPS 2016 (EqOdds)",
        correction="equalized_odds",
    ),
    "calibrated_odds": Method(
        (("pruner", "keep_all"), ("recovery", "as_is")),
        "the dense net as it is; one group's scores are withheld at random",
        "Pleiss et al., NIPS 2017 (CalibEqOdds)",
        correction="calibrated_odds",
    ),
}
