"""What whoever watches a table being made hears, beside the events of its searches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypedDict

from search.journal.events import Told
from search.reproduce.plan import SearchKind


class TableStart(TypedDict):
    """All of it is checked; the first search is about to start."""

    event: Literal["table"]
    name: str
    searches: int  # at most


class DenseNetsStart(TypedDict):
    """The dense nets of a column are trained, or taken from the cache."""

    event: Literal["dense_start"]
    column: str
    nets: int


class DenseNetReady(TypedDict):
    """One of them is ready."""

    event: Literal["dense_net"]
    left: int


class DenseNetsEnd(TypedDict):
    """All of them are ready."""

    event: Literal["dense_end"]
    seconds: float


class StepStart(TypedDict):
    """A search starts or goes on."""

    event: Literal["step"]
    kind: SearchKind
    column: str
    seed: int
    trials: int
    done: bool  # it had ended before: nothing follows


class StepEnd(TypedDict):
    """A search has ended."""

    event: Literal["step_end"]
    kind: SearchKind
    column: str
    seed: int
    seconds: float  # of this session


class EvaluationStart(TypedDict):
    """All searches have ended; test is about to be opened."""

    event: Literal["evaluation"]


TableEvent = (
    TableStart
    | DenseNetsStart
    | DenseNetReady
    | DenseNetsEnd
    | StepStart
    | StepEnd
    | EvaluationStart
)
TableListener = Callable[[TableEvent | Told], None]
