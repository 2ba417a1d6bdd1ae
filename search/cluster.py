"""Starts Ray on this machine or joins a cluster, and shuts down only what it started."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import ray
import torch
from ray._private import ray_constants
from torch import nn

from search.errors import UserError
from trainables.user_code import OUR_PACKAGES

CONNECT_SECONDS = 10.0  # that a cluster's head may take to answer

_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no telemetry unless the user turns it on
    "RAY_AIR_NEW_OUTPUT": "0",  # its box of advice is not ours to print
    "RAY_worker_niceness": "0",  # trials are the work; it is the mirror that is to step back
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the journal is the record of every report
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "100000",  # a search resumes from the journal, not from Tune
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C reaches us, and we say how to resume
}


@contextmanager
def connected(address: str | None, *, cpus: int, gpus: bool) -> Iterator[None]:
    """Ray for the length of a `with` block.

    Without `address` a local Ray with `cpus` is started, its dashboard off; with `gpus` it offers
    all of the machine's devices, else none.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    root = Path(__file__).resolve().parents[1]
    known = os.environ.get("PYTHONPATH")
    paths = [str(root), *([known] if known else [])]
    environment = {"PYTHONPATH": os.pathsep.join(paths)}
    started = not ray.is_initialized()
    if started:
        with _own_sigterm():
            _start(address, root, environment, cpus, gpus)
    try:
        yield
    finally:
        if started:
            ray.shutdown()


def _start(
    address: str | None, root: Path, environment: dict[str, str], cpus: int, gpus: bool
) -> None:
    """Joins the cluster at `address`, or starts a Ray that only this machine can reach."""
    if address is not None:
        ray.init(
            address=address,
            logging_level=logging.ERROR,
            log_to_driver=False,
            runtime_env={"working_dir": str(root), "env_vars": environment},
        )
        return
    _listen_on_loopback_only()
    ray.init(
        num_cpus=cpus,
        num_gpus=None if gpus else 0,  # None: Ray counts them
        include_dashboard=False,
        logging_level=logging.ERROR,
        log_to_driver=False,
        runtime_env={"env_vars": environment},
    )


def check_cluster(gpu: float, address: str | None) -> None:
    """Raises UserError where trials would wait for ever: for devices that this machine lacks, or
    for a cluster that does not answer."""
    here = torch.cuda.device_count()
    if address is None and gpu > here:
        raise UserError(
            f"[resources] gpu must be at most the {here} devices of this machine, got {gpu:g}; "
            f"--address joins a cluster that has more"
        )
    host, colon, port = (address or "").rpartition(":")
    if not colon or not port.isdigit() or "/" in host:  # "auto", "ray://...": Ray's to resolve
        return
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise UserError(
            f"--address: no Ray cluster answers at {address!r} ({error.strerror or error})"
        ) from error


def ship_by_value(net: nn.Module) -> list[str]:
    """Makes Ray send the user's own code for `net` along with it, and returns its modules' names.

    A class is pickled as a name to import, and workers do not have the modules that lie beside an
    experiment file. Sent are the modules of the network's classes and what was loaded from the
    same folders; what is installed everywhere, and our own packages, are not.
    """
    own = [module for module in map(_module_of, net.modules()) if module is not None]
    folders = {Path(str(module.__file__)).parent for module in own}
    shipped = [
        module
        for module in list(sys.modules.values())
        if _is_users(module) and Path(str(module.__file__)).parent in folders
    ]
    for module in shipped:
        ray.cloudpickle.register_pickle_by_value(module)
    return sorted(module.__name__ for module in shipped)


def _module_of(part: nn.Module) -> ModuleType | None:
    module = sys.modules.get(type(part).__module__)
    return module if module is not None and _is_users(module) else None


def _is_users(module: ModuleType) -> bool:
    """From a file outside the environment and our packages; __main__ goes by value anyway."""
    file = getattr(module, "__file__", None)
    if file is None or module.__name__ == "__main__":
        return False
    if module.__name__.partition(".")[0] in OUR_PACKAGES:
        return False
    places = {Path(place).resolve() for place in (sys.prefix, sys.base_prefix)}
    return not any(place in Path(file).resolve().parents for place in places)


def _listen_on_loopback_only() -> None:
    """Ray's servers listen on every interface, and `_node_ip_address="127.0.0.1"` is turned into
    the machine's address again; on loopback alone it works only as it does on a Mac, where
    clusters are off. The constant was read when ray was imported, child processes read the
    variable."""
    os.environ[ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR] = "0"
    ray_constants.ENABLE_RAY_CLUSTER = False


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Ray answers SIGTERM by leaving at once, its core even with an abort; the handler that ends a
    search in good order is put back after the block."""
    handler = signal.getsignal(signal.SIGTERM)
    yield
    if threading.current_thread() is threading.main_thread() and handler is not None:
        signal.signal(signal.SIGTERM, handler)
