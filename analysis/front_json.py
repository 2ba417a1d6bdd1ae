"""What front.json holds: its keys, with type, unit and meaning, are written here and nowhere else.

At run time these are plain dicts, as JSON reads them. `search` builds them, the figures, tables
and sentences of this package read them. A key is NotRequired where some fronts lack it: those of
earlier versions, those that are not confirmed yet, or that of a search that is still running,
which says less. All lists of groups begin with group 0, the unprivileged one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict

Split = Literal["tune", "test"]  # tune is what the search saw; test is sealed until confirm
SPLITS: tuple[Split, Split] = ("tune", "test")

# Lower and upper end, both None where not estimable. On tune they hold with 95 % each, on test
# with 95 % for all points, seeds and references together.
Interval = list[float | None]
Measures = dict[str, float | None]  # every measure by name, signed or a ratio; None: not estimable


class InGroup(TypedDict):
    """How well a network decides the rows of one group: by the objective's performance, or by
    accuracy where that is the worst group's."""

    rows: int
    performance: float | None  # None: not estimable
    interval: Interval  # 95 % for all groups at once
    trivial: float | None  # the best that a constant prediction has in this group


class PointValues(TypedDict):
    """What one network, with its decision, is worth on one split; fractions, not percent.

    The keys that are NotRequired are missing where only the headline figures were kept: of the
    dense net while a search runs, and on tune of the best network without the group.
    """

    performance: float | None  # of the objective's measure; None: not estimable
    bias: float | None  # what is compared with the tolerance, >= 0; None: not estimable
    sparsity: float  # fraction of the weights that is removed
    performance_se: NotRequired[float | None]  # its standard error
    performance_interval: NotRequired[Interval | None]
    performance_lower: NotRequired[float | None]  # one-sided 95 % bound
    trivial_performance: NotRequired[float | None]  # the best that a constant prediction reaches
    bias_interval: NotRequired[Interval | None]
    bias_upper: NotRequired[float | None]  # one-sided 95 % bound
    prediction_shares: NotRequired[list[float | None]]  # share of the rows that each class gets
    measures: NotRequired[Measures]
    by_group: NotRequired[list[InGroup]]  # absent too in files of earlier versions
    feasible: NotRequired[bool]  # is certain enough to keep the tolerance on this split
    beats_trivial: NotRequired[bool]  # is clearly better than a constant prediction
    trivial: NotRequired[bool]  # gives nearly all rows one and the same prediction


class BesideValues(TypedDict):
    """What a network is worth by a second decision, which is shown and never chosen by."""

    decision: Any  # as the journal's reports have decisions
    tune: PointValues
    test: PointValues | None  # None before confirm


# Of "its true bias lies below the tolerance", on test: shown at the error rate named before; only
# the estimate lies below; not even that; a cell is empty, or there is no network.
Verdict = Literal["certified", "not certified", "broke", "not estimable"]


class Claim(TypedDict):
    """What may be claimed of a network after test was opened, about the tolerance named before."""

    verdict: Verdict
    p: float  # of "the true bias is at least the tolerance"; before others were accounted for
    # Any tolerance above this bound may be quoted, of all networks that were named together; None:
    # not estimable.
    certified_at: float | None


class FrontPoint(TypedDict):
    """A candidate on the front; where none is feasible, one of those that come closest."""

    candidate: str  # name of its stored weights, masks and decision
    trial: str
    epoch: int  # of the trial, through all of its stages
    method: str  # name of the published pairing
    settings: Mapping[str, Mapping[str, Any]]  # of each stage: {"pruner": {"sparsity": ...}}
    learns_from: NotRequired[str | None]  # the splits that its stages learn from, joined by +
    needs_group: bool  # its decision needs the group at prediction time
    live: NotRequired[float]  # share of units on a live path
    tune: PointValues
    test: PointValues | None  # None before confirm
    feasible: bool  # it could be chosen: named on tune, and clearly better than trivial
    # As tune sees it, the probability that it will be certified on test; absent: not asked
    chance: NotRequired[float]
    chosen: bool  # by what tune shows; at most one point
    claim: NotRequired[Claim | None]  # None before confirm; absent in files of earlier versions
    kept_promise: NotRequired[bool | None]  # of those: the estimate on test keeps the tolerance
    beside: NotRequired[BesideValues]  # only where the front has a second decision
    no_ops: NotRequired[list[str]]  # what its trial was to do and did not; absent: nothing


class Reference(TypedDict):
    """What the front is compared with: the unrepaired dense net, or a model that no trial has
    made, under one way to decide. It is judged and confirmed as a point is, and is none."""

    label: str  # "dense net", "dense net, group thresholds", "logistic regression"
    needs_group: bool
    randomised: NotRequired[bool]  # predictions are drawn by lot; judged by what is to be expected
    fitted_for: NotRequired[str]  # "aod at 0.05": for nothing else, whatever is asked for now
    tune: PointValues
    test: PointValues | None  # None before confirm
    beside: NotRequired[BesideValues]  # of the first one, where the front has a second decision


class DenseNet(TypedDict):
    """The unrepaired dense net with its best threshold (or argmax): the first reference."""

    tune: PointValues | None  # None while a search has not judged it yet
    test: PointValues | None  # None before confirm


