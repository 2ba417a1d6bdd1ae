"""The machines of a cluster: how many trials fit on them, whether they see the run's folder."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from search.errors import UserError

PROBE_SECONDS = 120.0  # for a machine to start a worker and answer


def slots(nodes: Iterable[Mapping[str, Any]], cpu: int, gpu: float) -> int:
    """How many trials of `cpu` cores and `gpu` devices fit on `nodes` (as `ray.nodes()` gives
    them) at once. A trial lies on one machine, a fraction of a device on one device."""
    return sum(_slots(node["Resources"], cpu, gpu) for node in nodes if node["Alive"])


def _slots(resources: Mapping[str, float], cpu: int, gpu: float) -> int:
    by_cpu = int(resources.get("CPU", 0) // cpu)
    if gpu == 0:
        return by_cpu
    whole = int(resources.get("GPU", 0))
    return min(by_cpu, int(whole // gpu) if gpu >= 1 else whole * round(1 / gpu))


def trials_at_once(cpu: int, gpu: float) -> int:
    """The default of search.concurrent on the cluster that this process is connected to.

    Raises UserError where no trial fits on it now: machines that are still to come cannot be
    counted, and none would ever be asked for.
    """
    found = slots(ray.nodes(), cpu, gpu)
    if found == 0:
        raise UserError(
            f"--address: no machine of the cluster has room for a trial of {cpu} CPUs and {gpu:g} "
            f"GPUs; if it starts machines on demand, say by search.concurrent how many trials "
            f"they are to hold at once"
        )
    return found


def check_shared(folder: Path) -> None:
    """Makes every machine that can run trials read a file in `folder` and write one beside it.

    Raises UserError naming the machines that do not see `folder`. It is made, and what was
    written is removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    word = secrets.token_hex(8)
    asked = folder / f".probe-{word}"
    asked.write_text(word, encoding="utf-8")
    machines = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    answers = {node["NodeID"]: folder / f".probe-{word}-{node['NodeID']}" for node in machines}
    try:
        probe = ray.remote(num_cpus=0, max_retries=0)(_probe)
        said = {
            node["NodeID"]: probe.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            ).remote(asked, answers[node["NodeID"]])
            for node in machines
        }
        blind = [
            f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']}): {trouble}"
            for node in machines
            if (trouble := _trouble(said[node["NodeID"]], answers[node["NodeID"]], word))
        ]
    finally:
        for path in (asked, *answers.values()):
            path.unlink(missing_ok=True)
    if blind:
        raise UserError(
            f"out: {folder} must lie on a path that all machines of the cluster share, but "
            f"{'; '.join(blind)}"
        )


def _probe(asked: Path, answer: Path) -> str | None:
    """Runs on one machine: copies one file to the other, and says why where that fails."""
    try:
        answer.write_text(asked.read_text(encoding="utf-8"), encoding="utf-8")
    except OSError as error:
        return f"{error.strerror} ({error.filename})"
    return None


def _trouble(said: Any, answer: Path, word: str) -> str | None:
    """What is wrong with one machine, or None."""
    try:
        trouble: str | None = ray.get(said, timeout=PROBE_SECONDS)
    except GetTimeoutError:
        return f"it did not answer within {PROBE_SECONDS:g} s"
    except RayError as error:
        return f"it could not be asked ({str(error).strip().splitlines()[0]})"
    if trouble is not None:
        return trouble
    if not answer.exists() or answer.read_text(encoding="utf-8") != word:
        return "what it wrote there does not arrive here"
    return None
