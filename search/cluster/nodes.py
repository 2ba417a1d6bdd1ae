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
    """How many trials of `cpu` cores and `gpu` devices fit on `nodes` at once.

    `nodes` are as `ray.nodes()` gives them. A trial lies on one machine, a fraction of a device
    on one device.
    """
    return sum(_slots(node["Resources"], cpu, gpu) for node in nodes if node["Alive"])


def _slots(resources: Mapping[str, float], cpu: int, gpu: float) -> int:
    by_cpu = int(resources.get("CPU", 0) // cpu)
    if gpu == 0:
        return by_cpu
    whole = int(resources.get("GPU", 0))
    return min(by_cpu, int(whole // gpu) if gpu >= 1 else whole * round(1 / gpu))


def trials_at_once(cpu: int, gpu: float) -> int:
    """The default of search.concurrent on the cluster that this process is connected to.

    Raises UserError where no trial fits on it now. A cluster may start machines on demand, but
    those cannot be counted yet.
    """
    count = slots(ray.nodes(), cpu, gpu)
    if count == 0:
        raise UserError(
            f"--address: no machine of the cluster has room for a trial of {cpu} CPUs and {gpu:g} "
            f"GPUs; if it starts machines on demand, say by search.concurrent how many trials "
            f"they are to hold at once"
        )
    return count


def check_shared(folder: Path) -> None:
    """Makes every machine that can run trials read a file in `folder` and write one beside it.

    The folder is made if need be, the files are removed. Raises UserError naming the machines
    that do not see `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    word = secrets.token_hex(8)
    question = folder / f".probe-{word}"
    question.write_text(word, encoding="utf-8")
    machines = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    answers = {node["NodeID"]: folder / f".probe-{word}-{node['NodeID']}" for node in machines}
    try:
        probe = ray.remote(num_cpus=0, max_retries=0)(_probe)
        results = {
            node["NodeID"]: probe.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            ).remote(question, answers[node["NodeID"]])
            for node in machines
        }
        blind = [
            f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']}): {trouble}"
            for node in machines
            if (trouble := _trouble(results[node["NodeID"]], answers[node["NodeID"]], word))
        ]
    finally:
        for path in (question, *answers.values()):
            path.unlink(missing_ok=True)
    if blind:
        raise UserError(
            f"out: {folder} must lie on a path that all machines of the cluster share, but "
            f"{'; '.join(blind)}"
        )


def _probe(question: Path, answer: Path) -> str | None:
    """Runs on one machine: copies one file to the other, and says why where that fails."""
    try:
        answer.write_text(question.read_text(encoding="utf-8"), encoding="utf-8")
    except OSError as error:
        return f"{error.strerror} ({error.filename})"
    return None


def _trouble(result: Any, answer: Path, word: str) -> str | None:
    """What is wrong with a machine, by the `result` of its probe (a Ray future); None: nothing."""
    try:
        trouble: str | None = ray.get(result, timeout=PROBE_SECONDS)
    except GetTimeoutError:
        return f"it did not answer within {PROBE_SECONDS:g} s"
    except RayError as error:
        return f"it could not be asked ({str(error).strip().splitlines()[0]})"
    if trouble is not None:
        return trouble
    if not answer.exists() or answer.read_text(encoding="utf-8") != word:
        return "what it wrote there does not arrive here"
    return None
