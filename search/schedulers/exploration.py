"""Trials that run to their end whatever a policy thinks, so that it keeps learning the truth.

Under stopping only survivors complete: what is learned from them alone drifts towards ever
stricter decisions. A trial that was spared by lot stands for the others of its kind that were
not, with a weight of one over its chance (Horvitz and Thompson, JASA 1952).
"""

from __future__ import annotations

from trainables.stage import derived_seed


def explored(seed: int, trial: str, share: float) -> bool:
    """Whether the trial is one of the `share` that run to their end; a lot that depends on the
    seed and the trial's name alone, so a resumed search draws the same."""
    return derived_seed(seed, "explored", trial) / 2**63 < share
