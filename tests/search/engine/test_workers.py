"""Addresses, room for trials, and what travels: all that needs no cluster to be checked."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ray._private.ray_constants import ENABLE_RAY_CLUSTERS_ENV_VAR
from ray._private.runtime_env.packaging import create_package, get_uri_for_directory
from ray._private.runtime_env.py_modules import upload_py_modules_if_needed

from search.cluster.connect import close_token_file, cluster_address
from search.cluster.nodes import slots
from search.cluster.shipping import code_for_workers
from search.errors import UserError
from trainables.user_code import OUR_PACKAGES


def machine(cpu, gpu=0, alive=True):
    return {"Alive": alive, "Resources": {"CPU": cpu, "GPU": gpu, "memory": 1.0}}


@pytest.fixture
def no_ray_address(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


@pytest.mark.parametrize("address", [None, "auto", "10.0.0.1:6379", "head.example:6379"])
def test_addresses_of_a_head_are_taken_as_they_are(address, no_ray_address):
    assert cluster_address(address) == address


def test_without_an_address_that_of_the_job_is_obeyed(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")

    assert cluster_address(None) == "10.0.0.1:6379"
    assert cluster_address("auto") == "auto"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("ray://head:10001", "cannot be driven through Ray Client"),
        ("http://127.0.0.1:8265", 'must be "auto" or the host:port'),
        ("10.0.0.1", 'must be "auto" or the host:port'),
        (":6379", 'must be "auto" or the host:port'),
    ],
)
def test_addresses_of_another_kind_are_refused_by_their_source(
    address, said, monkeypatch, no_ray_address
):
    with pytest.raises(UserError, match=f"--address: .*{said}"):
        cluster_address(address)
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(UserError, match=f"RAY_ADDRESS: .*{said}"):
        cluster_address(None)


@pytest.mark.parametrize(
    ("machines", "cpu", "gpu", "expected"),
    [
        ([machine(0), machine(8), machine(8)], 1, 0, 16),
        ([machine(3), machine(3)], 2, 0, 2),  # a trial lies on one machine
        ([machine(8, gpu=1), machine(8, gpu=2)], 1, 0.25, 12),
        ([machine(64, gpu=1)], 1, 1 / 3, 3),  # not 2 by rounding
        ([machine(8, gpu=3)], 1, 2, 1),
        ([machine(4, gpu=4)], 2, 0.5, 2),  # too few cores for its devices
        ([machine(8), machine(8, alive=False)], 1, 0, 8),
        ([machine(0), machine(8)], 1, 1, 0),
    ],
)
def test_as_many_trials_run_at_once_as_fit_on_each_machine(machines, cpu, gpu, expected):
    assert slots(machines, cpu, gpu) == expected


def test_our_packages_travel_and_nothing_beside_them(monkeypatch):
    monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR", raising=False)
    sent = code_for_workers()

    assert {Path(path).stem for path in sent["py_modules"]} == set(OUR_PACKAGES)
    assert all(Path(path).exists() for path in sent["py_modules"])
    assert "working_dir" not in sent
    files = [
        file
        for path in sent["py_modules"]
        for file in Path(path).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".npz"
    ]
    assert sum(file.stat().st_size for file in files) < 4e6


def test_the_single_file_among_our_packages_is_one_that_ray_unpacks_as_a_module(tmp_path):
    sent = code_for_workers()
    (file,) = [path for path in sent["py_modules"] if path.endswith(".py")]
    asked = {"py_modules": [file], "excludes": sent["excludes"]}

    def upload(path, **options):
        create_package(path, tmp_path / "sent.zip", include_gitignore=True, **options)

    (uri,) = upload_py_modules_if_needed(asked, True, upload_fn=upload)["py_modules"]

    assert uri.startswith("gcs://_ray_pkg_")
    assert zipfile.ZipFile(tmp_path / "sent.zip").namelist() == ["fairfront.py"]


FAR_AWAY = """
import json, ray
from search.cluster.shipping import code_for_workers

ray.init(address="local", num_cpus=1, num_gpus=0, include_dashboard=False,
         log_to_driver=False, runtime_env=code_for_workers())

@ray.remote
def where():
    import fairfront, search
    return [fairfront.__file__, search.__file__]

print(json.dumps(ray.get(where.remote())))
"""


@pytest.mark.slow
def test_a_worker_imports_what_was_sent_and_not_what_is_installed(tmp_path):
    on_loopback = {ENABLE_RAY_CLUSTERS_ENV_VAR: "0", "RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run(
        [sys.executable, "-c", FAR_AWAY],
        cwd=tmp_path,
        env={**os.environ, **on_loopback},
        capture_output=True,
        text=True,
        check=True,
    )

    of_fairfront, of_search = json.loads(done.stdout.splitlines()[-1])
    assert "py_modules_files" in of_fairfront
    assert "py_modules_files" in of_search


def test_what_was_compiled_meanwhile_makes_no_new_package(tmp_path):
    package = tmp_path / "search"
    package.mkdir()
    (package / "part.py").write_text("x = 1")
    names = {"include_gitignore": True, "excludes": code_for_workers()["excludes"]}
    before = get_uri_for_directory(str(package), **names)
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "part.pyc").write_bytes(b"x")

    assert get_uri_for_directory(str(package), **names) == before


def test_a_job_that_brings_its_own_modules_gets_no_second_ones(monkeypatch):
    job = {"runtime_env": {"py_modules": ["gcs://ours.zip"]}}
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(job))

    assert code_for_workers() == {}


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o400])
def test_nobody_else_may_read_the_token(tmp_path, monkeypatch, mode):
    monkeypatch.setenv("HOME", str(tmp_path))
    close_token_file()  # there is none yet
    token = tmp_path / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("secret")
    token.chmod(mode)

    close_token_file()
    assert token.stat().st_mode & 0o777 == mode & 0o700
