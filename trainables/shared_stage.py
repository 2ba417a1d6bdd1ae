"""A stage whose result several trials of a search need: computed once, then replayed."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from trainables.stage import derived_seed, settings_dict
from trainables.stage_results import Claim, Part, StageResult, StageStore, digest, key_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainables.masks import MaskedNet
    from trainables.spec import Spec
    from trainables.world import World

_POLL = 0.2  # seconds between two looks while another worker computes


class SharedStage:
    """One stage of one trial: its result is found in the store, or it is this trial's to compute.

    Of several workers that need a result one computes it and the others wait. Should that one
    die, be stopped or go on with another trial, the next takes over.
    """

    def __init__(self, store: StageStore, key: str) -> None:
        self._store, self._key = store, key
        self._claim: Claim | None = None
        self._waited = 0.0
        self.result: StageResult | None = None  # that is replayed
        self.computed: list[Part] = []  # by this trial: of each epoch's report

    def ready(self, patience: float = math.inf) -> bool:
        """Whether the stage can go on; False where another worker still computes the result after
        `patience` seconds."""
        begin = time.monotonic()
        while not (found := self._found()):
            left = begin + patience - time.monotonic()
            if left <= 0:
                break
            time.sleep(min(_POLL, left))
        self._waited += time.monotonic() - begin
        return found

    def take_waited(self) -> float:
        """The seconds spent in `ready` since this was last asked: the trial held its device."""
        waited, self._waited = self._waited, 0.0
        return waited

    def _found(self) -> bool:
        if self._claim is None and self.result is None:
            self.result = self._store.get(self._key)
            if self.result is None and (claim := self._store.claim(self._key)) is not None:
                # It may have been finished between look and claim.
                self.result = self._store.get(self._key, claimed=True)
                if self.result is None:
                    self._claim = claim
                else:
                    claim.release()
        return self._claim is not None or self.result is not None

    def finish(self, left: MaskedNet) -> None:
        """Stores what this trial has computed, and lets those go on who wait for it."""
        net, masks = left.net.state_dict(), left.masks.state_dict()
        self._store.put(self._key, StageResult(tuple(self.computed), net, masks))
        self.close()

    def close(self) -> None:
        """Leaves the result to others, should it not be there yet."""
        if self._claim is not None:
            self._claim.release()
            self._claim = None

    def state_dict(self) -> str:
        """What this trial has computed so far; the claim is taken anew."""
        return json.dumps(self.computed)

    def load_state_dict(self, state: str) -> None:
        self.computed = json.loads(state)


def stage_seed(spec: Spec, position: int) -> int:
    """By position; that of a shared stage only tells equal stages of one trial apart, since other
    methods have the stage elsewhere."""
    stage = spec.stages[position]
    settings = sorted(settings_dict(stage.settings).items())
    if stage.role not in spec.shared:
        return derived_seed(spec.seed, position, stage.name, settings)
    earlier = spec.stages[:position].count(stage)
    return derived_seed(spec.seed, "shared", earlier, stage.name, settings)


def stage_key(spec: Spec, position: int, world: World, incoming: Sequence[MaskedNet]) -> str:
    """The key of a shared stage's result: all that decides its network or its reports.

    `incoming`, what earlier stages left, counts only for a stage that needs it.
    """
    stage, prepared = spec.stages[position], world.prepared
    facts: dict[str, Any] = {
        "stage": stage.name,
        "settings": settings_dict(stage.settings),
        "seed": stage_seed(spec, position),
        "dense": world.dense_digest,
        "precision": world.data.precision,
        "incoming": [_digest_of(one) for one in incoming] if stage.settings.inputs else [],
        "rows": {name: one for name, one in prepared.hashes.items() if name != "test"},
        "groups": [list(prepared.group_names), [int(g) for g in prepared.crossing_to_group]],
        "objective": asdict(world.objective),
        "correction": {"name": spec.correction_name, **settings_dict(spec.correction)},
        "correction_seed": spec.seed,
    }
    return key_of(facts)


def _digest_of(left: MaskedNet) -> str:
    masks = {f"mask {name}": mask for name, mask in left.masks.items()}
    return digest({**left.net.state_dict(), **masks})
