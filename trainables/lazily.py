"""pandas, loaded when something of it is asked for: images and arrays have no need of it."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

__all__ = ["is_frame", "pd"]

if TYPE_CHECKING:
    import pandas as pd
    from typing_extensions import TypeIs
else:

    class _Lazy(ModuleType):
        def __getattr__(self, name: str) -> Any:
            return getattr(importlib.import_module(self.__name__), name)

    pd = _Lazy("pandas")


def is_frame(given: object) -> TypeIs[pd.DataFrame]:
    """Whether it is a data frame; without pandas there can be none."""
    loaded = sys.modules.get("pandas")
    return loaded is not None and isinstance(given, loaded.DataFrame)