class FrontObjective(TypedDict):
    """What the front is judged by."""

    performance: str  # name of the measure that is maximised
    bias: str  # name of the measure whose bias is minimised
    tolerance: float  # of the bias
    margin: float  # a bias below tolerance - margin counts as certain to keep it
    sparsity: bool  # whether sparsity is maximised as well
    group: str  # the grouping: "sex", "sex*race", "race=White"
    groups: list[str]  # their names
    reference: list[float]  # of the hypervolume: performance, bias, sparsity
    # "chance": points are those that will probably be certified; "margin", as where absent: that
    # are certain on tune to keep the tolerance, or nothing was asked for by chance, or is probable
    naming: NotRequired[str]
    group_at_prediction: NotRequired[bool]  # whether a point that needs the group may be chosen


class WithoutGroup(TypedDict):
    """The feasible candidate of best performance on tune that works without the group, be it on
    the front or hidden by a point that needs it."""

    tried: bool  # whether any trial could have left such a candidate
    candidate: str | None  # None: there is none, and method, tune and test are None too
    method: str | None
    tune: PointValues | None
    test: PointValues | None  # None before confirm


class LeftOut(TypedDict):
    """Candidates that could not be judged by the groups that are looked at."""

    method: str
    candidates: int  # how many
    why: str


class BiasUndefined(TypedDict):
    """That no candidate at all has a bias which can be estimated on tune."""

    candidates: int  # how many there are
    empty_cells: list[list[str]]  # [group, label] of each cell of tune without rows


class NoOpRow(TypedDict):
    """Trials whose reports show that a stage did nothing of what it is meant to do."""

    method: str
    stage: str  # name of the stage
    what: str  # did not happen
    trials: int  # in how many
    of: int  # of how many that report what shows it


class SeedRow(TypedDict):
    """The chosen settings trained again with another seed, and the candidate chosen of that."""

    seed: int
    trial: str
    candidate: str | None  # None: it left none, and epoch, tune and test are None too
    epoch: int | None
    feasible: bool  # as of a point
    failure: str | None  # why its trial failed; None: it did not
    tune: PointValues | None
    test: PointValues | None  # None too where the seed was trained after test had been opened
    claim: NotRequired[Claim | None]  # as of a point; None where test is sealed for it
    kept_promise: NotRequired[bool | None]  # as of a point


class Summary(TypedDict):
    """One quantity over the seeds that have it."""

    mean: float
    min: float
    max: float
    sd: NotRequired[float]  # over n - 1; missing with one seed


class SpreadOnSplit(TypedDict):
    """The quantities of all seeds on one split; None where no seed has an estimable one."""

    performance: Summary | None
    bias: Summary | None
    sparsity: Summary | None


class Spread(TypedDict):
    """How far the seeds differ from one another."""

    seeds: int  # how many there are
    feasible: int  # of them on tune
    judged: int  # for how many test was opened
    certified: NotRequired[int | None]  # how many of these; None where none was judged
    # Of earlier versions: how many of these kept the tolerance, by their estimate on test
    kept: NotRequired[int | None]
    tune: SpreadOnSplit | None  # None where no seed has values there
    test: SpreadOnSplit | None


Certify = Literal["front", "chosen"]  # every network alike; the chosen one first


class Claims(TypedDict):
    """How the claims of a confirmed front were tested, and what it would take to make more."""

    error_rate: float  # of all openings of these test rows together
    level: float  # of this one: the error rate of all its claims together
    certify: Certify
    also: list[str]  # biases that have to keep the tolerance as well
    named: int  # networks that are claimed about: the front, the hidden one, seeds
    rows: NotRequired[int]  # of test; absent, as the next but one, in files of earlier versions
    # Rows of test with which a fair network, as often right as the chosen one, would be certified
    # in 80 % at the tolerance, the next time that they are opened; None: not estimable
    rows_for_power: int | None
    tolerance_for_power: NotRequired[float | None]  # at which it would be, with the rows there are


class Front(TypedDict):
    """The whole file."""

    name: str  # of the experiment
    objective: FrontObjective
    hypervolume: float  # share of the box that the points cover which could be chosen, in [0, 1]
    hypervolume_with_group: NotRequired[float]  # the same of all points
    opening: int | None  # the how-manieth opening of these test rows this was; None before confirm
    changed: NotRequired[bool]  # judged by another tolerance, measure or grouping than searched
    candidates: NotRequired[int]  # how many were judged
    methods: NotRequired[list[str]]  # of which there are trials, by name
    # Groups merged or left out, unless the search did so; whether candidates may be missing.
    group_notes: NotRequired[list[str]]
    left_out: NotRequired[list[LeftOut]]
    bias_undefined: NotRequired[BiasUndefined | None]  # None: some candidate has a bias
    between_rounds: NotRequired[int]  # points that their trial went on to prune; absent: none
    without_group: NotRequired[WithoutGroup | None]
    no_ops: NotRequired[list[NoOpRow]]  # absent: nothing is amiss
    # How the second threshold is chosen: fixed (at .5), balanced_accuracy (the best) or fair
    beside: NotRequired[str]
    dense: DenseNet
    references: list[Reference]  # the dense net first; empty while a search runs without models
    points: list[FrontPoint]  # best performance first; closest candidates by rising bias
    # The best certified point by the rule of choosing; None: nothing is certified. Absent before
    # confirm, and in files of earlier versions.
    handed_over: NotRequired[str | None]
    claims: NotRequired[Claims]  # of a confirmed front
    seeds: NotRequired[list[SeedRow]]  # of `confirm --seeds` only
    spread: NotRequired[Spread]  # of `seeds`
