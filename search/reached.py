"""What a trial has reached, in the words of the line that tells of its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from search.journal import Event
from search.selection import feasible_candidate, needs_group

FIGURES = ("performance", "bias", "sparsity")


@dataclass
class Reached:
    """A trial's best feasible report, which is what a front may take from it, and its closest.

    Keeps figures alone: the counts of many reports add up to hundreds of MiB.
    """

    best: dict[str, Any] | None = None
    closest: dict[str, Any] | None = None

    def take(self, report: Event) -> None:
        if feasible_candidate(report):
            if self.best is None or report["performance"] > self.best["performance"]:
                self.best = _kept(report) | {"needs_group": needs_group(report)}
        elif _could_be_closest(report) and (
            self.closest is None or _distance(report) < _distance(self.closest)
        ):
            self.closest = _kept(report)

    def words(self, *, group_allowed: bool) -> str:
        """`group_allowed`: whether what needs the group may be chosen, which is marked if not."""
        if self.best is not None:
            marked = self.best["needs_group"] and not group_allowed
            mark = " (needs the group)" if marked else ""
            return f"best feasible{mark}: {figures(self.best)}"
        if self.closest is None:
            return "nothing feasible"
        performance, bias, sparsity = cells(self.closest)
        trivial = "" if self.closest["beats_trivial"] else ", no better than a constant prediction"
        return (
            f"nothing feasible; least bias {bias} at performance {performance}, "
            f"sparsity {sparsity}{trivial}"
        )


def figures(report: dict[str, Any]) -> str:
    performance, bias, sparsity = cells(report)
    return f"performance {performance}, bias {bias}, sparsity {sparsity}"


def cells(report: dict[str, Any] | None) -> tuple[str, str, str]:
    """Performance, bias and sparsity as text; bias may be not estimable."""
    if report is None:
        return ("-", "-", "-")
    return tuple(  # type: ignore[return-value]
        "-" if report.get(key) is None else f"{report[key]:.3f}" for key in FIGURES
    )


def _kept(report: Event) -> dict[str, Any]:
    return {key: report[key] for key in (*FIGURES, "beats_trivial")}


def _could_be_closest(report: Event) -> bool:
    """Not where bias is not estimable, nor what keeps the tolerance in a stage that offers no
    candidates: its bias would contradict that nothing is feasible."""
    offered_none = report["feasible"] and report["beats_trivial"]
    return report["bias"] is not None and not offered_none


def _distance(report: dict[str, Any]) -> tuple[bool, float]:
    """A constant prediction has no bias, yet is close to nothing."""
    return not report["beats_trivial"], report["bias"]
