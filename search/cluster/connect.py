"""Starts Ray on this machine or joins a cluster, and shuts down only what it started."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

import ray
import torch
from ray._private import ray_constants
from ray._private.services import canonicalize_bootstrap_address
from ray.exceptions import RayError

from search.cluster.deaths import deaths_told, own_sigterm, silence_ray
from search.cluster.loading import loading
from search.cluster.ray_folder import ray_folder, temporary_place
from search.cluster.shipping import code_for_workers
from search.errors import MachineFault, UserError
from trainables.trial.names import LOADED
from trainables.user_code import python_path

CONNECT_SECONDS = 10.0  # that a cluster's head may take to answer

_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no telemetry unless the user turns it on
    "RAY_AIR_NEW_OUTPUT": "0",  # its box of advice is not ours to print
    "RAY_worker_niceness": "0",  # trials come first; MLflow's mirror is the one that steps back
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the journal is the record of every report
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "100000",  # a search resumes from the journal, not from Tune
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C reaches us, and we say how to resume
}


@contextmanager
def connected(address: str | None, *, cpus: int, gpus: bool, per_trial: int = 1) -> Iterator[None]:
    """Ray for the length of a `with` block; within another such block, the same Ray.

    Without `address` a local Ray with `cpus` is started, its dashboard off; with `gpus` it offers
    all of the machine's devices, else none. Its workers load what a trial needs as they start,
    which take `per_trial` CPUs each. Raises UserError where a cluster cannot be joined, and
    MachineFault where Ray cannot be started, or dies within the block.
    """
    if ray.is_initialized():
        yield
        return
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    silence_ray()
    with ray_folder() if address is None else nullcontext() as folder:
        try:
            with own_sigterm():
                if folder is not None:
                    _start(cpus, gpus, folder, per_trial)
                else:
                    _join(str(address))
            if folder is None:
                with deaths_told():
                    yield
            else:
                workers = cpus if per_trial == 1 else 0
                with deaths_told(), _for_any_worker(), loading(folder, workers):
                    yield
        finally:
            ray.shutdown()


def cluster_address(address: str | None) -> str | None:
    """`address`, or the RAY_ADDRESS of the environment, as `ray job submit` sets it.

    Raises UserError for an address of another kind than Ray's "auto" and "host:port".
    """
    given = address or os.environ.get("RAY_ADDRESS") or None
    if given is None or given == "auto":
        return given
    who = "--address" if address else "RAY_ADDRESS"
    if given.startswith("ray://"):
        raise UserError(
            f"{who}: a search cannot be driven through Ray Client, got {given!r}; run it on a "
            f"machine of the cluster, or hand it over with `ray job submit`"
        )
    host, _, port = given.rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        raise UserError(f'{who}: must be "auto" or the host:port of a Ray head, got {given!r}')
    return given


def check_cluster(gpu: float, address: str | None) -> None:
    """Raises UserError where trials would wait for ever, or Ray cannot be started here.

    They would wait for devices that this machine lacks, or for a cluster that does not answer.
    `address` is what `cluster_address` returned.
    """
    here = torch.cuda.device_count()
    if address is None and gpu > here:
        raise UserError(
            f"[resources] gpu must be at most the {here} devices of this machine, got {gpu:g}; "
            f"--address joins a cluster that has more"
        )
    if address is None:
        temporary_place()
        return
    known = canonicalize_bootstrap_address("auto") if address == "auto" else address
    if known is None:
        raise UserError("--address: no Ray cluster is found on this machine, got 'auto'")
    host, _, port = known.rpartition(":")
    try:
        # Ray itself tries for many minutes to join one that has gone, or that is a local Ray of
        # another process: those listen on loopback alone.
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise UserError(
            f"--address: no Ray cluster answers at {known!r} ({error.strerror or error})"
        ) from error


def close_token_file() -> None:
    """Lets nobody else read the token of this user's clusters.

    Ray writes its file for all to read, and whoever has the token may run anything.
    """
    token = Path.home() / ".ray" / "auth_token"
    if token.exists() and token.stat().st_mode & 0o077:
        token.chmod(0o600)


def _start(cpus: int, gpus: bool, folder: Path, per_trial: int) -> None:
    """A Ray of our own in `folder`, that only this machine can reach, whatever else runs here.

    It gives its servers 30 s, which a busy machine may not keep, so it is started twice if need
    be. Raises MachineFault where it fails again.
    """
    for attempt in (1, 2):
        try:
            with _loopback_only(), _environment(_of_workers(folder, per_trial)):
                ray.init(
                    address="local",
                    num_cpus=cpus,
                    num_gpus=None if gpus else 0,  # None: Ray counts them
                    include_dashboard=False,
                    logging_level=logging.CRITICAL,
                    log_to_driver=False,
                    _temp_dir=str(folder),
                )
            break
        except Exception as error:  # Ray raises plain ones
            ray.shutdown()
            if attempt == 2:
                why = (str(error).strip() or type(error).__name__).splitlines()[0]
                why = why.split(". ")[0].rstrip(".")  # what Ray guesses beyond that is no help
                raise MachineFault(f"Ray cannot be started on this machine: {why}") from error
    close_token_file()


def _join(address: str) -> None:
    try:
        ray.init(
            address=address,
            logging_level=logging.ERROR,
            log_to_driver=False,
            runtime_env=code_for_workers(),
        )
    except (ConnectionError, RuntimeError, RayError) as error:
        # Ray's own chain of reasons: no head, another version, a missing or wrong token.
        ray.shutdown()
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise UserError(
            f"--address: cannot join the Ray cluster at {address!r}: {reason}"
        ) from error


def _of_workers(folder: Path, per_trial: int) -> dict[str, str]:
    """The environment of workers that Ray starts along with itself, one for each CPU.

    They are only used where no runtime environment is asked for, see `_for_any_worker`, so what
    they need is in theirs. They have loaded torch before a trial tells them its CPUs, so its
    threads stand here too.
    """
    from ray.tune.execution import class_cache  # takes a second: only where trials follow

    found = {"PYTHONPATH": python_path(), **class_cache.DEFAULT_ENV_VARS}
    if "OMP_NUM_THREADS" not in os.environ:
        found["OMP_NUM_THREADS"] = str(per_trial)
    if per_trial == 1:  # else there are more of them than trials, and all would load torch
        found["RAY_preload_python_modules"] = "trainables.trial.preload"
        found[LOADED] = str(folder)
    return found


@contextmanager
def _for_any_worker() -> Iterator[None]:
    """Within the block Tune asks for no runtime environment of trials' workers.

    It asks for a few variables, which workers of this machine inherit anyway. With that wish Ray
    gives a trial none of the workers that have loaded all they need: it starts others.
    """
    from ray.tune.execution import class_cache

    given, passed_on = dict(class_cache.DEFAULT_ENV_VARS), set(class_cache.ENV_VARS_TO_PROPAGATE)
    class_cache.DEFAULT_ENV_VARS.clear()
    class_cache.ENV_VARS_TO_PROPAGATE.clear()
    try:
        yield
    finally:
        class_cache.DEFAULT_ENV_VARS.update(given)
        class_cache.ENV_VARS_TO_PROPAGATE.update(passed_on)


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    """Variables of this process, and so of those that it starts, for the length of a block."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _loopback_only() -> Iterator[None]:
    """Within the block Ray's servers listen on 127.0.0.1 alone, not on every interface.

    `_node_ip_address="127.0.0.1"` does not do it: Ray puts the machine's own address in its place.
    It listens on loopback only where clusters are off, as on a Mac. This process has read that
    from a variable when ray was imported, into a constant; child processes read the variable
    itself. Both are put back afterwards: a cluster that is joined later needs them.
    """
    constant = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        with _environment({ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR: "0"}):
            yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = constant
