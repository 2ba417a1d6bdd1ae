"""Ranges of the recoveries' settings, by registry name; each row names the source of its numbers.

ZH: Zhang, Gao, Huang, ECCV 2022. SAV: Savani, White, Govindarajulu, "Intra-Processing Methods for
Debiasing Neural Networks", NeurIPS 2020. FA: Zhang et al., ICCV 2023.
"""

from spaces.space import Choice, Float, Int, Range, Space, Value

FULL_TUNING: dict[str, Range] = {  # of recoveries that train weights for fairness
    "lr": Float(1e-5, 1e-2, log=True),
    "warmup_steps": Int(0, 50),
    "schedule": Choice(("cosine", "constant")),
    "slope": Float(1.0, 100.0, log=True),
    "delta": Float(0.0, 0.03),
    "bias_from": Choice(("critic", "soft")),
}
# ZH: warm-up and schedule (and 100 epochs). SAV: the settings of the bias. The rate is ours: none
# is given for these methods.
FULL_TUNING_PUBLISHED: dict[str, Value] = {
    "lr": 1e-3,
    "warmup_steps": 5,
    "schedule": "cosine",
    "slope": 20.0,
    "delta": 0.02,
    "bias_from": "critic",
}

RECOVERIES: dict[str, Space] = {
    "as_is": Space(),  # nothing to search
    "retrain": Space(
        {"lr": Float(1e-5, 1e-2, log=True), "epochs": Int(5, 60)},
        published={"lr": 1e-4, "epochs": 30},  # FA, masked fine-tuning of the magnitude baseline
    ),
    # ZH section 4: lr, warm-up, schedule (and 90 epochs). SAV's own settings (blocks of 201 critic
    # and 301 actor steps at 1e-4) are not tried: this stage takes a step of each per batch.
    "adversarial": Space(FULL_TUNING, published=FULL_TUNING_PUBLISHED | {"lr": 0.01}),
    "noise_graft": Space(
        # above .8 the noise of the last epochs is never trained away
        FULL_TUNING | {"noise_ratio": Float(1.0, 3.0), "decay": Float(0.0, 0.8)},
        # ZH section 3.3: louder than the corrupted weights, once; by how much is not given
        published=FULL_TUNING_PUBLISHED | {"noise_ratio": 1.5, "decay": 0.0},
    ),
    "internal_graft": Space(FULL_TUNING, published=FULL_TUNING_PUBLISHED),
    "external_graft": Space(
        FULL_TUNING
        | {
            "exchange_range": Float(0.2, 0.8),
            "exchange_slope": Float(1.0, 500.0, log=True),
            "scope": Choice(("layer", "rootstock")),
        },
        published=FULL_TUNING_PUBLISHED  # Meng et al., CVPR 2020, code; ZH: layer by layer
        | {"exchange_range": 0.4, "exchange_slope": 500.0, "scope": "layer"},
    ),
    "netaug": Space(
        FULL_TUNING | {"alpha": Float(0.1, 2.0), "diversity": Float(0.01, 0.5, log=True)},
        # ZH section 4: scaling parameter, diversity factor
        published=FULL_TUNING_PUBLISHED | {"alpha": 1.0, "diversity": 0.05},
    ),
    "random_perturbation": Space(
        {"stddev": Float(0.01, 0.3, log=True), "tries": Int(51, 201)},
        published={"stddev": 0.1, "tries": 101},  # SAV
    ),
    "layerwise": Space(
        {
            "tensors": Int(1, 10),
            "calls": Int(10, 40),
            "width": Float(0.5, 4.0),
            "sampler": Choice(("trees", "random")),
        },
        # SAV, code, but for the subset of entries
        published={"tensors": 5, "calls": 20, "width": 2.2, "sampler": "trees"},
    ),
    "distillation": Space(
        {
            "gamma": Float(0.05, 5.0, log=True),
            "epochs": Int(20, 120),
            "lr": Float(0.005, 0.2, log=True),
            "logit_init": Float(1.0, 5.0),
        },
        # ZH section 4: epochs (of the discovery); eq. 10 comes without numbers of its own
        published={"gamma": 0.5, "epochs": 80, "lr": 0.05, "logit_init": 3.0},
    ),
}
