"""Settings under which a trial of each method is short and something happens; its epochs."""

DISCOVERY = {
    **{"epochs": 3, "lr": 0.2, "keep_target": 0.6, "batch_size": 20},
    **{"beta": 0.5, "logit_init": 1.0},
}
ADVERSARIAL = {"epochs": 4, "lr": 0.1, "batch_size": 20}

SHORT = {
    "dense_threshold": {},
    "group_thresholds": {},
    "magnitude_retrain": {
        "pruner": {"sparsity": 0.5},
        "recovery": {"epochs": 4, "lr": 1e-2, "batch_size": 16},
    },
    "adv_ft": {"recovery": ADVERSARIAL},
    "prune_as_is": {"pruner": DISCOVERY},
    "prune_advft": {"pruner": DISCOVERY, "recovery": {**ADVERSARIAL, "bias_from": "soft"}},
}
EPOCHS = {
    "dense_threshold": 1 + 1,
    "group_thresholds": 1 + 1,
    "magnitude_retrain": 1 + 4,
    "adv_ft": 4,
    "prune_as_is": 3 + 1,
    "prune_advft": 3 + 4,
}
