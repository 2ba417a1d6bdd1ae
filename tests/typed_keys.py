"""Whether JSON values are what a TypedDict says: used where the same keys are read elsewhere."""

import types
import typing
from collections.abc import Mapping
from typing import NotRequired


def mismatches(value, kind, where=""):
    """Where `value` is not of the type `kind`: missing keys, keys that are not declared, values of
    another type. Empty where it is."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if kind is typing.Any:
        return []
    if typing.is_typeddict(kind):
        return _of_typed_dict(value, kind, where)
    if origin in (typing.Union, types.UnionType):
        tried = [mismatches(value, part, where) for part in parts]
        return min(tried, key=len)
    if origin is list:
        if not isinstance(value, list):
            return [f"{where}: {value!r} is no list"]
        return [
            m for i, each in enumerate(value) for m in mismatches(each, *parts, f"{where}[{i}]")
        ]
    if origin in (dict, Mapping):
        if not isinstance(value, dict):
            return [f"{where}: {value!r} is no mapping"]
        return [m for k, each in value.items() for m in mismatches(each, parts[1], f"{where}.{k}")]
    if origin is typing.Literal:
        return [] if value in parts else [f"{where}: {value!r} is none of {parts}"]
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return []  # JSON does not tell 0 from 0.0
    right = value is None if kind is type(None) else type(value) is kind
    return [] if right else [f"{where}: {value!r} is no {kind.__name__}"]


def _of_typed_dict(value, kind, where):
    if not isinstance(value, dict):
        return [f"{where}: {value!r} is no {kind.__name__}"]
    hints = typing.get_type_hints(kind, include_extras=True)
    optional = {key for key, hint in hints.items() if typing.get_origin(hint) is NotRequired}
    hints |= {key: typing.get_args(hints[key])[0] for key in optional}
    found = [f"{where}: lacks {key}" for key in sorted(hints.keys() - optional - value.keys())]
    for key, each in value.items():
        if key in hints:
            found += mismatches(each, hints[key], f"{where}.{key}")
        else:
            found.append(f"{where}: {key} is not declared in {kind.__name__}")
    return found
