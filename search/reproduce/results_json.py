"""What results.json of a reproduced table holds: its keys, with type, unit and meaning.

At run time these are plain dicts, as JSON reads them. `results` builds them, the pages and the
picture read them. Fractions throughout, not percent.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict, get_args

from analysis.front_json import Claim, Measures, Verdict
from search.journal.events import ObjectiveFacts
from spaces.space import Nested
from trainables.corrections.chosen_by import ChosenBy
from trainables.evaluation.report import Diagnostics

NetworkKind = Literal["best", "last", "rounds"]  # which network of its trial stands for a row
SettingsKind = Literal["published", "tuned"]  # which settings the methods are run with
SETTINGS_KINDS: tuple[SettingsKind, ...] = get_args(SettingsKind)
Quantity = Literal["performance", "bias", "sparsity"]
# In place of those of columns
Picture = Literal["ellipses", "sparsities", "layers", "by group", "sizes"]
# Of a quantity that a table declares: performance, bias, sparsity, a measure, a summary of values
# by group, by_group.M.G, the value M of the group G, or beside.Q, the performance, bias or measure
# Q by the column's second decision.
QuantityName = str


class ValuesOnTune(TypedDict):
    """What a network was chosen by."""

    performance: float | None  # None: not estimable
    bias: float | None
    feasible: bool


class BesideOnTest(TypedDict):
    """What a network is worth on test by a second decision, which nothing is chosen by."""

    threshold: float  # fitted on held-back rows of debias
    performance: float | None  # None: not estimable
    bias: float | None
    measures: Measures


class ValuesOnTest(TypedDict):
    """What a network is worth on test."""

    performance: float | None  # None: not estimable
    bias: float | None
    sparsity: float  # fraction removed
    measures: Measures
    prediction_shares: list[float | None]
    at_chance: NotRequired[bool]  # not clearly better than a constant prediction; absent: unknown
    # Measure -> its value in each group, in the order of the column's groups.
    by_group: NotRequired[dict[str, list[float | None]]]
    summaries: NotRequired[dict[str, float | None]]  # of values by group, see group_summaries
    # Where the column's experiment asks for a second threshold, of networks with one for all
    beside: NotRequired[BesideOnTest]


class SeedEntry(TypedDict):
    """The network that stands for a row with one seed. References lack what is NotRequired."""

    seed: int
    settings: Nested  # role -> setting -> value
    learns_from: str
    needs_group: bool
    candidate: NotRequired[str | None]  # None: there is no network
    epoch: NotRequired[int | None]
    sparsity: NotRequired[float | None]
    tune: NotRequired[ValuesOnTune | None]
    seconds: NotRequired[float]  # that its trial took
    failure: NotRequired[str | None]  # why there is no network
    test: ValuesOnTest | None
    kept: bool  # whether its bias on test is estimated below the tolerance
    claim: NotRequired[Claim]  # what test certifies; absent in files of earlier versions
    # Of the last epoch of its trial's recovery, on tune; absent: no recovery with epochs
    at_end: NotRequired[ValuesOnTune]
    no_ops: NotRequired[list[str]]  # what its trial was to do and did not; absent: nothing
    round: NotRequired[int]  # of a network within its trial: the round of pruning that it ended
    diagnostics: NotRequired[Diagnostics]  # of its masks, where the method gives any
    # Layer -> share of each group in the importance of its weights, where the picture shows it
    importance: NotRequired[dict[str, list[float]]]


Entries = dict[SettingsKind, dict[str, list[SeedEntry]]]  # kind -> row -> entries by seed


class MeanAndSd(TypedDict):
    """Over those seeds that have a value."""

    mean: float
    sd: float | None  # over n - 1; None with one seed


class PairedDifference(TypedDict):
    """A value less that of the first row with the same seed."""

    mean: float
    interval: list[float] | None  # of the mean, 95 %, by Student's t; None with one pair
    pairs: int


class QuantityOverSeeds(TypedDict):
    """One quantity that the table declares."""

    over_seeds: MeanAndSd | None  # None: no seed has a value
    against_first_row: PairedDifference | None  # None: no pair, or the first row itself


class LastEpoch(TypedDict):
    """The network that was chosen beside the one at the end of the recovery, both on tune."""

    chosen_performance: MeanAndSd | None  # None: no seed has one
    chosen_bias: MeanAndSd | None
    performance: MeanAndSd | None
    bias: MeanAndSd | None


class OverSeeds(TypedDict):
    """A row with one kind of settings, over all seeds, on test.

    Where it shows each round's network, this is the one at the trial's end.
    """

    performance: MeanAndSd | None  # None: no seed has one
    bias: MeanAndSd | None
    sparsity: MeanAndSd | None
    kept: int  # seeds whose network is estimated to keep the tolerance
    measured: int  # seeds with a network
    of: int  # all seeds
    against_first_row: PairedDifference | None  # None: no pair, or the first row itself
    seconds: float | None  # mean per trial; None: of references
    settings: Nested
    entries: list[SeedEntry]
    at_chance: NotRequired[int]  # seeds no better than a constant prediction; absent: none
    no_ops: NotRequired[int]  # seeds whose trial did nothing of what it is meant to; absent: none
    # Seeds with each verdict; absent in files of earlier versions, and where quantities are
    # declared
    verdicts: NotRequired[dict[Verdict, int]]
    fuller: NotRequired[MeanAndSd | None]  # of the measure that the column's `fuller` names
    last_epoch: NotRequired[LastEpoch]  # absent: no recovery with epochs
    # Of a table that declares its quantities, by their names
    quantities: NotRequired[dict[QuantityName, QuantityOverSeeds]]
    rounds: NotRequired[list[OverSeeds]]  # of the rounds before the end, first to last


class PaperFigure(TypedDict):
    """One figure of the paper, see paper.py."""

    printed: str
    value: float
    std: float | None
    bound: str | None
    struck: bool


class TableCell(TypedDict):
    """One row in one column."""

    paper: dict[str, PaperFigure]  # by the paper's word for the quantity
    published: OverSeeds | None  # None: not run so
    tuned: OverSeeds | None
    tuning: str  # what became of tuning this row, in words


class Departure(TypedDict):
    """A setting with which a row is run in place of the published one."""

    setting: str  # role.name
    used: Any
    published: Any


class FairTuning(TypedDict):
    """How long and how fast a row is fine-tuned at published settings."""

    lr: float
    schedule: str
    warmup_steps: int
    epochs: int
    batch_size: int


class ResultRow(TypedDict):
    """One row of the table."""

    name: str
    network: NotRequired[NetworkKind]  # absent: best
    method: str | None  # or the reference's name
    in_paper: bool
    learns_from: str | None  # None: it was not run
    needs_group: bool
    notes: list[str]  # of the paper's row, and of ours
    cells: dict[str, TableCell]  # by column
    departures: dict[str, list[Departure]]  # by column
    correction: NotRequired[dict[str, Any]]  # settings of its own of how decisions are made
    # By column; absent: it is not fine-tuned by the fair loss, or not at published settings
    fair_tuning: NotRequired[dict[str, FairTuning]]


class SmallestCell(TypedDict):
    """The fewest rows of test that the column's bias rests on."""

    rows: int
    group: str
    label: NotRequired[str]  # absent: all rows of the group


