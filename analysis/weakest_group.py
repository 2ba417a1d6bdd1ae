"""Which group the network that is to be used decides far worse than others, in one sentence.

A bias says nothing of it: two groups that are decided equally badly are treated alike. What is
said goes by the intervals of the groups' performances, which hold at once, and not by estimates:

- of a group it is not shown that it is decided better than by one and the same answer for all of
  its rows: the lower end of its interval does not lie above what the best such answer reaches;
- a group is far behind: the upper end of its interval lies more than `FAR` below the lower end of
  another group's.
"""

from __future__ import annotations

from dataclasses import dataclass

from analysis.front_json import Front, InGroup
from analysis.front_table import handed_over
from analysis.notation import ends_of, known, number, performance_words, with_interval

FAR = 0.05


@dataclass(frozen=True)
class _Group:
    """A group whose performance is estimable."""

    name: str
    rows: int
    performance: float
    ends: tuple[float, float]
    trivial: float

    def words(self) -> str:
        return with_interval(self.performance, self.ends)

    def is_like_a_constant(self) -> bool:
        """Not where the group has rows of one label only: nothing is better than a constant."""
        return self.trivial < 1 and self.ends[0] <= self.trivial

    def is_far_behind(self, other: _Group) -> bool:
        return self.ends[1] + FAR < other.ends[0]


def weakest_group_sentence(front: Front) -> str | None:
    """The warning about the network that is handed over, or chosen: on test, or on tune while that
    is sealed. None where there is nothing to warn of, or files of earlier versions do not say."""
    point = handed_over(front)
    if point is None:
        return None
    split, values = ("test", point["test"]) if point["test"] else ("tune", point["tune"])
    named = zip(front["objective"].get("groups", ()), values.get("by_group", ()), strict=False)
    groups = sorted(
        (group for name, of_group in named if (group := _group(name, of_group)) is not None),
        key=lambda group: group.performance,
    )
    if not groups:
        return None
    best = groups[-1]
    warned = [each for each in groups if each.is_like_a_constant() or each.is_far_behind(best)]
    if not warned:
        return None
    worst = warned[0]
    measure = performance_words(front["objective"])
    if front["objective"]["performance"] == "worst_group_accuracy":
        measure = "accuracy"
    doubts = []
    if worst.is_like_a_constant():
        doubts.append(
            f"not shown to be better than one and the same answer for all of it, which reaches "
            f"{number(worst.trivial)}"
        )
    if worst.is_far_behind(best):
        doubts.append(f"far below the {best.words()} of {best.name}")
    others = ", ".join(each.name for each in warned[1:])
    return (
        f"Beware: of {worst.name} ({worst.rows:,} rows of {split}) its {measure} is "
        f"{worst.words()}, {' and '.join(doubts)}"
        f"{f'; there are doubts about {others} too' if others else ''}."
    )


def _group(name: str, of_group: InGroup) -> _Group | None:
    performance, trivial = of_group["performance"], of_group["trivial"]
    ends = ends_of(of_group["interval"])
    if not known(performance) or not known(trivial) or ends is None:
        return None
    return _Group(name, of_group["rows"], performance, ends, trivial)
