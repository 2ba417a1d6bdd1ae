"""Starts Ray on this machine or joins a cluster, and shuts down only what it started."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ray

_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no telemetry unless the user turns it on
    "RAY_AIR_NEW_OUTPUT": "0",  # its box of advice is not ours to print
    "RAY_worker_niceness": "0",  # trials are the work; it is the mirror that is to step back
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the journal is the record of every report
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "100000",  # a search resumes from the journal, not from Tune
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C reaches us, and we say how to resume
}


@contextmanager
def connected(
    address: str | None, *, cpus: int, gpus: float, modules: Path | None = None
) -> Iterator[None]:
    """Ray for the length of a `with` block.

    Without `address` a local Ray with `cpus` and `gpus` is started, its dashboard off. `modules`
    is the folder of the user's own Python modules, put on the workers' path.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    root = Path(__file__).resolve().parents[1]
    paths = [str(path) for path in (modules, root) if path is not None]
    known = os.environ.get("PYTHONPATH")
    environment = {"PYTHONPATH": os.pathsep.join([*paths, *([known] if known else [])])}
    started = not ray.is_initialized()
    if started and address is None:
        ray.init(
            num_cpus=cpus,
            num_gpus=gpus,
            _node_ip_address="127.0.0.1",  # its servers are nobody else's business
            include_dashboard=False,
            configure_logging=True,
            logging_level=logging.ERROR,
            log_to_driver=False,
            runtime_env={"env_vars": environment},
        )
    elif started:
        ray.init(
            address=address,
            logging_level=logging.ERROR,
            log_to_driver=False,
            runtime_env={"working_dir": str(root), "env_vars": environment},
        )
    try:
        yield
    finally:
        if started:
            ray.shutdown()
