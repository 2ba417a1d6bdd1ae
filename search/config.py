"""The experiment file: TOML and `--set a.b=value`, typed and checked before anything starts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

import tomli_w
from pydantic import AfterValidator, Field, ValidationError, model_validator

from search.config_checks import check_spaces
from search.config_file import as_user_error, read
from search.sections import (
    CorrectionConfig,
    DataConfig,
    DenseConfig,
    ModelConfig,
    Name,
    ObjectiveConfig,
    ResourcesConfig,
    SearchConfig,
    Section,
    TrackingConfig,
)

# method -> role -> setting, and role -> stage -> setting for all methods that have the stage
Spaces = Mapping[str, Mapping[str, Mapping[str, Any]]]


class Config(Section):
    """One experiment, resolved and checked. `folder` is where the user's own files are found."""

    name: Name
    seed: Annotated[int, Field(ge=0)] = 0
    folder: str | None = None
    data: DataConfig
    model: ModelConfig = Field(default_factory=ModelConfig)
    dense: DenseConfig = Field(default_factory=DenseConfig)
    correction: CorrectionConfig = Field(default_factory=CorrectionConfig)
    objective: ObjectiveConfig = Field(default_factory=ObjectiveConfig)
    search: SearchConfig = Field(default_factory=SearchConfig)
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

    @classmethod
    def load(cls, path_or_preset: str | Path, overrides: Sequence[str] = ()) -> Config:
        """The experiment in a file or preset, with `a.b=value` overrides on top.

        Raises UserError naming the file, the key, the rule and the value of all that is wrong.
        """
        source = read(path_or_preset, overrides)
        try:
            config = cls.model_validate(source.values)
        except ValidationError as error:
            raise as_user_error(error, source, cls) from error
        if config.folder is None and config.uses_own_files:
            return config.model_copy(update={"folder": str(source.folder)})
        return config

    @property
    def uses_own_files(self) -> bool:
        """Whether modules or weights of the user are read."""
        return any((self.data.load, self.model.build, self.model.weights))

    def to_toml(self) -> str:
        """The resolved file; reading it again gives an equal Config."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))
