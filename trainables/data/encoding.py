"""How raw rows become what a run's networks read, as it is written down."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from trainables.data.encoder import EncoderDict

if TYPE_CHECKING:
    from trainables.data.prepare import Prepared


class Encoding(TypedDict):
    """What has to be known beside the networks to use them on raw rows."""

    input_shape: list[int]  # of one encoded row
    encoder: EncoderDict


def encoding_of(prepared: Prepared) -> Encoding:
    """The encoding of the rows of `prepared`."""
    return {
        "input_shape": list(prepared.input_shape),
        "encoder": prepared.encoder.to_dict(),
    }
