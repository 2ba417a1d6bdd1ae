"""The events of a search: what each line of its journal holds, and what only its watchers hear.

A TypedDict per kind; at run time they are plain dicts, as they come from JSON. `event` names the
kind and stands first in a line, `time` is in Unix seconds and is added by the journal. What older
versions did not write is `NotRequired`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypedDict, get_args

from analysis.front_json import Certify
from trainables.corrections.chosen_by import ChosenBy
from trainables.evaluation.counts import CountsDict
from trainables.evaluation.packing import PackedArray
from trainables.evaluation.report import DecisionDict, Report

if TYPE_CHECKING:
    from trainables.data.clusters import Agreement  # its package loads pandas

TrialStatus = Literal["running", "finished", "stopped", "failed"]
EndStatus = Literal["finished", "stopped", "failed"]
TRIAL_STATUSES: tuple[TrialStatus, ...] = get_args(TrialStatus)
END_STATUSES: tuple[EndStatus, ...] = get_args(EndStatus)


class ObjectiveFacts(TypedDict):
    """The fields of `Objective`."""

    performance: str  # measures, by name
    bias: str
    tolerance: float
    margin: float


class SharedPool(TypedDict):
    """Settings of a pruner that methods choose one of, so that trials share its results."""

    role: str
    stage: str
    methods: list[str]
    entries: list[dict[str, Any]]  # settings


class PruneByFacts(TypedDict):
    """The groups of [prune_by], which no judge sees; the run's folder has that of each row."""

    group: str  # as [prune_by] names them
    network: str | None  # whose embeddings were clustered, a file; None: the dense net, or no net
    names: list[str]
    rows: list[int]  # of train, per group
    agreement: dict[str, Agreement]  # by attribute
    digest: str


class PowerFacts(TypedDict):
    """What the rows of test can certify of a network whose true bias is 0."""

    rows: int
    level: float  # the error rate of one claim
    certifiable_above: float | None  # no tolerance below can be certified; None: not estimable
    tolerance_for_power: float | None  # what is certified in 80 %


class NamingFacts(TypedDict):
    """What the probability of a certificate depends on, beside a network's decisions on tune."""

    level: float  # the error rate that a network is tested at
    rows: float  # how many rows test has for each of tune
    biases: list[str]  # all have to keep the tolerance


class ExperimentFacts(TypedDict):
    """What has to be known of the data to judge counts without them."""

    name: str
    seed: int
    data: str
    classes: list[str]
    group: str  # the grouping, as [data] names it
    group_names: list[str]
    attributes: dict[str, list[str]]  # name -> its values
    crossing_to_group: list[int]  # (crossings,); -1: left out
    crossing_priors: list[list[float]]  # (crossings, labels), shares of train
    objective: ObjectiveFacts
    sparsity: bool  # whether it is an objective
    # The lowest and the highest that candidates are kept for; absent: the objective's own alone.
    tolerances: NotRequired[list[float]]
    reference: list[float]  # performance, bias, sparsity: where hypervolumes begin
    correction: dict[str, Any]  # its name and settings
    # How the threshold of a second decision is chosen, which is shown and never chosen by
    beside: NotRequired[ChosenBy]
    group_at_prediction: NotRequired[bool]
    naming: NotRequired[NamingFacts]  # absent: by the margin
    notes: list[str]
    smallest_tolerance: NotRequired[float | None]  # of earlier versions, that tune could show
    power: NotRequired[PowerFacts]  # at worst
    hashes: dict[str, str]  # split -> digest of its rows
    rows: dict[str, int]  # split -> number of rows
    pools: NotRequired[list[SharedPool]]
    prune_by: NotRequired[PruneByFacts]
    encoding: NotRequired[str]  # digest of encoder.json
    config: NotRequired[dict[str, Any]]  # what of config.toml stays, see `fixed_part`


class Experiment(ExperimentFacts):
    """The first line of every journal."""

    event: Literal["experiment"]
    time: NotRequired[float]
    run: str  # 32 hex digits
    in_memory: bool  # the data were handed over from Python
    model_in_memory: bool


class DenseFacts(TypedDict):
    """The dense network before any repair, at its best threshold (or argmax)."""

    decision: NotRequired[DecisionDict]  # that other networks are compared with
    counts: dict[str, CountsDict]  # split -> counts at the finest crossing
    sparsity: float
    unpruned: NotRequired[list[str]]  # parameters that no pruner touches
    performance: float
    bias: float | None  # None: not estimable
    trivial_performance: float
    weights: NotRequired[str]  # digest
    digest: NotRequired[str]  # another, of what its file holds
    frozen: NotRequired[list[str]]  # names of the parameters that do not learn
    decided: NotRequired[PackedArray]  # classes, for some rows of tune, see `sampled_rows`
    seconds: NotRequired[float]  # that its training took in this search; missing: it was cached
    epochs: NotRequired[int]  # that it was trained for, where a limit cut the training short


class Dense(DenseFacts):
    """The second line."""

    event: Literal["dense"]
    time: NotRequired[float]


class ReferenceFacts(TypedDict):
    """A fitted model that no trial has made; the front is compared with it."""

    name: str  # of trainables/references/models.py
    # split (held_back, tune) -> counts at the finest crossing: of its scores, or what is to be
    # expected of predictions that are drawn by lot
    counts: dict[str, CountsDict]
    fitted_for: NotRequired[str]  # "aod at 0.05", where its decisions cannot be fitted anew


