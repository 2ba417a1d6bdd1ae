"""The tables of an experiment file as typed, frozen values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Self, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from search.config.checks import (
    check_group,
    check_pruning_group,
    check_settings,
    check_stages,
)
from search.config.registries import check_name
from search.config.section import FunctionName, Names, OpenFloat, Section
from search.config.tracking_uri import check_uri
from search.units import seconds
from trainables.corrections.chosen_by import ChosenBy
from trainables.data import SPLITS
from trainables.data.input_scale import InputScale, MeanAndStd
from trainables.data.precision import Fused, Precision

# The network where [model] names none: on tables it learns what the published one of ten layers
# does, in a fifth of the time, and stands more pruning.
SMALL = {"width": 64, "hidden": 1}
WEIGHTS = (".safetensors", ".pt", ".pth")
Args = Mapping[str, Any]
FRAME_OPTIONS = ("label", "positive", "attributes", "drop", "missing")


class DataConfig(Section):
    """[data]: a registered data set by name, or the user's own by `load = "module:function"`."""

    name: Annotated[str, AfterValidator(lambda name: check_name("data set", name))] | None = None
    load: FunctionName | None = None
    args: Args = {}  # noqa: RUF012 - pydantic copies it; handed to the loader
    group: Annotated[str, AfterValidator(check_group)]
    label: str | None = None  # FRAME_OPTIONS are for a loader that returns a DataFrame
    positive: str | int | float | bool | None = None
    attributes: Names = ()
    drop: Names = ()
    missing: Literal["refuse", "impute"] = "refuse"
    split_seed: Annotated[int, Field(ge=0)] = 0
    fractions: Mapping[str, float] | None = None  # of train, debias, tune and test; sum to 1
    min_cell: Annotated[int, Field(ge=1)] = 20  # rows of what `min_cell_of` says
    # Each label of each group must have so many rows ("cells"), or each group ("groups"). None:
    # cells where [objective], or a correction in use, looks at rates within cells.
    min_cell_of: Literal["cells", "groups"] | None = None
    small_cells: Literal["merge", "drop"] = "merge"

    @field_validator("fractions")
    @classmethod
    def _splits_sum_to_one(
        cls, fractions: Mapping[str, float] | None
    ) -> Mapping[str, float] | None:
        if fractions is None:
            return None
        if set(fractions) != set(SPLITS):
            raise ValueError(f"must give {', '.join(SPLITS)}")
        if min(fractions.values()) <= 0 or abs(sum(fractions.values()) - 1) > 1e-6:
            raise ValueError("must all be positive and sum to 1")
        return fractions

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.name is not None and self.load is not None:
            raise ValueError("name and load exclude each other: give one of them")
        if self.name is not None and self.frame_options:
            raise ValueError(f"{', '.join(self.frame_options)} go with load, not with name")
        return self

    @property
    def frame_options(self) -> dict[str, Any]:
        """The FRAME_OPTIONS that differ from their defaults."""
        fields = type(self).model_fields
        options = {name: getattr(self, name) for name in FRAME_OPTIONS}
        return {name: value for name, value in options.items() if value != fields[name].default}


Scale = Annotated[tuple[float, ...], Field(strict=False, min_length=1)] | Mapping[str, float]


class InputsConfig(Section):
    """[model] inputs = {mean = ..., std = ...}: what is subtracted, what is divided by then.

    Each is a number, a number for each channel of an array, or those of a table's columns by name.
    For uint8 images they are of pixels divided by 255, as torchvision has them.
    """

    mean: float | Scale
    std: float | Scale


