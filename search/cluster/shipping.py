"""What travels to a cluster's machines: our own packages, and the user's code for the network."""

from __future__ import annotations

import json
import os
import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

from search.errors import UserError
from trainables.names import first_line
from trainables.user_code import INSTALLED, OUR_PACKAGES, ROOT


def code_for_workers() -> dict[str, Any]:
    """Ray's runtime environment with our packages as they are here, and nothing else.

    Sending a working directory instead would take along runs, data and whatever else lies there.
    Where a job was submitted with modules of its own, the answer is empty: Ray refuses two sets.
    """
    from ray._private.runtime_env.constants import RAY_JOB_CONFIG_JSON_ENV_VAR

    job = json.loads(os.environ.get(RAY_JOB_CONFIG_JSON_ENV_VAR, "{}"))
    if "py_modules" in (job.get("runtime_env") or {}):
        return {}
    places = [ROOT / package for package in OUR_PACKAGES]
    return {
        # Ray takes folders and single files; their names have to say which.
        "py_modules": [str(p if p.is_dir() else p.with_suffix(".py")) for p in places],
        "excludes": ["**/__pycache__", "**/*.npz"],  # tables to replay are of no use there
    }


def ship_by_value(net: nn.Module) -> list[str]:
    """Makes Ray send the user's own code for `net` along with it, and returns its modules' names.

    A class is pickled as a name to import, and workers do not have the modules that lie beside an
    experiment file. Sent are the modules that define the network's classes, and what was loaded
    from the same folders. Not sent are our packages and what is installed.
    """
    own = [module for module in map(_module_of, net.modules()) if module is not None]
    if not own:
        return []
    import ray  # half a second, which a dry run need not wait for

    folders = {_folder(module) for module in own}
    shipped = [
        module
        for module in list(sys.modules.values())
        if _folder(module) in folders and _is_users(module)  # few lie there: asked first
    ]
    for module in shipped:
        ray.cloudpickle.register_pickle_by_value(module)
    return sorted(module.__name__ for module in shipped)


def check_sendable(net: nn.Module) -> None:
    """Raises UserError where Ray could not send the network to workers."""
    dumps = pickle.dumps
    if ship_by_value(net):
        import ray

        dumps = ray.cloudpickle.dumps
    try:
        dumps(net)
    except Exception as error:  # of many kinds: whatever a part of it raises
        rule = "[model] the network must be one that can be pickled, to be sent to workers"
        raise UserError(f"{rule}, failed with {first_line(error)}") from error


def _module_of(part: nn.Module) -> ModuleType | None:
    module = sys.modules.get(type(part).__module__)
    return module if module is not None and _is_users(module) else None


def _folder(module: ModuleType) -> str:
    return os.path.dirname(str(getattr(module, "__file__", None)))


def _is_users(module: ModuleType) -> bool:
    """Whether a module is a file of the user's: not installed, not ours.

    `__main__` does not count: Ray sends what is defined there by value anyway.
    """
    file = getattr(module, "__file__", None)
    if file is None or module.__name__ == "__main__":
        return False
    if module.__name__.partition(".")[0] in OUR_PACKAGES:
        return False
    path = Path(file).resolve()
    if INSTALLED & set(path.parts):  # in the user's own or an inherited environment as well
        return False
    places = {Path(place).resolve() for place in (sys.prefix, sys.base_prefix)}
    return not any(place in path.parents for place in places)
