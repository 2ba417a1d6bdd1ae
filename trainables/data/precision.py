"""The numbers that networks learn in."""

from __future__ import annotations

from typing import Literal

# bf16: mixed precision. Layers compute in bfloat16; weights, losses and optimizers are float32.
Precision = Literal["float32", "bf16"]