class References(TypedDict):
    """The models that the front is compared with; a later event takes the place of this one."""

    event: Literal["references"]
    time: NotRequired[float]
    models: list[ReferenceFacts]
    digest: str  # of their file


class Remembered(TypedDict):
    """An ended trial of an earlier run, judged by this search's tolerance."""

    trial: str
    method: str
    status: EndStatus
    spec: dict[str, Any]  # its settings alone
    report: RememberedReport


class RememberedReport(TypedDict):
    """What studies read of the report that stands for a trial."""

    performance: float | None
    bias: float | None
    sparsity: float
    feasible: bool
    beats_trivial: bool
    candidate: None
    dropped: list[str]


class WarmStartFacts(TypedDict):
    """What one earlier run has taught the studies."""

    folder: str
    run: str
    trials: list[Remembered]
    left_out: dict[str, int]  # why -> how many trials


class WarmStart(WarmStartFacts):
    """The studies have learned from an earlier run."""

    event: Literal["warm_start"]
    time: NotRequired[float]


class NoOpSign(TypedDict):
    """By what one sees that a stage of a trial did nothing, see `NoOp` in trainables/stage.py."""

    stage: int  # its place in the trial
    name: str
    loss: str
    at_most: float
    says: str


class TrialStart(TypedDict):
    """A trial has been proposed."""

    event: Literal["trial_start"]
    time: NotRequired[float]
    trial: str
    method: str
    spec: dict[str, Any]  # what Ray hands to the worker, see trainables/trial/spec.py
    learns_from: NotRequired[str]  # splits, joined by +
    no_ops: NotRequired[list[NoOpSign]]  # as its settings said when it was started
    row: NotRequired[str]  # name of the listed trial that it is, see TrialConfig


class ReportEvent(Report):
    """A trial has ended an epoch."""

    event: Literal["report"]
    time: NotRequired[float]


class TrialEnd(TypedDict):
    """A trial will report no more."""

    event: Literal["trial_end"]
    time: NotRequired[float]
    trial: str
    status: EndStatus
    reason: str | None


class Spending(TypedDict):
    """What trials have cost so far, of what they may."""

    spent_hours: float  # of devices
    budget_hours: float | None
    device: str  # GPU or CPU


EndedBy = Literal["trials", "time_limit", "budget"]


class SearchEnd(TypedDict):
    """A session of the search is over."""

    event: Literal["search_end"]
    time: NotRequired[float]
    left: int  # trials that were not run
    ended_by: NotRequired[EndedBy]  # why no more were run
    charged: NotRequired[float]  # samples, see trainables/evaluation/report.py
    spent: NotRequired[float]
    spent_hours: NotRequired[float]  # as in Spending
    budget_hours: NotRequired[float | None]
    device: NotRequired[str]


class Repair(TypedDict):
    """Damaged lines were set aside."""

    event: Literal["repair"]
    time: NotRequired[float]
    file: str  # where they are
    lines: list[int]  # from 1
    again: list[str]  # trials that go on from before the damage
    lost: list[str]  # trials whose start is gone
    gaps: NotRequired[list[int]]  # lines before which others are missing


class ConfirmStart(TypedDict):
    """What will be looked at on test, written down before test is opened."""

    event: Literal["confirm_start"]
    time: NotRequired[float]
    front: list[str]  # candidates
    chosen: str
    seeds: NotRequired[list[str | None]]  # candidates of the retrainings
    references: NotRequired[str]  # digest of the models that are looked at along with it
    certify: NotRequired[Certify]  # how the error rate is shared out


class Confirm(TypedDict):
    """Test was opened for the front."""

    event: Literal["confirm"]
    time: NotRequired[float]
    opening: int  # the how-manieth of these rows


class CompareStart(TypedDict):
    """Test is opened for all that was ever on the front."""

    event: Literal["compare_start"]
    time: NotRequired[float]
    candidates: list[str]


Event = (
    Experiment
    | Dense
    | References
    | WarmStart
    | TrialStart
    | ReportEvent
    | TrialEnd
    | SearchEnd
    | Repair
    | ConfirmStart
    | Confirm
    | CompareStart
)


class Note(TypedDict):
    """A sentence for whoever watches."""

    event: Literal["note"]
    text: str


class Best(TypedDict):
    """The report of best performance among those that could be chosen."""

    trial: str
    epoch: int
    performance: float
    bias: float
    sparsity: float


class SearchStatus(Spending):
    """How far a search is; never written down."""

    event: Literal["status"]
    done: int  # trials that finished
    running: int
    stopped: int
    failed: int
    best: Best | None
    hypervolume: float
    seconds_left: float | None


class HowFar(TypedDict):
    """How far the training of a dense net is."""

    epoch: int  # finished ones
    epochs: int  # at most
    seconds: float  # that its epochs have taken, in all sessions
    best: float | None  # smallest early-stopping loss; None: none was computed
    best_epoch: int | None


class Underway(TypedDict):
    """How far something is that takes many epochs; never written down."""

    event: Literal["underway"]
    of: str  # "dense net", or the name of a retraining
    what: str  # that, and the stage that it is in
    epoch: int  # finished ones
    epochs: int  # at most
    best: NotRequired[float | None]  # smallest early-stopping loss so far
    best_epoch: NotRequired[int | None]
    seconds_left: float | None  # at most; None: not known yet


class Replayed(TypedDict):
    """An event of an earlier session, told again."""

    event: Literal["replay"]
    of: Event


Told = Event | Note | SearchStatus | Underway | Replayed
Listener = Callable[[Told], None]
