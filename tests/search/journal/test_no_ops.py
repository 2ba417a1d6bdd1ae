"""Trials that did nothing of what their stages are meant to do are told from those that did."""

import pytest
import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch import nn

from search.front.build import build_front
from search.front.view import view_of
from search.journal.no_ops import NoOps
from tests.search.front.test_build import DENSE, FACTS, FAIR, WORSE, report
from tests.trainables.made_data import made_prepared
from trainables.evaluation.objective import Objective
from trainables.learning.group_adversary import GroupAdversary, advantage, guess_loss
from trainables.masks import MaskedNet, Masks
from trainables.methods import METHODS, Method, Stage
from trainables.pruners import PRUNERS
from trainables.stage import NoOp, Settings, StageRun
from trainables.trial.pipeline import Pipeline
from trainables.trial.spec import Spec
from trainables.trial.workbench import Workbench

SAYS = "its adversary found out nothing of groups"
LITTLE = 0.01  # nats


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Watched(Settings):
    """An adversary learns to tell groups by what a network says; the network stays as it is."""

    lr: float = 0.1
    epochs: int = 12
    sharpen: bool = True  # what there is no sign of where it is not asked for

    learns_from = "train"

    @property
    def no_ops(self):
        return (NoOp("advantage", LITTLE, SAYS),) if self.sharpen else ()

    def start(self, context):
        return _Watching(self, context)


class _Watching(StageRun):
    def __init__(self, settings, context):
        self.epochs = settings.epochs
        self._net, self._part = context.dense, context.data.part("train")
        self._adversary = GroupAdversary("logits", 2, 2, 1, context.generator("adversary"))
        self._optimizer = torch.optim.Adam(self._adversary.parameters(), lr=settings.lr)

    def epoch(self, generator):
        with torch.no_grad():
            logits = self._net(self._part.inputs)
        groups, labels = self._part.groups, self._part.labels
        for _ in range(20):
            loss = guess_loss(self._adversary(logits, labels), groups, labels, balance="groups")
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
        found = float(loss.detach())
        known = advantage(found, groups, labels, balance="groups", knows_label=False)
        return {"adversary": found, "advantage": known}

    def result(self):
        return MaskedNet(self._net, Masks.keep_all(self._net))

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


@pytest.fixture(autouse=True)
def watched(monkeypatch):
    """A method of one stage that watches a network."""
    monkeypatch.setitem(PRUNERS, "watched", Watched)
    method = Method((Stage("pruner", "watched"),), "watched", "2026")
    monkeypatch.setitem(METHODS, "watched", method)


def start(trial, method="watched", **settings):
    spec = {"trial": trial, "method": method, "seed": 1, "settings": {"pruner": settings}}
    spec["correction"] = {"name": "threshold"}
    return {"event": "trial_start", "trial": trial, "method": method, "spec": spec}


def reports(trial, advantages, epochs=None):
    """Of the trial's only stage, which takes as many epochs as there are, or more."""
    for epoch, value in enumerate(advantages, start=1):
        facts = {"event": "report", "trial": trial, "epoch": epoch, "stage": 0}
        place = {"stage_epoch": epoch, "stage_epochs": epochs or len(advantages)}
        yield {**facts, **place, "losses": {"loss": 1.0, "advantage": value}}


def end(trial, status="finished"):
    return {"event": "trial_end", "trial": trial, "status": status, "reason": None}


def heard(*events):
    no_ops = NoOps()
    for event in events:
        no_ops.take(event)
    return no_ops


