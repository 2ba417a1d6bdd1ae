"""What decides the weights of a dense net, and so where the cache keeps it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from trainables.data import Prepared
from trainables.data.precision import Fused, Precision
from trainables.learning.fingerprint import AFTER_DENSE, training_code


@dataclass(frozen=True)
class DenseRecipe:
    """Everything that decides a dense net's weights, beside the data."""

    name: str  # of DENSE
    settings: dict[str, Any]
    network: str  # `network_fingerprint` of the network that training starts from
    start_hash: str  # `weights_hash` of it
    seed: int
    precision: Precision = "float32"
    fused: Fused = "off"
    threads: int = 1  # of a CPU: results depend on their number
    on_device: bool = False  # it is trained on a device, not on the CPU

    def key(self, prepared: Prepared) -> str:
        """sha256 over the recipe, the code that trains, the splits that the net is trained and
        stopped on, and how these are encoded, grouped and weighted."""
        hashes = {part: prepared.hashes[part] for part in ("train", "early_stop")}
        start = [self.network, self.start_hash]
        where = [self.threads, self.on_device, training_code(AFTER_DENSE)]
        how = [self.precision, self.fused]
        facts = [self.name, self.settings, *start, self.seed, *how, hashes, *where]
        seen: list[object] = [prepared.input_shape, prepared.classes, prepared.group_names]
        seen += [prepared.encoder.to_dict(), [int(group) for group in prepared.crossing_to_group]]
        seen.append(prepared.priors.tolist())
        if len(prepared.input_shape) == 3:
            seen.append(prepared.augment)  # the same images, but trained on another way
        return hashlib.sha256(json.dumps([facts, seen], sort_keys=True).encode()).hexdigest()
