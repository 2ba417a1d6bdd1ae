"""Tables of made-up trials, small enough to replay them by hand.

An epoch is (true positives of group 0, of group 1, true negatives of both) of 100 rows each, so
that performance is the mean of (mean of the first two, third) / 100 and bias their gap / 100.
"""

from dataclasses import dataclass

import numpy as np

from search.replay.pool import pool_of
from search.replay.simulate import simulate
from search.replay.table import COLUMNS, Header, RecordedTable, TrialFacts
from search.schedulers.policy import Verdict
from spaces.space import Choice, Float, Space
from trainables.evaluation.objective import Objective
from trainables.trial.archive import Entry, Tolerances, admit

ONLY_ITS_OWN = Tolerances(0.05, 0.05, 0.05, 0.02)
FAIR, UNFAIR = (80, 80, 70), (80, 60, 70)  # performance .75 and .7, bias 0 and .2
SPACE = Space(
    {"recovery.lr": Float(0.01, 1.0, log=True), "recovery.kind": Choice(("a", "b"))},
    published={"recovery.lr": 0.1},
)


@dataclass
class Made:
    tune: list  # epochs
    test: list | None = None  # the same as on tune
    lr: float = 0.1
    kind: str = "a"
    sparsity: float = 0.0
    charged: int = 10  # by each epoch
    status: str = "finished"
    round_epochs: int = 0  # 0: it has no rounds


def pool(*trials, **about):
    return pool_of(table(*trials, **about), "adv_ft")


def table(*trials, sparsity=False):
    rows = [row for one in trials for row in _rows(one, sparsity)]
    columns = {
        name: np.array([row[name] for row in rows], dtype=kind) for name, kind in COLUMNS.items()
    }
    counts = {split: np.array([row[split] for row in rows]) for split in ("tune", "test")}
    header = Header(
        name="made",
        data="made",
        group="sex",
        group_names=("a", "b"),
        classes=("no", "yes"),
        objective=Objective("balanced_accuracy", "eod", 0.05, 0.02),
        sparsity=sparsity,
        reference=(0.5, 0.05, 0.0),
        seed=0,
        split_seed=0,
        spaces={"adv_ft": SPACE},
        stages={"adv_ft": (("recovery", "adversarial"),)},
        trials=tuple(
            TrialFacts(
                f"t{number}",
                "adv_ft",
                {"recovery.lr": one.lr, "recovery.kind": one.kind},
                one.status,
            )
            for number, one in enumerate(trials)
        ),
    )
    return RecordedTable(header, np.array([len(one.tune) for one in trials]), columns, counts)


def counted(epoch):
    """(groups, labels, predictions) of an epoch."""
    return [[[epoch[2], 100 - epoch[2]], [100 - tp, tp]] for tp in epoch[:2]]


def _rows(one, sparsity):
    rows, archive = [], []
    for number, (tune, test) in enumerate(
        zip(one.tune, one.test or one.tune, strict=True), start=1
    ):
        performance = ((tune[0] + tune[1]) / 2 + tune[2]) / 200
        bias = abs(tune[0] - tune[1]) / 100
        row = {
            **{"stage": 0, "stage_epoch": number, "stage_epochs": len(one.tune)},
            **{"final_stage": True, "charged": one.charged * number, "sparsity": one.sparsity},
            **{"performance_se": 0.01, "bias_low": max(0, bias - 0.01), "bias_high": bias + 0.01},
            **{"bias_upper": bias + 0.01, "feasible": bias < 0.03, "beats_trivial": True},
            **{"candidate": False, "superseded": 0, "tune": counted(tune), "test": counted(test)},
            "round": (number - 1) // one.round_epochs + 1 if one.round_epochs else 0,
        }
        new = Entry(str(number), performance, bias, one.sparsity, bool(bias < 0.03))
        stay = admit(archive, new, sparsity=sparsity, tolerances=ONLY_ITS_OWN)
        if stay is not None:
            row["candidate"] = True
            for old in archive:
                if old not in stay:
                    rows[int(old.candidate) - 1]["superseded"] = number
            archive = [*stay, new]
        rows.append(row)
    return rows


class InOrder:
    """Proposes the pool's trials one after the other; keeps what it is told."""

    def __init__(self, made):
        self._left = list(made.trials)
        self.told = []

    def next(self):
        return self._left.pop(0) if self._left else None

    def tell(self, trial):
        self.told.append((trial.trial, trial.status, trial.epoch))


class StopAt:
    """Stops the named trials after the given epoch; keeps what it was shown."""

    def __init__(self, **epochs):
        self.epochs = epochs
        self.shown = []

    def saw(self, trial):
        self.shown.append((trial.trial, trial.epoch, trial.status))

    def decide(self, trial):
        return Verdict("enough") if self.epochs.get(trial.trial) == trial.epoch else None


def replay(made, policy=None, trials=None, workers=2):
    proposals = InOrder(made)
    found = simulate(
        "adv_ft", proposals, policy, trials=trials or len(made.trials), workers=workers
    )
    return found, proposals
