"""Ranges of the recoveries' settings, by registry name; each row names the source of its numbers.

ZH: Zhang, Gao, Huang, ECCV 2022. SAV: Savani, White, Govindarajulu, "Intra-Processing Methods for
Debiasing Neural Networks", NeurIPS 2020. FA: Zhang et al., ICCV 2023.
"""

from spaces.space import Choice, Float, Int, Space

RECOVERIES: dict[str, Space] = {
    "as_is": Space(),  # nothing to search
    "retrain": Space(
        {"lr": Float(1e-5, 1e-2, log=True), "epochs": Int(5, 60)},
        published={"lr": 1e-4, "epochs": 30},  # FA, masked fine-tuning of the magnitude baseline
    ),
    "adversarial": Space(
        {
            "lr": Float(1e-5, 1e-2, log=True),
            "slope": Float(1.0, 100.0, log=True),
            "delta": Float(0.0, 0.03),
            "bias_from": Choice(("critic", "soft")),
        },
        published={  # ZH section 4: lr (and 90 epochs); SAV: slope, delta (margin), critic
            "lr": 0.01,
            "slope": 20.0,
            "delta": 0.02,
            "bias_from": "critic",
        },
    ),
}
