"""The number formats that networks may learn in; importable without torch."""

from typing import Literal

# bf16: mixed precision. Layers compute in bfloat16; weights, losses and optimizers are float32.
Precision = Literal["float32", "bf16"]
