"""A stage whose result several trials of a search need: computed once, stored, then replayed.

A result is stored under a hash of all that decides it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from trainables.files import NoLocks, drop_lock, take_lock, whole_file
from trainables.learning.fingerprint import training_code
from trainables.models.net_file import digest
from trainables.stage import derived_seed, seeding_settings, settings_dict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainables.evaluation.report import StageReport
    from trainables.masks import MaskedNet
    from trainables.trial.spec import Spec
    from trainables.trial.workbench import Workbench

log = logging.getLogger(__name__)

_NET, _MASK = "weight:", "mask:"


@dataclass(frozen=True)
class StageResult:
    """What a stage left: its report of each epoch, the weights and masks at its end."""

    reports: tuple[StageReport, ...]
    net: Mapping[str, Tensor]
    masks: Mapping[str, Tensor]  # bool


class Claim:
    """The right to compute a result; it ends with `release` or with this process."""

    def __init__(self, file: IO[bytes] | None) -> None:
        """`file` is the locked one; None where the file system has no locks."""
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            drop_lock(self._file)
            self._file = None


@dataclass(frozen=True)
class StageStore:
    """Files `<key>.safetensors` in one folder; a key is a hash of all that decides a result.

    A file holds the reports, weights and masks, and a checksum over all of it.
    """

    folder: Path

    def path(self, key: str) -> Path:
        return self.folder / f"{key}.safetensors"

    def files(self) -> list[Path]:
        """All results and locks, sorted by name."""
        return sorted((*self.folder.glob("*.safetensors"), *self.folder.glob("*.lock")))

    def get(self, key: str, *, claimed: bool = False) -> StageResult | None:
        """The result, or None where there is none that can be read.

        A damaged file is removed only by whoever holds the claim: for anybody else, a whole one
        may have taken its place meanwhile.
        """
        path = self.path(key)
        try:
            return _read(path, key)
        except FileNotFoundError:
            return None
        except (SafetensorError, ValueError) as error:
            log.warning("%s is damaged and has to be computed again: %s", path, error)
            if claimed:
                path.unlink(missing_ok=True)
            return None
        except OSError as error:  # of this machine or its connection, not of the file
            log.warning("%s cannot be read and is computed again: %s", path, error)
            return None

    def put(self, key: str, result: StageResult) -> None:
        """Writes a result; its file appears at once or not at all."""
        tensors = {_NET + name: tensor for name, tensor in result.net.items()}
        tensors |= {_MASK + name: tensor.to(torch.uint8) for name, tensor in result.masks.items()}
        content = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
        text = json.dumps({"key": key, "reports": result.reports}, allow_nan=False)
        metadata = {"result": text, "checksum": _checksum(text, content)}
        with whole_file(self.path(key)) as file:
            file.write_bytes(save(content, metadata=metadata))

    def claim(self, key: str) -> Claim | None:
        """The right to compute the result, or None while somebody else has it.

        On a file system without locks everybody gets it: the same is then computed twice.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.path(key).with_suffix(".lock").open("ab")
        try:
            taken = take_lock(file)
        except NoLocks:
            log.warning("%s has no locks: shared stages may be computed twice", self.folder)
            file.close()
            return Claim(None)
        except BaseException:
            file.close()
            raise
        if not taken:
            file.close()
            return None
        return Claim(file)


