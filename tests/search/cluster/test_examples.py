"""The examples for Slurm and Kubernetes, as far as they can be checked without either."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.main import get_command
from typer.testing import CliRunner

from search.cli.app import app
from search.config.config import Config

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "docs" / "examples" / "cluster"
JOB = yaml.safe_load((EXAMPLES / "rayjob.yaml").read_text("utf-8"))
CLUSTER = JOB["spec"]["rayClusterSpec"]
SLURM = (EXAMPLES / "slurm.sh").read_text("utf-8")
TESTED = re.search(
    r"^ray==(\S+)$", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE
).group(1)

# Of the custom resource RayJob, ray.io/v1.
SPEC = {"entrypoint", "submissionMode", "shutdownAfterJobFinishes", "backoffLimit"}
GROUP = {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"}


def pods():
    groups = [CLUSTER["headGroupSpec"], *CLUSTER["workerGroupSpecs"]]
    return [(group, group["template"]["spec"]) for group in groups]


def options(command):
    return {name for one in get_command(app).commands[command].params for name in one.opts}


def given_to_fairfront(words):
    """The arguments of `fairfront search` in a command, checked to be options that it has."""
    words = words[words.index("fairfront") + 2 :]
    assert {word for word in words if word.startswith("--")} <= options("search")
    return words


def test_the_job_has_the_keys_of_a_ray_job_and_asks_for_a_token():
    assert (JOB["apiVersion"], JOB["kind"]) == ("ray.io/v1", "RayJob")
    assert JOB["spec"].keys() == SPEC | {"rayClusterSpec"}
    assert CLUSTER["authOptions"] == {"mode": "token"}
    assert all(group.keys() <= GROUP for group in CLUSTER["workerGroupSpecs"])


def test_the_head_of_the_job_runs_no_trials_and_its_workers_have_a_device():
    assert CLUSTER["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    for group in CLUSTER["workerGroupSpecs"]:
        resources = group["template"]["spec"]["containers"][0]["resources"]
        assert resources["requests"] == resources["limits"]
        assert resources["limits"]["nvidia.com/gpu"] == "1"


def test_every_pod_of_the_job_mounts_the_folder_that_the_run_lies_in():
    out = shlex.split(JOB["spec"]["entrypoint"])
    folder = Path(out[out.index("--out") + 1]).parent
    for _, pod in pods():
        (container,) = pod["containers"]
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert str(folder) in mounts.values()
        assert mounts.keys() == {volume["name"] for volume in pod["volumes"]}


def test_the_job_runs_a_search_that_fairfront_takes_and_fills_its_workers():
    words = given_to_fairfront(shlex.split(JOB["spec"]["entrypoint"]))
    sets = [words[index + 1] for index, word in enumerate(words) if word == "--set"]
    config = Config.load(words[0], [*sets, f"search.budget={words[words.index('--budget') + 1]}"])

    (group,) = CLUSTER["workerGroupSpecs"]
    assert config.search.concurrent == group["maxReplicas"] * round(1 / config.resources.gpu)
    assert config.search.budget == 40 * 3600


def test_the_versions_of_ray_in_the_examples_are_the_one_that_is_tested_here():
    assert CLUSTER["rayVersion"] == TESTED
    assert f"FROM rayproject/ray:{TESTED}-py311-gpu" in (EXAMPLES / "Dockerfile").read_text()


def test_the_batch_script_is_one_that_bash_reads_and_keeps_its_doors_closed():
    parsed = subprocess.run(["bash", "-n", EXAMPLES / "slurm.sh"], check=False)

    assert parsed.returncode == 0
    assert "export RAY_AUTH_MODE=token" in SLURM
    assert "umask 077" in SLURM
    assert "--include-dashboard=false" in SLURM
    assert "0.0.0.0" not in SLURM


STUBS = {
    "scontrol": 'printf "one\\ntwo\\n"',
    "srun": 'while [[ $1 == --* ]]; do shift; done; exec "$@"',
    "hostname": "echo 10.99.0.1 10.99.0.2",
    "ray": 'echo "ray $*" >> "$SAID"; sleep 1',
    "python": 'case "$2" in *ray.nodes*) echo 2;; *) echo token;; esac',
    "fairfront": 'trap "echo ended >> $SAID; exit 130" TERM; echo "fairfront $*" >> "$SAID"; '
    # workers start beside it
    'for i in {1..100}; do grep -q "ray start --address" "$SAID" && break; sleep 0.1; done; '
    'while [ -e "$SAID.wait" ]; do sleep 0.1; done',
}


@pytest.fixture
def batch_job(tmp_path):
    """Runs the script with commands that only write down how they are called."""
    for name, does in STUBS.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{does}\n")
        (tmp_path / name).chmod(0o755)
    said = tmp_path / "said"
    environment = {
        **{"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path), "SAID": str(said)},
        **{"SLURM_JOB_NODELIST": "any", "SLURM_JOB_ID": "40123", "SLURM_CPUS_PER_TASK": "16"},
    }

    def start(*arguments):
        script = ["bash", EXAMPLES / "slurm.sh", tmp_path / "run", *arguments]
        return subprocess.Popen(script, env=environment, start_new_session=True)

    return tmp_path, said, start


def test_the_batch_script_starts_a_head_and_workers_and_then_the_search(batch_job):
    folder, said, start = batch_job
    assert start("adult_sex_aod", "--budget", "40h").wait(timeout=60) == 0

    lines = said.read_text().splitlines()
    search = f"fairfront search adult_sex_aod --budget 40h --out {folder}/run --address"
    assert f"{search} 10.99.0.1:20123" in lines
    given_to_fairfront(shlex.split(search))
    heads = [line for line in lines if line.startswith("ray start --head")]
    workers = [line for line in lines if line.startswith("ray start --address=10.99.0.1:20123")]
    assert len(heads) == 1
    assert workers
    assert all("--num-cpus=16" in line for line in heads + workers)
    assert (folder / ".ray" / "auth_token").stat().st_mode & 0o777 == 0o600


def test_a_batch_job_that_starts_again_goes_on_with_its_search_and_ends_it_in_good_order(
    batch_job,
):
    folder, said, start = batch_job
    (folder / "run").mkdir()
    (folder / "run" / "journal.jsonl").write_text(json.dumps({"event": "experiment"}))
    waiting = folder / "said.wait"
    waiting.touch()
    script = start("adult_sex_aod")
    resume = f"fairfront resume {folder}/run --address 10.99.0.1:20123"
    for _ in range(300):
        if said.exists() and resume in said.read_text():
            break
        subprocess.run(["sleep", "0.1"], check=True)

    script.terminate()
    script.wait(timeout=60)
    waiting.unlink()

    assert "ended" in said.read_text().splitlines()


def test_cluster_check_finds_nothing_in_ours_and_names_what_it_finds_elsewhere(tmp_path):
    ours = CliRunner().invoke(app, ["cluster", "check", str(ROOT / "cluster.yaml")])
    other = tmp_path / "other.yaml"
    text = (ROOT / "cluster.yaml").read_text("utf-8")
    other.write_text(text.replace("InstanceType:", "InstanceTyp:"))
    found = CliRunner().invoke(app, ["cluster", "check", str(other)])

    assert (ours.exit_code, "no faults found" in ours.output) == (0, True)
    assert found.exit_code == 2
    assert "did you mean 'InstanceType'?" in found.output


@pytest.mark.parametrize("content", [None, "a: [", "- a list"])
def test_cluster_check_refuses_what_is_no_cluster_file(tmp_path, content):
    file = tmp_path / "cluster.yaml"
    if content is not None:
        file.write_text(content)

    assert CliRunner().invoke(app, ["cluster", "check", str(file)]).exit_code == 2
