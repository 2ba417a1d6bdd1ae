"""The published pairings of stages, as rows of data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """One row: the stages in order, as (role, registry key), and where the pairing comes from.

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
        "Savani, White, Govindarajulu, NeurIPS 2020, algorithm 1 (the default model)",
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
        "Savani, White, Govindarajulu, NeurIPS 2020, section 4.3",
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
}
