"""Ranges of the pruners' settings, by registry name; each row names the source of its numbers.

ZH: Zhang, Gao, Huang, "Recover Fair Deep Classification Models via Altering Pre-trained
Structure", ECCV 2022. FG: Lin, Kim, Joo, "FairGRAPE", ECCV 2022. EP: Ramanujan et al., "What's
Hidden in a Randomly Weighted Neural Network?", CVPR 2020 (edge-popup). FA: L. Zhang et al.,
"Towards Fairness-aware Adversarial Network Pruning", ICCV 2023 (FAPrune).
"""

from spaces.space import Choice, Float, Int, Range, Space, Value

SPARSITY = Float(0.5, 0.99)  # one range for every pruner that takes it, so that fronts compare

BY_GRADIENT: dict[str, Range] = {
    "sparsity": SPARSITY,
    "scope": Choice(("global", "layer")),
    "score_on": Choice(("random", "pretrained", "trained")),
    "mask_on": Choice(("pretrained", "trained")),
}
# FG's code: a random copy is scored, and what is trained has the weights from before the task
BY_GRADIENT_PUBLISHED: dict[str, Value] = {
    "sparsity": 0.9,
    "scope": "global",
    "score_on": "random",
    "mask_on": "pretrained",
}

# Epochs, rates and starts of the scores; as in FA they are EP's in both
EDGE_POPUP: dict[str, Range] = {
    "sparsity": SPARSITY,
    "epochs": Int(10, 100, log=True),
    "lr": Float(1e-3, 0.3, log=True),
    "optimizer": Choice(("sgd", "adam")),
    "batch_size": Int(64, 1024, log=True),
    "scope": Choice(("layer", "global")),
    "score_init": Choice(("magnitude", "kaiming")),
    "stratified": Choice((True, False)),
    "weights": Choice(("kaiming", "constant")),  # of random networks; the other methods fix it
}
EDGE_POPUP_PUBLISHED: dict[str, Value] = {
    "sparsity": 0.8,  # FA's headline
    "epochs": 30,  # ours: FA says none, EP takes 100 to start from nothing
    "lr": 0.1,  # this and what follows: EP's code for CIFAR-10
    "optimizer": "sgd",
    "batch_size": 256,
    "scope": "layer",
    "score_init": "kaiming",
    "stratified": False,
    "weights": "kaiming",
}

PRUNERS: dict[str, Space] = {
    "edge_popup": Space(EDGE_POPUP, published=EDGE_POPUP_PUBLISHED),
    "fairgrape": Space(
        {
            "kappa": Float(0.5, 0.975),
            "sparsity": SPARSITY,
            "round_epochs": Int(1, 5),
            "lr": Float(1e-6, 1e-3, log=True),
            "final_epochs": Int(5, 40),
            "final_lr": Float(1e-5, 1e-2, log=True),
            "share": Float(0.1, 1.0),
            "score": Choice(("squares", "mean")),
            "target": Choice(("current", "original")),
        },
        # FG section 4 and table 5: kappa (their r is 1 - kappa), epochs between prunings, share.
        # Their code: both rates, the schedule of 13 + 3 + 3 epochs, squares of batches.
        published={
            "kappa": 0.9,
            "sparsity": 0.9,
            "round_epochs": 5,
            "lr": 1e-5,
            "final_epochs": 19,
            "final_lr": 1e-4,
            "share": 0.2,
            "score": "squares",
            "target": "current",
        },
    ),
    "faprune": Space(
        EDGE_POPUP
        | {
            "strength": Float(0.1, 10.0, log=True),
            "alpha": Choice((0.0, 0.5, 1.0)),
            "discriminator_lr": Float(1e-4, 0.03, log=True),
            "discriminator_width": Int(4, 64, log=True),
            "discriminator_steps": Int(1, 5),
            "balanced": Choice((True, False)),
        },
        # FA section 5.1: rate and width; eq. 6 and algorithm 1: strength, steps. alpha is 0 or 1,
        # as the measure is. It does not say how rows count.
        published=EDGE_POPUP_PUBLISHED
        | {
            "strength": 1.0,
            "alpha": 0.0,
            "discriminator_lr": 1e-3,
            "discriminator_width": 8,
            "discriminator_steps": 1,
            "balanced": True,
        },
    ),
    "grasp": Space(
        BY_GRADIENT | {"samples_per_class": Int(2, 32, log=True)},
        published=BY_GRADIENT_PUBLISHED | {"samples_per_class": 10},  # FG's code; ImageNet: 2
    ),
    "keep_all": Space(),  # nothing to search
    "lottery": Space(
        {
            "kappa": Float(0.5, 0.975),
            "sparsity": SPARSITY,
            "rewind": Choice(("init", "early", "trained")),
            "round_epochs": Int(1, 5),
            "lr": Float(1e-6, 1e-3, log=True),
        },
        # As fairgrape's rounds. FG's code goes back to the dense net, not to initial weights.
        published={
            "kappa": 0.9,
            "sparsity": 0.9,
            "rewind": "trained",
            "round_epochs": 5,
            "lr": 1e-5,
        },
    ),
    "magnitude": Space(
        {"sparsity": SPARSITY, "scope": Choice(("global", "layer"))},
        published={"sparsity": 0.9, "scope": "layer"},  # FG, the weight-selection baseline
    ),
    "mask_discovery": Space(
        {
            "keep_target": Float(0.05, 0.9, log=True),
            "beta": Float(0.1, 20.0, log=True),
            "epochs": Int(20, 120),
            "lr": Float(0.005, 0.2, log=True),
            "logit_init": Float(1.0, 5.0),
            "slope": Float(1.0, 100.0, log=True),
            "delta": Float(0.0, 0.03),
        },
        published={  # ZH section 4: keep_target, beta, epochs; the rest is not given there
            "keep_target": 0.1,
            "beta": 5.0,
            "epochs": 80,
            "lr": 0.05,
            "logit_init": 3.0,
            "slope": 20.0,
            "delta": 0.02,
        },
    ),
    "random": Space({"sparsity": SPARSITY}, published={"sparsity": 0.9}),  # as the others of FG
    "snip": Space(
        BY_GRADIENT | {"batch_size": Int(16, 512, log=True)},
        published=BY_GRADIENT_PUBLISHED | {"batch_size": 64},  # FG's code; SNIP itself: 100
    ),
}