class ModelConfig(Section):
    """[model]: a registered network by name, or the user's own by `build = "module:function"`."""

    name: Annotated[str, AfterValidator(lambda name: check_name("model", name))] | None = None
    build: FunctionName | None = None
    args: Args = {}  # noqa: RUF012 - pydantic copies it; handed to the builder
    # A .safetensors, .pt or .pth file, beside the TOML file or absolute.
    weights: str | None = None
    precision: Precision = "float32"  # that networks learn in; they are judged in float32
    fused: Fused = "auto"  # "off": multilayer perceptrons, too, run layer by layer
    # How numbers and pixels are scaled, for a network that was trained elsewhere: by mean and std
    # of train, not at all, to 0..1 (uint8 by 255, others by the extremes of train), or as given.
    inputs: Literal["standardised", "raw", "0..1"] | InputsConfig = "standardised"
    # What the dense net is known to reach in [objective] performance; less is warned of.
    expect: OpenFloat | None = None

    @property
    def builder(self) -> str:
        """The user's "module:function", else the name of a registered network."""
        return cast("str", self.build or self.name)  # one of them is always given

    @property
    def given_args(self) -> Args:
        """What the file itself has to hand to a builder: nothing where it names no network."""
        return {} if self.name == "mlp" and self.args == SMALL else self.args

    @property
    def scale(self) -> InputScale:
        """How numbers are scaled, as data are prepared."""
        given = self.inputs
        return MeanAndStd(given.mean, given.std) if isinstance(given, InputsConfig) else given

    @model_validator(mode="before")
    @classmethod
    def _default_name(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or {"name", "build"} & given.keys():
            return given
        if {"args", "weights"} & given.keys():
            return {"name": "mlp", **given}
        return {"name": "mlp", "args": dict(SMALL), **given}

    @field_validator("inputs", mode="wrap")
    @classmethod
    def _known_scale(cls, given: Any, check: Callable[[Any], Any]) -> Any:
        """One sentence, instead of one for each form that it does not have."""
        try:
            return check(given)
        except ValidationError as error:
            raise ValueError(
                'must be "standardised", "raw", "0..1" or {mean = ..., std = ...}, with a number, '
                f"one per channel or numbers by column, got {given!r}"
            ) from error

    @field_validator("weights")
    @classmethod
    def _known_format(cls, weights: str | None) -> str | None:
        if weights is not None and not weights.endswith(WEIGHTS):
            raise ValueError("must be a .safetensors, .pt or .pth file")
        return weights

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.name is not None and self.build is not None:
            raise ValueError("name and build exclude each other: give one of them")
        return self


class PruneByConfig(Section):
    """[prune_by]: the groups that pruners read, where they are not those of [data]."""

    # A grouping such as "sex*race", or "clusters:7": k-means groups of a network's embeddings.
    group: Annotated[str, AfterValidator(check_pruning_group)]
    # The network whose embeddings are clustered: a weights file, as torchvision's of ImageNet;
    # None: the dense net.
    network: str | None = None
    model: Annotated[str, AfterValidator(lambda name: check_name("model", name))] = "resnet34"
    args: Args = {}  # noqa: RUF012 - pydantic copies it; of that model, such as stem = "imagenet"
    image_size: Annotated[int, Field(ge=1)] | None = None  # that images are scaled to for it

    @field_validator("network")
    @classmethod
    def _known_format(cls, network: str | None) -> str | None:
        if network is not None and not network.endswith(WEIGHTS):
            raise ValueError("must be a .safetensors, .pt or .pth file")
        return network

    @model_validator(mode="after")
    def _settings_of_a_network_come_with_it(self) -> Self:
        fields = type(self).model_fields
        of_network = ("model", "args", "image_size")
        given = [name for name in of_network if getattr(self, name) != fields[name].default]
        if self.network is None and given:
            raise ValueError(f"{', '.join(given)} must come with network, the file")
        if self.network is not None and not self.group.startswith("clusters:"):
            raise ValueError(f'network is for group "clusters:K", got group {self.group!r}')
        return self


class NamedSettings(BaseModel):
    """A registry entry by name, its settings beside it in the same table."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)
    name: str

    @property
    def settings(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class DenseConfig(NamedSettings):
    """[dense]: where the dense net comes from: erm or a fairer training, given, untrained."""

    name: str = "erm"

    @model_validator(mode="after")
    def _settings_fit(self) -> Self:
        check_settings("dense net", self.name, self.settings)
        return self


class CorrectionConfig(NamedSettings):
    """[correction]: how scores become decisions; multi-class tasks always use argmax."""

    name: str = "threshold"
    # A second threshold, chosen so, whose values are shown beside the others and never chosen by.
    beside: ChosenBy | None = None

    @model_validator(mode="after")
    def _settings_fit(self) -> Self:
        check_settings("correction", self.name, self.settings)
        return self

    @model_validator(mode="after")
    def _beside_is_another_decision(self) -> Self:
        if self.name != "threshold" or self.beside is None:
            return self
        from trainables.corrections.threshold import Threshold

        first = self.settings.get("choose", Threshold.choose)
        if self.beside == first:
            raise ValueError(
                f"beside must be another choice than the one that decides, got {first!r} twice"
            )
        return self


class SearchConfig(Section):
    """[search]: which methods, how many trials, how they are proposed and stopped."""

    methods: Annotated[
        tuple[Annotated[str, AfterValidator(lambda name: check_name("method", name))], ...],
        Field(strict=False),
    ] = ("adv_ft", "prune_advft", "magnitude_retrain")
    trials: Annotated[int, Field(ge=1)] = 60  # in all, shared evenly over the methods
    sampler: Annotated[str, AfterValidator(lambda name: check_name("sampler", name))] = "tpe"
    scheduler: Annotated[str, AfterValidator(lambda name: check_name("scheduler", name))] = (
        "bias_tolerance"
    )
    # Share of the trials that would become feasible, yet may be stopped.
    error_rate: Annotated[float, Field(gt=0, lt=1)] = 0.05
    concurrent: Annotated[int, Field(ge=1)] | None = None  # trials at once; None: CPUs // cpu
    time_limit: Annotated[float, BeforeValidator(seconds), Field(gt=0)] | None = None  # seconds
    # Seconds of GPUs, or of CPU cores where a trial has no GPU, over all sessions and trials.
    budget: Annotated[float, BeforeValidator(seconds), Field(gt=0)] | None = None
    # Pruners that learn choose among this many sets of settings, and the methods share the masks
    # that each set leads to; None or 0: each trial has settings and masks of its own.
    shared_pruners: Annotated[int, Field(ge=0)] | None = None
    # Whether tables get models to compare with; None: unless trials are listed or recorded.
    references: bool | None = None
    warm_start: Names = ()  # folders of earlier runs on the same task, to learn from
    # None: even in recordings and runs of earlier versions, else adaptive.
    share: Literal["even", "adaptive"] | None = None
    # Settings not named follow from the data (spaces/fitted.py). None: fitted, unless [[trials]]
    # lists trials; in runs of earlier versions published.
    defaults: Literal["fitted", "published"] | None = None
    # Counts every candidate on test too, in trials of full length: `fairfront replay` tells from
    # them what stopping would have saved and lost. Such a run has no honest front.
    recording: bool = False

    @model_validator(mode="after")
    def _recordings_are_full_length(self) -> Self:
        if self.recording and self.scheduler != "none":
            raise ValueError(
                f"scheduler must be none where recording is true, got {self.scheduler!r}"
            )
        return self

    @field_validator("methods")
    @classmethod
    def _each_once(cls, methods: tuple[str, ...]) -> tuple[str, ...]:
        if not methods or len(set(methods)) < len(methods):
            raise ValueError("must name at least one method, and each once")
        return methods


class TrialConfig(Section):
    """[[trials]]: a trial at settings of its own, run exactly once.

    A file that lists trials has no others: nothing is proposed. `keep` says which of its networks
    are kept whatever they are worth: "last", that at its end; "rounds", that at the end of each
    round of pruning; "pareto", none but those that the front may need.
    """

    name: Annotated[str, Field(min_length=1)]  # free text, of which a resumed search knows it
    method: Annotated[str, AfterValidator(lambda name: check_name("method", name))]
    # slot of a stage -> setting -> value; what is not given is the stage's default
    settings: Mapping[str, Mapping[str, Any]] = {}
    # Settings of its correction: that of its method, or else the one of [correction].
    correction: Mapping[str, Any] = {}
    keep: Literal["pareto", "last", "rounds"] = "pareto"

    @model_validator(mode="after")
    def _stages_take_the_settings(self) -> Self:
        check_stages(self.method, self.settings)
        return self


class TrackingConfig(Section):
    """[tracking]: where MLflow keeps its copy; without `uri` a file in the run's folder."""

    enabled: bool = True
    uri: Annotated[str, AfterValidator(check_uri)] | None = None  # of a server or a database


class ResourcesConfig(Section):
    """[resources]: what one trial occupies."""

    cpu: Annotated[int, Field(ge=1)] = 1
    gpu: Annotated[float, Field(ge=0)] = 0.0  # a fraction below 1 shares one device

    @field_validator("gpu")
    @classmethod
    def _devices_are_not_cut_across(cls, gpu: float) -> float:
        """A fraction lies on one device, so other numbers would leave a part of it idle."""
        whole = gpu if gpu >= 1 or gpu == 0 else 1 / gpu
        if abs(whole - round(whole)) > 1e-2:
            raise ValueError("must be a whole number or one over a whole number")
        return gpu