def key_of(facts: Mapping[str, object]) -> str:
    """The key of the result that these JSON-able facts decide; 32 hexadecimal digits."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def _checksum(text: str, content: Mapping[str, Tensor]) -> str:
    return hashlib.sha256(f"{text}\x1f{digest(content)}".encode()).hexdigest()


def _read(path: Path, key: str) -> StageResult:
    """The result in the file.

    Raises FileNotFoundError where there is no such file, SafetensorError where it is none, and
    ValueError where its content is not what was written.
    """
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        # Copied: what is handed out must not change with the file.
        content = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    text = metadata.get("result", "")
    if metadata.get("checksum") != _checksum(text, content):
        raise ValueError("its content does not match its checksum")
    result = json.loads(text)
    if result["key"] != key:
        raise ValueError(f"it is the result of another stage: {result['key']}")
    return StageResult(tuple(result["reports"]), _part(content, _NET), _masks(content))


def _part(content: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in content.items() if k.startswith(prefix)}


def _masks(content: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.bool() for name, tensor in _part(content, _MASK).items()}


_POLL = 0.2  # seconds between two looks while another worker computes


class SharedStage:
    """One stage of one trial whose result is in the store, or is this trial's to compute.

    Of several workers that need a result one computes it and the others wait. Should that one die,
    be stopped or go on with another trial, the next takes over.
    """

    def __init__(self, store: StageStore, key: str) -> None:
        self._store, self._key = store, key
        self._claim: Claim | None = None
        self._waited = 0.0
        self.result: StageResult | None = None  # that is replayed
        self.computed: list[StageReport] = []  # by this trial, one of each epoch

    def ready(self, patience: float = math.inf) -> bool:
        """Whether the stage can go on.

        False where another worker still computes the result after `patience` seconds.
        """
        begin = time.monotonic()
        while not (settled := self._settled()):
            left = begin + patience - time.monotonic()
            if left <= 0:
                break
            time.sleep(min(_POLL, left))
        self._waited += time.monotonic() - begin
        return settled

    def take_waited(self) -> float:
        """The seconds spent in `ready` since the last call.

        They count as the trial's, since it held its device meanwhile.
        """
        waited, self._waited = self._waited, 0.0
        return waited

    def _settled(self) -> bool:
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
        """Stores what this trial has computed, so that those who wait for it go on."""
        net, masks = left.net.state_dict(), left.masks.state_dict()
        self._store.put(self._key, StageResult(tuple(self.computed), net, masks))
        self.close()

    def close(self) -> None:
        """Leaves the result to others where it is not there yet."""
        if self._claim is not None:
            self._claim.release()
            self._claim = None

    def state_dict(self) -> str:
        """What this trial has computed so far; the claim is taken anew."""
        return json.dumps(self.computed)

    def load_state_dict(self, state: str) -> None:
        self.computed = json.loads(state)


def stage_seed(spec: Spec, position: int) -> int:
    """The seed of one stage of a trial.

    It depends on the stage's position. That of a shared stage does not, since other methods have
    the stage elsewhere: it only differs between equal stages of one trial.
    """
    stage = spec.stages[position]
    settings = seeding_settings(stage.settings)
    if stage.slot not in spec.shared:
        return derived_seed(spec.seed, position, stage.name, settings)
    earlier = spec.stages[:position].count(stage)
    return derived_seed(spec.seed, "shared", earlier, stage.name, settings)


def stage_key(spec: Spec, position: int, bench: Workbench, incoming: Sequence[MaskedNet]) -> str:
    """The key of a shared stage's result: all that decides its network or its reports.

    `incoming`, what earlier stages left, counts but for a stage that starts from the dense net.
    """
    stage, prepared = spec.stages[position], bench.prepared
    facts: dict[str, object] = {
        "stage": stage.name,
        "settings": settings_dict(stage.settings),
        "seed": stage_seed(spec, position),
        "dense": bench.dense_digest,
        "network": bench.network,
        "code": training_code(),
        "precision": bench.data.precision,
        "fused": bench.data.fused,
        "incoming": []
        if stage.settings.starts_from_dense
        else [_digest_of(left) for left in incoming],
        "rows": {name: rows for name, rows in prepared.hashes.items() if name != "test"},
        "encoder": prepared.encoder.to_dict(),
        "groups": [list(prepared.group_names), [int(g) for g in prepared.crossing_to_group]],
        "priors": prepared.priors.tolist(),
        "objective": asdict(bench.objective),
        "correction": {"name": spec.correction_name, **spec.correction_settings},
        "correction_seed": spec.seed,
    }
    earlier = {"initial": bench.initial, "early": bench.early}
    for weights in sorted(stage.settings.needs):
        net = earlier[weights]
        facts[weights] = None if net is None else digest(net.state_dict())
    if bench.beside is not None:
        facts["beside"] = bench.beside
    if bench.data.pruning_digest is not None:
        facts["prune_by"] = bench.data.pruning_digest
    return key_of(facts)


def _digest_of(left: MaskedNet) -> str:
    masks = {f"mask {name}": mask for name, mask in left.masks.items()}
    return digest({**left.net.state_dict(), **masks})
