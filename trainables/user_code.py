"""Functions of the user's, named as "module:function" and found beside the experiment file."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from trainables.names import known_names

# All that is ours to import, and so travels to workers; `fairfront` is a single file.
OUR_PACKAGES = ("analysis", "fairfront", "search", "spaces", "trainables")
ROOT = Path(__file__).resolve().parents[1]  # the folder that they lie in
INSTALLED = {"site-packages", "dist-packages"}  # folders that pip and distributions install to


def python_path() -> str:
    """PYTHONPATH of a process that is to import our packages from here."""
    return os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


def load_function(key: str, spec: str, folder: Path | None) -> Callable[..., Any]:
    """The function that `spec` ("module:function") names; `key` is the setting that holds `spec`.

    The module is the file module.py in `folder`, which can import modules that lie beside it;
    never an installed one, which could be any program. Raises ValueError, naming `key`, for a spec
    of another form, a missing module or function, and a module with the name of one of our
    packages, of the standard library or of a library that is installed.
    """
    module_name, _, function_name = spec.partition(":")
    if not function_name.isidentifier() or not module_name.replace(".", "_").isidentifier():
        raise ValueError(f"{key}: must have the form 'module:function', got {spec!r}")
    first = module_name.split(".")[0]
    there = module_file(module_name, folder).is_file() or first in OUR_PACKAGES
    if there and (owner := _owner(first)) is not None:
        rule = f"module must not be named like {owner}: it would take that one's place"
        raise ValueError(f"{key}: {rule}, got {spec!r}; rename the file")
    module = _load_module(key, module_name, folder)
    function = getattr(module, function_name, None)
    if not callable(function):
        known = [name for name, value in vars(module).items() if callable(value)]
        hint = known_names(function_name, [name for name in known if name[0] != "_"])
        raise ValueError(
            f"{key}: {module_name} must define {function_name!r}, it does not; {hint}"
        )
    return function  # type: ignore[no-any-return]


def _owner(name: str) -> str | None:
    """Whose module `name` is, if not the user's. Others import it by that name, in workers too."""
    if name in OUR_PACKAGES:
        return f"a package of fairfront ({', '.join(OUR_PACKAGES)})"
    if name in sys.stdlib_module_names:
        return f"Python's own {name}"
    found = importlib.machinery.PathFinder.find_spec(name)
    if found is None:
        return None
    places = [found.origin] if found.origin else []
    if not places and name in sys.modules:  # a namespace; left-over folders are none in use
        places = list(found.submodule_search_locations or [])
    installed = any(INSTALLED & set(Path(place).parts) for place in places)
    return f"the installed library {name}" if installed else None


def module_file(name: str, folder: Path | None) -> Path:
    """The file of the user's module `name` in `folder`, or in the folder where Python runs."""
    return ((folder or Path()) / Path(*name.split("."))).with_suffix(".py").resolve()


def _load_module(key: str, name: str, folder: Path | None) -> ModuleType:
    file = module_file(name, folder)
    if not file.is_file():
        rule = "module must be a file beside the experiment's"
        raise ValueError(f"{key}: {rule}, but {file} is missing")
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(file):
        return loaded
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))  # last: it must not hide anything installed
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ValueError(f"{key}: module must be a Python file, got {file}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that what it defines can be pickled
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(f"{key}: {file} could not be imported, {reason}") from error
    return module
