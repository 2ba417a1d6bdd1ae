"""Settings under which each registered stage is short and something happens."""

SMALLEST = {
    ("dense", "erm"): [
        {"max_epochs": 5, "check_every": 2, "lr": 0.05},
        {"max_epochs": 4, "check_every": 1, "optimizer": "sgd", "schedule": "cosine"},
        # learning that fails stops early: after the first check and one without improvement
        {"max_epochs": 6, "check_every": 1, "patience": 1, "lr": 1e-12, "weight_decay": 0.1},
    ],
    ("dense", "given"): [{}],
    ("dense", "untrained"): [{}],
    ("dense", "adversarial_debiasing"): [
        {"max_epochs": 3, "batch_size": 40, "check_every": 1},
        {"max_epochs": 4, "main_every": 2, "adversary_sees": "logits", "projection": "network"},
        # the first epoch's weights are kept: steps are far too long
        {"max_epochs": 5, "check_every": 1, "keep": "best", "patience": 2, "lr": 3.0},
        {
            **{"max_epochs": 3, "adversary_hidden": 4, "adversary_per_label": True},
            **{"adversary_balance": "cells", "adversary_steps": 2, "projection": "none"},
        },
    ],
    ("dense", "uniform_confusion"): [
        {"max_epochs": 4, "batch_size": 40, "lr": 0.01, "head_lr": 0.01},
        {"max_epochs": 3, "batch_size": 40, "main_every": 1, "keep": "best", "check_every": 1},
    ],
    ("dense", "domain_discriminative"): [
        {"max_epochs": 4, "check_every": 1, "lr": 0.05},
        {"max_epochs": 3, "check_every": 2, "prior_shift": False, "over": "max"},
    ],
    ("dense", "domain_independent"): [
        {"max_epochs": 4, "check_every": 1, "lr": 0.05},
        {"max_epochs": 8, "check_every": 2, "optimizer": "sgd", "schedule": "quarters"},
    ],
    ("pruner", "edge_popup"): [
        {"epochs": 3, "batch_size": 40, "sparsity": 0.5},
        {
            **{"epochs": 3, "batch_size": 50, "weights": "constant", "score_init": "kaiming"},
            **{"optimizer": "adam", "lr": 0.01, "scope": "global", "stratified": True},
        },
    ],
    ("pruner", "fairgrape"): [
        {"kappa": 0.5, "sparsity": 0.7, "round_epochs": 2, "lr": 0.01, "final_epochs": 2},
        {
            **{"kappa": 0.6, "sparsity": 0.6, "round_epochs": 1, "final_epochs": 0, "share": 0.5},
            **{"score": "mean", "target": "original", "rule": "reference", "batch_size": 16},
        },
        {"kappa": 0.5, "round_epochs": 1, "final_epochs": 1, "criterion": "taylor"},
        {"kappa": 0.5, "round_epochs": 1, "final_epochs": 1, "criterion": "random"},
    ],
    ("pruner", "faprune"): [
        {"epochs": 3, "batch_size": 40, "sparsity": 0.5, "discriminator_lr": 0.01},
        {
            **{"epochs": 3, "batch_size": 50, "alpha": 0.5, "discriminator_steps": 2},
            **{"weights": "kaiming", "score_init": "kaiming", "balanced": False},
        },
    ],
    ("pruner", "grasp"): [
        {"samples_per_class": 2},
        {"score_on": "random", "mask_on": "pretrained", "sparsity": 0.5, "scope": "layer"},
    ],
    ("pruner", "keep_all"): [{}],
    ("pruner", "lottery"): [
        {"kappa": 0.5, "sparsity": 0.7, "round_epochs": 2, "lr": 0.01},
        {"kappa": 0.4, "sparsity": 0.8, "round_epochs": 1, "rewind": "trained"},
    ],
    ("pruner", "magnitude"): [{"scope": "layer"}, {"scope": "global", "sparsity": 0.5}],
    ("pruner", "mask_discovery"): [
        {"epochs": 3, "lr": 1.0, "keep_target": 0.5, "batch_size": 20},
        {"epochs": 3, "lr": 1.0, "keep_target": 0.3, "loss": "critic", "floor": True},
    ],
    ("pruner", "random"): [{"sparsity": 0.6}, {"sparsity": 0.3, "weights": "fresh"}],
    ("pruner", "snip"): [
        {"batch_size": 20},
        {"score_on": "random", "mask_on": "pretrained", "balanced": True, "batch_size": 9},
        {"score_on": "pretrained", "minority_only": True, "scope": "layer", "sparsity": 0.3},
    ],
    ("recovery", "as_is"): [{}],
    ("recovery", "retrain"): [
        {"epochs": 3, "lr": 1e-2, "batch_size": 16},
        {"epochs": 3, "lr": 1e-2, "schedule": "steps", "learns_from": "debias"},
    ],
    ("recovery", "adversarial"): [
        {"epochs": 3, "lr": 1e-2, "batch_size": 20},
        {"epochs": 3, "lr": 1e-2, "bias_from": "soft", "batch_size": 20},
    ],
    ("recovery", "noise_graft"): [
        {"epochs": 3, "batch_size": 20},
        {"epochs": 4, "batch_size": 20, "decay": 0.9, "schedule": "constant"},
    ],
    ("recovery", "internal_graft"): [{"epochs": 3, "batch_size": 20, "bias_from": "soft"}],
    ("recovery", "external_graft"): [
        {"epochs": 3, "batch_size": 20},
        {"epochs": 3, "batch_size": 20, "bias_from": "soft", "scope": "rootstock"},
    ],
    ("recovery", "netaug"): [
        {"epochs": 4, "batch_size": 20, "diversity": 0.2},
        {"epochs": 3, "batch_size": 20, "bias_from": "soft", "redraw": "step"},
    ],
    ("recovery", "random_perturbation"): [{"tries": 23, "stddev": 0.3}],
    ("recovery", "layerwise"): [
        {"tensors": 3, "calls": 4},
        {"tensors": 99, "calls": 2, "sampler": "random", "entries": 7},
    ],
    ("recovery", "distillation"): [
        {"epochs": 3, "lr": 1.0, "batch_size": 20},
        {"epochs": 3, "lr": 0.5, "batch_size": 20, "gamma": 0.0, "noise": False},
    ],
}
