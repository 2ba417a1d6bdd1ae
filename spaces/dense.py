"""Ranges of the settings of stages that train from scratch, by registry name, with sources.

ZLM: Zhang, Lemoine, Mitchell, "Mitigating Unwanted Biases with Adversarial Learning", AIES 2018,
in AIF360's implementation. DBM: Wang et al., "Towards Fairness in Visual Recognition", CVPR 2020;
where its settings for images differ, the docstrings of the method say so.
"""

from spaces.space import Choice, Float, Int, Space

LR = Float(1e-5, 1e-2, log=True)
ALPHA = Float(0.01, 10.0, log=True)

DENSE: dict[str, Space] = {
    "adversarial_debiasing": Space(
        {
            "alpha": ALPHA,
            "adversary_sees": Choice(("score", "score_and_label", "logits")),
            "adversary_hidden": Choice((0, 8, 32)),
            "adversary_steps": Choice((1, 3, 5)),
            "adversary_balance": Choice(("rows", "groups", "cells")),
            "lr": LR,
            "adversary_lr": LR,
            "max_epochs": Int(10, 200, log=True),
        },
        published={  # ZLM
            "alpha": 0.1,
            "adversary_sees": "score_and_label",
            "adversary_hidden": 0,
            "adversary_steps": 1,
            "adversary_balance": "rows",
            "lr": 1e-3,
            "adversary_lr": 1e-3,
            "max_epochs": 50,
        },
    ),
    "uniform_confusion": Space(
        {
            "alpha": ALPHA,
            "lr": LR,
            "head_lr": LR,
            "max_epochs": Int(20, 500, log=True),
            "main_every": Choice((1, 2, 3)),
        },
        published={  # DBM
            "alpha": 1.0,
            "lr": 1e-4,
            "head_lr": 1e-4,
            "max_epochs": 500,
            "main_every": 3,
        },
    ),
    "domain_discriminative": Space(
        {
            "lr": LR,
            "weight_decay": Float(1e-6, 1e-2, log=True),
            "max_epochs": Int(20, 200, log=True),
            "prior_shift": Choice((True, False)),
            "over": Choice(("sum", "max")),
        },
        published={  # epochs and decay of DBM; the rest (theirs: sgd .1, quarters) is our erm's
            "lr": 1e-3,
            "weight_decay": 5e-4,
            "max_epochs": 200,
            "prior_shift": True,
            "over": "sum",
        },
    ),
    "domain_independent": Space(
        {
            "lr": LR,
            "weight_decay": Float(1e-6, 1e-2, log=True),
            "max_epochs": Int(20, 200, log=True),
        },
        published={"lr": 1e-3, "weight_decay": 5e-4, "max_epochs": 200},  # as the one above
    ),
}
