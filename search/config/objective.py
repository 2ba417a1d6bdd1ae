"""[objective] of an experiment file."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from search.config.checks import check_bias, check_performance
from search.config.section import Names, OpenFloat, Section, UnitFloat
from trainables.trial.archive import default_tolerances


class ObjectiveConfig(Section):
    """[objective]: what is maximised, what must stay below the tolerance."""

    performance: Annotated[str, AfterValidator(check_performance)] = "balanced_accuracy"
    bias: Annotated[str, AfterValidator(check_bias)] = "aod"
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 0.05
    margin: Annotated[float, Field(ge=0, lt=1)] = 0.02
    sparsity: bool = True  # a third objective
    # Probability that any network is certified on test whose bias is not below the tolerance: over
    # all openings of the same test rows, of which the first has half.
    error_rate_claims: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    # Other biases that a certified network has to keep below the same tolerance.
    also: Annotated[
        tuple[Annotated[str, AfterValidator(check_bias)], ...], Field(strict=False)
    ] = ()
    # What names, at a search's end, the networks that test is opened for: the probability that
    # they will be certified there, or the margin.
    naming: Literal["chance", "margin"] = "chance"
    # The lowest and the highest tolerance that `report --tolerance` is to see whole: a trial keeps
    # what any of them might need. None: half to three times the tolerance.
    tolerances: Annotated[tuple[OpenFloat, OpenFloat], Field(strict=False)] | None = None
    # Whether a network that needs the group at prediction time may be chosen. Such networks are
    # shown in any case, and may be chosen where [correction] itself names what needs the group.
    group_at_prediction: bool = False
    # What samplers improve, of performance, bias and sparsity; None: all of them. The tolerance
    # must be kept in any case.
    optimise: Names | None = None
    # Where the hypervolume begins: performance, bias, sparsity; None: trivial, tolerance, 0.
    reference: Annotated[tuple[UnitFloat, UnitFloat, UnitFloat], Field(strict=False)] | None = None

    @model_validator(mode="after")
    def _objectives_are_judged(self) -> Self:
        judged = ("performance", "bias", "sparsity")[: 2 + self.sparsity]
        names = judged if self.optimise is None else self.optimise
        if not names or len(set(names)) < len(names) or not set(names) <= set(judged):
            raise ValueError(
                f"optimise must name some of {', '.join(judged)}, each once, got {list(names)}"
            )
        return self

    @model_validator(mode="after")
    def _margin_leaves_room(self) -> Self:
        if self.margin >= self.tolerance:
            raise ValueError(
                f"margin must be less than the tolerance of {self.tolerance}, got {self.margin}"
            )
        return self

    @model_validator(mode="after")
    def _tolerances_hold_the_tolerance(self) -> Self:
        low, high = self.tolerance_range
        if not low <= self.tolerance <= high:
            raise ValueError(
                f"tolerances must be [low, high] with the tolerance of {self.tolerance} between "
                f"them, got {[low, high]}"
            )
        return self

    @property
    def tolerance_range(self) -> tuple[float, float]:
        """The lowest and the highest tolerance that candidates are kept for."""
        return self.tolerances or default_tolerances(self.tolerance)
