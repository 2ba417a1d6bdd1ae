"""The experiment file: TOML and `--set a.b=value`, read, typed and checked."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Self, get_args

import tomli_w
from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

from search.config.checks import Spaces, check_spaces, rule, unasked_stages
from search.config.sections import (
    CorrectionConfig,
    DataConfig,
    DenseConfig,
    ModelConfig,
    Name,
    ObjectiveConfig,
    PruneByConfig,
    ResourcesConfig,
    SearchConfig,
    Section,
    TrackingConfig,
    TrialConfig,
)
from search.config.source import Source, read
from search.config.tracking_uri import masked
from search.errors import UserError
from trainables.names import nearest


class Config(Section):
    """One experiment, resolved and checked. `folder` is where the user's own files are found."""

    name: Name
    seed: Annotated[int, Field(ge=0)] = 0
    folder: str | None = None
    data: DataConfig
    model: ModelConfig = Field(default_factory=ModelConfig)
    dense: DenseConfig = Field(default_factory=DenseConfig)
    correction: CorrectionConfig = Field(default_factory=CorrectionConfig)
    prune_by: PruneByConfig | None = None
    objective: ObjectiveConfig = Field(default_factory=ObjectiveConfig)
    search: SearchConfig = Field(default_factory=SearchConfig)
    trials: Annotated[tuple[TrialConfig, ...], Field(strict=False)] = ()
    space: Annotated[Spaces, AfterValidator(check_spaces)] = Field(default_factory=dict)
    tracking: TrackingConfig = Field(default_factory=TrackingConfig)
    resources: ResourcesConfig = Field(default_factory=ResourcesConfig)

    @model_validator(mode="after")
    def _fill_concurrent(self) -> Self:
        """Written into the resolved value, so that the run's folder says what was done."""
        if self.search.concurrent is None:
            count = max(1, (os.cpu_count() or 1) // self.resources.cpu)
            search = self.search.model_copy(update={"concurrent": count})
            object.__setattr__(self, "search", search)  # frozen for everyone else
        return self

    @model_validator(mode="after")
    def _fill_from_trials(self) -> Self:
        """Listed trials say which methods there are, and how many trials."""
        if not self.trials:
            return self
        if self.search.recording:
            raise ValueError(
                "search.recording must be false where [[trials]] lists trials: replays propose "
                "settings out of ranges, got true"
            )
        names = [trial.name for trial in self.trials]
        if len(set(names)) < len(names):
            raise ValueError(f"trials must each have a name of its own, got {', '.join(names)}")
        listed = {
            "methods": tuple(dict.fromkeys(trial.method for trial in self.trials)),
            "trials": len(self.trials),
        }
        for key in self.search.model_fields_set & listed.keys():
            if (given := getattr(self.search, key)) != listed[key]:
                raise ValueError(
                    f"search.{key} must be left out, or as [[trials]] has it: {listed[key]}, "
                    f"got {given}"
                )
        search = self.search.model_copy(update=listed)
        object.__setattr__(self, "search", search)  # frozen for everyone else
        return self

    @classmethod
    def load(cls, path_or_preset: str | Path, overrides: Sequence[str] = ()) -> Config:
        """The experiment in a file or preset, with `a.b=value` overrides on top.

        Raises UserError naming the file, the key, the rule and the value of all that is wrong.
        """
        source = read(path_or_preset, overrides)
        try:
            with unasked_stages():  # most that can be wrong is told at once
                cls.model_validate(source.values)
            config = cls.model_validate(source.values)
        except ValidationError as error:
            raise UserError("\n".join(dict.fromkeys(_complaints(error, source)))) from error
        if config.folder is None and config.uses_own_files:
            return config.model_copy(update={"folder": str(source.folder)})
        return config

    @property
    def pool_size(self) -> int | None:
        """How many sets of settings pruners choose among; listed trials have settings already."""
        return None if self.trials else self.search.shared_pruners

    @property
    def uses_own_files(self) -> bool:
        """Whether modules or weights of the user are read."""
        pruned_by = self.prune_by and self.prune_by.network
        return any((self.data.load, self.model.build, self.model.weights, pruned_by))

    def to_toml(self) -> str:
        """The resolved file; reading it again gives an equal Config."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))


def _complaints(error: ValidationError, source: Source) -> Iterator[str]:
    """All that pydantic found, one line each, with the file, the key, the rule and the value."""
    for detail in error.errors(include_url=False):
        path = [part for part in detail["loc"] if isinstance(part, str) and part.isidentifier()]
        key = ".".join(path)
        origin = source.origin(key)
        if detail["type"] == "extra_forbidden":
            yield f"{origin}: {_unknown_key(path)}"
            continue
        sentence, value = rule(detail["msg"]), detail["input"]
        without_value = (
            detail["type"] == "missing"
            or " got " in sentence
            or (isinstance(value, str) and repr(value) in sentence)
            or isinstance(value, Mapping | BaseModel)  # too long to be shown
        )
        given = "" if without_value else f", got {masked(repr(value))}"
        named = f"{key}: " if key and not sentence.startswith(f"{key}.") else ""
        yield f"{origin}: {named}{sentence}{given}"


def _unknown_key(path: list[str]) -> str:
    """An unknown key with what it was meant to be: one of another table, or the nearest."""
    known = list(_keys(Config))
    *tables, last = path
    key = ".".join(path)
    elsewhere = [other for other in known if other.rpartition(".")[2] == last]
    beside = [other for other in known if other.split(".")[:-1] == tables]
    close = nearest(key, elsewhere) or nearest(key, beside) or next(iter(elsewhere), None)
    return f"unknown key {key!r}; " + (
        f"did you mean {close!r}?" if close else f"known: {', '.join(beside)}"
    )


def _keys(section: type[BaseModel], table: str = "") -> Iterator[str]:
    """Every dotted key that the file may hold."""
    for name, field in section.model_fields.items():
        yield f"{table}{name}"
        for part in (field.annotation, *get_args(field.annotation)):  # of a list of tables too
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from _keys(part, f"{table}{name}.")
