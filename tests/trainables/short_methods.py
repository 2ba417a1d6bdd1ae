"""Settings under which a trial of each method is short and something happens; its epochs."""

DISCOVERY = {
    **{"epochs": 3, "lr": 0.2, "keep_target": 0.6, "batch_size": 20},
    **{"beta": 0.5, "logit_init": 1.0},
}
ADVERSARIAL = {"epochs": 4, "lr": 0.1, "batch_size": 20}
GRAFT = {"epochs": 3, "lr": 0.05, "batch_size": 20}
DISTILLATION = {"epochs": 3, "lr": 0.2, "logit_init": 1.0, "batch_size": 20}
ROUNDS = {
    **{"kappa": 0.5, "sparsity": 0.7, "round_epochs": 2, "lr": 0.01, "final_epochs": 2},
    **{"final_lr": 0.01, "share": 0.5, "batch_size": 16},
}
SCORES = {"epochs": 3, "sparsity": 0.5, "batch_size": 30}
AGAINST = {**SCORES, "alpha": 0.5, "discriminator_lr": 0.01, "discriminator_steps": 2}
FINE_TUNING = {"epochs": 2, "lr": 1e-2, "batch_size": 16}
DEBIASING = {"max_epochs": 3, "lr": 0.05}
RETRAINING = {"epochs": 3, "lr": 1e-2, "batch_size": 16, "schedule": "steps"}

SHORT = {
    "dense_threshold": {},
    "group_thresholds": {},
    "magnitude_retrain": {
        "pruner": {"sparsity": 0.5},
        "recovery": {"epochs": 4, "lr": 1e-2, "batch_size": 16},
    },
    "fairgrape": {"pruner": ROUNDS},
    "lottery": {
        "pruner": {
            **{"kappa": 0.5, "sparsity": 0.7, "rewind": "trained"},
            **{"round_epochs": 2, "lr": 0.01},
        },
        "recovery": RETRAINING,
    },
    "snip": {
        "pruner": {"sparsity": 0.5, "score_on": "random", "mask_on": "pretrained"},
        "recovery": RETRAINING,
    },
    "grasp": {"pruner": {"sparsity": 0.5}, "recovery": RETRAINING},
    "random": {"pruner": {"sparsity": 0.5}, "recovery": RETRAINING},
    "dense_retrain": {"recovery": RETRAINING},
    "edge_popup": {"pruner": SCORES},
    "faprune": {"pruner": AGAINST},
    "faprune_retrain": {"pruner": AGAINST, "recovery": FINE_TUNING},
    "scratch": {
        "pruner": {"sparsity": 0.3, "weights": "fresh"},
        "recovery": {"epochs": 8, "lr": 3e-2, "batch_size": 16},
    },
    "fair_sgdp": {"dense": DEBIASING, "pruner": SCORES},
    "fair_lmw": {"dense": DEBIASING, "pruner": {"sparsity": 0.5}, "recovery": FINE_TUNING},
    "edge_popup_random": {"pruner": {**SCORES, "weights": "constant", "epochs": 10}},
    "faprune_random": {"pruner": {**AGAINST, "weights": "kaiming"}},
    "adv_ft": {"recovery": ADVERSARIAL},
    "prune_as_is": {"pruner": DISCOVERY},
    "prune_advft": {"pruner": DISCOVERY, "recovery": {**ADVERSARIAL, "bias_from": "soft"}},
    "noise_graft": {"pruner": DISCOVERY, "recovery": {**GRAFT, "decay": 0.9}},
    "internal_graft": {"pruner": DISCOVERY, "recovery": GRAFT},
    "external_graft": {"pruner": DISCOVERY, "recovery": GRAFT},
    "netaug": {"pruner": DISCOVERY, "recovery": {**GRAFT, "diversity": 0.2}},
    "distil_dense": {"distillation": DISTILLATION},
    "distil_advft": {"recovery": ADVERSARIAL, "distillation": DISTILLATION},
    "distil_extgraft": {"pruner": DISCOVERY, "recovery": GRAFT, "distillation": DISTILLATION},
    "distil_netaug": {"pruner": DISCOVERY, "recovery": GRAFT, "distillation": DISTILLATION},
    "random_perturbation": {"recovery": {"tries": 21}},
    "layerwise": {"recovery": {"tensors": 2, "calls": 4}},
    "adversarial_debiasing": {"dense": DEBIASING},
    "uniform_confusion": {"dense": {"max_epochs": 4, "lr": 0.05, "main_every": 2}},
    "domain_discriminative": {"dense": {"max_epochs": 3, "lr": 0.1, "batch_size": 16}},
    "domain_independent": {"dense": {"max_epochs": 3, "lr": 0.1, "batch_size": 16}},
    "reject_option": {},
    "equalized_odds": {},
    "calibrated_odds": {},
}
EPOCHS = {
    "dense_threshold": 1 + 1,
    "group_thresholds": 1 + 1,
    "magnitude_retrain": 1 + 4,
    "fairgrape": 2 * 2 + 2,
    "lottery": 2 * 2 + 3,
    "snip": 1 + 3,
    "grasp": 1 + 3,
    "random": 1 + 3,
    "dense_retrain": 1 + 3,
    "edge_popup": 3,
    "faprune": 3,
    "faprune_retrain": 3 + 2,
    "scratch": 1 + 8,
    "fair_sgdp": 3 + 3,
    "fair_lmw": 3 + 1 + 2,
    "edge_popup_random": 10,
    "faprune_random": 3,
    "adv_ft": 4,
    "prune_as_is": 3 + 1,
    "prune_advft": 3 + 4,
    "noise_graft": 3 + 3,
    "internal_graft": 3 + 3,
    "external_graft": 3 + 3 + 3,
    "netaug": 3 + 3,
    "distil_dense": 1 + 3,
    "distil_advft": 4 + 3,
    "distil_extgraft": 3 + 3 + 3 + 3,
    "distil_netaug": 3 + 3 + 3,
    "random_perturbation": 3,
    "layerwise": 2,
    "adversarial_debiasing": 3,
    "uniform_confusion": 4,
    "domain_discriminative": 3,
    "domain_independent": 3,
    "reject_option": 1 + 1,
    "equalized_odds": 1 + 1,
    "calibrated_odds": 1 + 1,
}