class PowerOfColumn(TypedDict):
    """What these rows can certify of a perfectly fair network that is right as often as the dense
    net; both tolerances by how many networks are tested together: one, ten, all of the column."""

    rows: int  # of test
    smallest_cell: SmallestCell
    certifiable_above: dict[str, float]  # at no lower tolerance
    tolerance_for_power: dict[str, float]  # certified in 80 %
    power: float  # probability of being certified at the column's tolerance, with all of them


class ClaimsOpening(TypedDict):
    """The networks that were tested together."""

    opening: int  # of these test rows
    level: float  # probability that any of them is certified wrongly, at most
    named: int  # how many


class ClaimsOfColumn(TypedDict):
    """How a column's networks were tested."""

    error_rate: float  # of all openings of these rows together
    openings: list[ClaimsOpening]
    power: NotRequired[PowerOfColumn]  # absent: not estimable


class ColumnFacts(TypedDict):
    """What a column is about."""

    openings: list[int]  # the how-manieth openings of its test rows these were
    data: str
    groups: list[str]
    objective: ObjectiveFacts
    trivial: float  # performance of a constant prediction
    rows_of_splits: dict[str, int]
    # By which groups pruners went, where that is not plain: small ones, clusters and what these
    # have to do with the attributes. Absent: there is nothing to say.
    pruning_notes: NotRequired[list[str]]
    claims: NotRequired[ClaimsOfColumn]  # absent as `verdicts` are
    fuller: NotRequired[str]  # a measure that does not vanish where gaps cancel, beside the bias
    # The best performance on the dense net's scores, with thresholds per group chosen on test
    # itself, under the tolerance; over seeds. Absent: no threshold, or none keeps it.
    oracle: NotRequired[MeanAndSd]
    networks_of: NotRequired[str]  # the column whose networks it has
    beside: NotRequired[ChosenBy]  # how the threshold of a second decision is chosen
    # What the table declares, with a name for each group; absent: it declares nothing.
    quantities: NotRequired[list[QuantityName]]


class Opening(TypedDict):
    """One time that test was opened."""

    time: float | None  # None: it was not kept
    file: str  # that names what was looked at
    looked_at: dict[str, dict[str, list[int]]]  # column -> kind of settings -> seeds new in it


class TableResults(TypedDict):
    """The whole file."""

    table: str
    title: str
    command: str  # that makes it again
    quick: bool  # a look at whether it runs: its figures mean nothing
    only: SettingsKind | None  # None: both kinds of settings
    changes: list[str]  # `--set`
    seeds: list[int]
    trials: int  # per method, to tune it
    tuning_seed: int
    seconds: float  # of all searches
    versions: dict[str, str]  # package -> version
    machine: str
    caption: str | None  # of the paper's table
    notes: list[str]
    columns: dict[str, ColumnFacts]
    openings: list[Opening]  # oldest first
    rows: list[ResultRow]
    picture: NotRequired[Picture]  # absent: bias and performance of each row
    compared: NotRequired[str]  # a row that others are compared with; absent: the first one alone