def tried(trial, method="watched", **settings):
    """A trial of one stage on data whose groups the network gives away, as the journal has it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 1))
    with torch.no_grad():  # what it says is the second input, which goes with the group
        net[0].weight[:, 1] += 1.0
        net[2].weight.abs_()
    bench = Workbench.open(made_prepared(), net, Objective(), device="cpu")
    begun = start(trial, method, **settings)
    pipeline = Pipeline(Spec.from_config(begun["spec"]), bench)
    yield begun
    while not pipeline.done:
        yield {"event": "report", **pipeline.step()}
    yield end(trial)


def test_an_adversary_that_does_not_learn_is_flagged_and_one_that_does_is_not():
    no_ops = heard(*tried("t1", lr=0.0), *tried("t2", lr=0.1))

    (sentence,) = no_ops.of("t1")
    assert sentence.startswith(f"watched: {SAYS} (advantage at most")
    assert no_ops.of("t2") == []
    row = {"method": "watched", "stage": "watched", "what": SAYS}
    assert no_ops.rows() == [{**row, "trials": 1, "of": 2}]


def test_of_pruning_against_an_adversary_too_and_of_masks_that_never_change():
    """With strength 0 the adversary is only told of; with a tiny rate no score passes another."""
    few = {"epochs": 4, "batch_size": 25, "sparsity": 0.4}
    learning = {**few, "discriminator_lr": 0.05, "discriminator_steps": 5}
    no_ops = heard(
        *tried("idle", "faprune", **few, discriminator_lr=0.0, lr=0.5),
        *tried("learning", "faprune", **learning, lr=0.5),
        *tried("strength 0", "faprune", **few, discriminator_lr=0.0, strength=0.0, lr=0.5),
        *tried("frozen", "edge_popup", **few, lr=1e-9),
    )

    assert no_ops.of("idle") == ["faprune: its adversary never learned (learned at most 0)"]
    assert no_ops.of("learning") == []
    assert no_ops.of("strength 0") == []
    assert no_ops.of("frozen") == ["edge_popup: its mask never changed (changed at most 0)"]


def test_a_stage_that_is_not_meant_to_do_it_is_not_flagged():
    assert heard(*tried("t1", lr=0.0, sharpen=False)).of("t1") == []


@pytest.mark.parametrize(
    ("advantages", "flagged"),
    [
        ([-0.2, 0.0, 0.009], True),
        ([0.01, 0.01, 0.01], True),  # the bound itself is nothing yet
        ([0.0, 0.011, 0.0], False),  # one epoch is enough
        ([0.3, 0.0, 0.0], False),  # found out first, then hidden by the network
    ],
)
def test_what_counts_is_the_best_of_all_epochs(advantages, flagged):
    no_ops = heard(start("t"), *reports("t", advantages), end("t"))

    assert bool(no_ops.of("t")) is flagged


@pytest.mark.parametrize(
    ("status", "epochs", "flagged"),
    [
        ("running", 5, False),  # it may still learn
        ("running", 8, True),  # the stage is over, the trial need not be
        ("stopped", 3, True),
        ("stopped", 2, False),  # too early to say
        ("finished", 4, True),  # early, by its scheduler
        ("failed", 5, False),  # it says so itself
    ],
)
def test_a_stage_is_flagged_once_it_is_over_or_its_trial_was_cut_short(status, epochs, flagged):
    told = [start("t"), *reports("t", [0.0] * epochs, epochs=8)]
    told += [end("t", status)] if status != "running" else []

    assert bool(heard(*told).of("t")) is flagged


def test_repeated_epochs_and_resumed_trials_change_nothing():
    whole = [*reports("t", [0.0, 0.02, 0.0])]
    told = [start("t"), *whole[:2], start("t"), *whole, end("t")]

    assert heard(*told).of("t") == heard(start("t"), *whole, end("t")).of("t") == []


def test_trials_of_other_versions_are_passed_over():
    unknown = start("t1") | {"spec": {"settings": {}}}
    renamed = start("t2", colour="red")

    no_ops = heard(unknown, renamed, *reports("t1", [0.0]), *reports("t2", [0.0]), end("t1"))

    assert no_ops.rows() == []


def test_a_front_says_it_of_its_points_and_of_all_trials():
    """t1 and t2 are on the front, t3 was stopped; only t2's adversary learned."""
    events = [
        *[DENSE, start("t1"), start("t2"), start("t3")],
        *reports("t1", [0.0, 0.001]),
        *reports("t2", [0.1, 0.2]),
        *reports("t3", [0.0] * 4, epochs=9),
    ]
    events = [{"candidate": None, "dropped": [], **event} for event in events]
    for trial, net, sparsity in (("t1", FAIR, 0.5), ("t2", WORSE, 0.9)):
        last = next(e for e in events if e.get("trial") == trial and e.get("epoch") == 2)
        last |= report(trial, net, sparsity, epoch=2)

    front = build_front(FACTS, [*events, end("t3", "stopped")], view_of(FACTS))

    t1, t2 = front["points"]
    assert (t1["trial"], t2["trial"]) == ("t1", "t2")
    assert SAYS in t1["no_ops"][0]
    assert "no_ops" not in t2
    (row,) = front["no_ops"]
    assert (row["trials"], row["of"]) == (2, 3)


def test_a_front_without_any_says_nothing():
    events = [DENSE, start("t1"), *reports("t1", [0.2]), end("t1")]
    events = [{"candidate": None, "dropped": [], **e} for e in events]

    assert "no_ops" not in build_front(FACTS, events, view_of(FACTS))
