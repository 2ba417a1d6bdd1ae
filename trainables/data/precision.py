"""How networks compute: the numbers that they learn in, and whose loops."""

from __future__ import annotations

from typing import Literal

# bf16: mixed precision. Layers compute in bfloat16; weights, losses and optimizers are float32.
Precision = Literal["float32", "bf16"]
# auto: multilayer perceptrons of ours run as compiled loops on the CPU; off: layer by layer.
Fused = Literal["auto", "off"]
