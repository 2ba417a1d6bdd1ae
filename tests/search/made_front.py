"""Small fronts, as front.json holds them."""

from __future__ import annotations

from typing import Any


def point(name: str, method: str, **changes: Any) -> dict[str, Any]:
    """A point of a front that is not confirmed."""
    values = {"performance": 0.9, "bias": 0.01, "sparsity": 0.5, "measures": {}}
    return {
        "candidate": name,
        "trial": f"trial of {name}",
        "method": method,
        "tune": values,
        "test": None,
        "needs_group": False,
        "feasible": True,
        "chosen": False,
        "claim": None,
        **changes,
    }


def front(*points: dict[str, Any], **more: Any) -> dict[str, Any]:
    dense = {"performance": 0.95, "bias": 0.2, "sparsity": 0.0, "measures": {}}
    return {
        "name": "made",
        "objective": {"performance": "accuracy", "bias": "aod", "tolerance": 0.05},
        "dense": {"tune": dense, "test": None},
        "references": [{"label": "dense net", "needs_group": False, "tune": dense, "test": None}],
        "points": list(points),
        **more,
    }
