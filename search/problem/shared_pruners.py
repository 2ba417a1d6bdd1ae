"""Pools of pruner settings, so that the masks of one training serve trials of several methods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from search.config.sections import TrialConfig
from search.journal.events import ExperimentFacts, SharedPool
from spaces.pooled import Pooled
from spaces.space import Nested, Space, Value
from trainables.methods import METHODS
from trainables.stage import Settings, derived_seed
from trainables.trial.spec import STAGES

_T = TypeVar("_T")

ROLE = "pruner"
_SPARE = 4  # points drawn for each entry, since some may coincide


def pooled(spaces: Mapping[str, Space], size: int | None, seed: int) -> dict[str, Space]:
    """`spaces` by method, where the settings of pruners that learn are an index into `size` sets.

    Methods with the same pruner and the same ranges for it get the same sets. With a `size` of
    None or 0 nothing is pooled.
    """
    all_spaces = dict(spaces)
    if not size:
        return all_spaces
    for method, space in spaces.items():
        stage = METHODS[method].slots.get(ROLE)
        if stage is not None and _can_be_shared(stage.name, space):
            entries = _drawn(_part(space), size, derived_seed(seed, "shared pruners", stage.name))
            all_spaces[method] = Pooled.of(space, ROLE, entries)
    return _with_different_begins(all_spaces)


def with_pools(spaces: Mapping[str, Space], facts: ExperimentFacts) -> dict[str, Space]:
    """`spaces` with the pools of a journal's `experiment` event, as they were drawn then.

    Older journals say nothing of pools.
    """
    all_spaces = dict(spaces)
    for pool in facts.get("pools", ()):
        for method in pool["methods"]:
            all_spaces[method] = Pooled.of(spaces[method], pool["role"], pool["entries"])
    return _with_different_begins(all_spaces)


def pools_of(spaces: Mapping[str, Space]) -> list[SharedPool]:
    """The pools of the spaces as the journal holds them; methods with equal sets share one."""
    pools: list[SharedPool] = []
    for method, space in spaces.items():
        if not isinstance(space, Pooled):
            continue
        stage = METHODS[method].slots[space.role].name
        entries = [dict(entry) for entry in space.entries]
        for pool in pools:
            if (pool["stage"], pool["entries"]) == (stage, entries):
                pool["methods"].append(method)
                break
        else:
            pools.append(
                {"role": space.role, "stage": stage, "methods": [method], "entries": entries}
            )
    return pools


def shared_of(space: Space, settings: Nested) -> dict[str, dict[str, int | None]]:
    """The part of a trial's spec about shared stages: `{"shared": {role: index}}`, or nothing."""
    if not isinstance(space, Pooled):
        return {}
    return {"shared": {space.role: space.index(settings)}}


def shared_by_listed(trials: Sequence[TrialConfig]) -> dict[str, dict[str, int]]:
    """Name -> the part of its spec about shared stages, of those listed trials that have one.

    They have the pruner's settings written out: those that are equal have the same index.
    """
    seen: list[tuple[str, Settings]] = []
    shared: dict[str, dict[str, int]] = {}
    for trial in trials:
        stage = METHODS[trial.method].slots.get(ROLE)
        if stage is None:
            continue
        given = trial.settings.get(ROLE, {})
        settings = STAGES[stage.role][stage.name](**{**stage.fixed, **given})
        if can_be_shared(settings):
            if (stage.name, settings) not in seen:
                seen.append((stage.name, settings))
            shared[trial.name] = {ROLE: seen.index((stage.name, settings))}
    return shared


def notes_on(spaces: Mapping[str, Space], size: int | None) -> Iterator[str]:
    """What the user should know of the pools."""
    pools = pools_of(spaces)
    if size and not pools:
        yield "shared_pruners: no method has a pruner that learns, so nothing is shared"
    for pool in pools:
        several = sum(other["stage"] == pool["stage"] for other in pools) > 1
        yield (
            f"shared_pruners: {', '.join(pool['methods'])} choose from {len(pool['entries'])} "
            f"settings of {pool['stage']}"
            + ("; its ranges differ by method, so this pool is one of several" if several else "")
        )


def _with_different_begins(spaces: Mapping[str, Space]) -> dict[str, Space]:
    """`spaces` whose methods begin with different entries of a pool.

    Methods take turns, so if all began with one entry, their first trials would wait for the same
    pruner to be trained.
    """
    all_spaces = dict(spaces)
    for pool in pools_of(spaces):
        for place, method in enumerate(pool["methods"]):
            space = spaces[method]
            if isinstance(space, Pooled):
                all_spaces[method] = replace(space, begin=place % len(space.entries))
    return all_spaces


def _can_be_shared(stage: str, space: Space) -> bool:
    """Whether sharing a pruner's masks is worth it and possible.

    They must come from training, and none of its networks may be a candidate of its trial.
    """
    return can_be_shared(STAGES[ROLE][stage](**space.published_nested().get(ROLE, {})))


def can_be_shared(settings: Settings) -> bool:
    return settings.learns_from != "nothing" and not settings.leaves_candidates


def _part(space: Space) -> Space:
    """The pruner's own settings, by their own names."""
    return Space(_own(space.ranges), _own(space.published), _own(space.fixed))


def _own(part: Mapping[str, _T]) -> dict[str, _T]:
    prefix = f"{ROLE}."
    return {k.removeprefix(prefix): v for k, v in part.items() if k.startswith(prefix)}


def _drawn(part: Space, size: int, seed: int) -> list[dict[str, Value]]:
    """At most `size` different sets of settings: the published ones, then points of a scrambled
    Sobol sequence (Owen, Journal of Complexity 1998)."""
    from scipy.stats.qmc import Sobol  # takes half a second to load

    if not part.ranges:
        return [dict(part.fixed)]
    sequence = Sobol(len(part.ranges), scramble=True, rng=seed)
    entries: list[dict[str, Value]] = []
    for point in sequence.random_base2((_SPARE * size - 1).bit_length()):
        searched = {
            name: its_range.at(float(share))
            for (name, its_range), share in zip(part.ranges.items(), point, strict=True)
        }
        entry = {**part.fixed, **searched, **({} if entries else part.published)}
        if entry not in entries:
            entries.append(entry)
        if len(entries) == size:
            break
    return entries
