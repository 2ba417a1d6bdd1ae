"""Registries: entries by name that are imported only when they are asked for.

Whoever lists names or checks one does not wait for torch, Optuna and Ray to load.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Generic, TypeVar

Entry = TypeVar("Entry")


class Registry(MutableMapping[str, Entry], Generic[Entry]):
    """Entries by name, in the order given; `places` has "module:attribute" by name.

    Further entries may be set as they are, by whoever extends a registry from outside.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = dict(places)
        self._entries: dict[str, Entry] = {}

    def __getitem__(self, name: str) -> Entry:
        if name not in self._entries:
            module, _, attribute = self._places[name].partition(":")
            self._entries[name] = getattr(import_module(module), attribute)
        return self._entries[name]

    def __setitem__(self, name: str, entry: Entry) -> None:
        self._places[name] = f"{entry.__module__}:{getattr(entry, '__name__', name)}"
        self._entries[name] = entry

    def __delitem__(self, name: str) -> None:
        del self._places[name]
        self._entries.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def doc(self, name: str) -> str:
        """The docstring of an entry, "" where it has none, read from its source unimported."""
        module, _, attribute = self._places[name].partition(":")
        spec = find_spec(module)
        source = None if spec is None else spec.origin
        tree = ast.parse("" if source is None else Path(source).read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == attribute:
                return inspect.cleandoc(ast.get_docstring(node) or "")
        return inspect.getdoc(self[name]) or ""  # made otherwise
