"""What travels to workers: our packages as they are here, and the user's own code."""

import importlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import ray
from ray._private.ray_constants import ENABLE_RAY_CLUSTERS_ENV_VAR
from ray._private.runtime_env.packaging import create_package, get_uri_for_directory
from ray._private.runtime_env.py_modules import upload_py_modules_if_needed
from torch import nn

from search.cluster.shipping import code_for_workers, ship_by_value
from trainables.models import MODELS
from trainables.user_code import OUR_PACKAGES, load_function


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


NETS = """
from torch import nn
from layers import Square


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.inside = nn.Sequential(Square(), nn.Linear(3, 1))

    def forward(self, x):
        return self.inside(x)


def small(shape, outputs):
    return Small()
"""
LAYERS = """
from torch import nn


class Square(nn.Module):
    def forward(self, x):
        return x * x
"""
ELSEWHERE = """
import pickle, sys, torch
net = pickle.loads(sys.stdin.buffer.read())
print(net(torch.ones(2, 3)).shape)
"""


def test_a_network_of_the_users_own_reaches_a_process_that_has_not_its_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "layers.py").write_text(LAYERS)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("nets", "layers"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    net = load_function("model.build", "nets:small", tmp_path)((3,), 1)

    shipped = ship_by_value(net)
    sent = ray.cloudpickle.dumps(net)
    for name in shipped:
        ray.cloudpickle.unregister_pickle_by_value(sys.modules[name])
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE], input=sent, cwd="/", capture_output=True, check=False
    )

    assert shipped == ["layers", "nets"]
    assert done.stdout.decode().strip() == "torch.Size([2, 1])", done.stderr.decode()


def test_what_is_installed_outside_of_the_environment_is_not_sent_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "lib" / "site-packages"  # as of `pip install --user`
    folder.mkdir(parents=True)
    (folder / "nets.py").write_text("from torch import nn\nclass Own(nn.ReLU): ...\n")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "nets", raising=False)
    net = importlib.import_module("nets").Own()

    assert ship_by_value(net) == []


def test_installed_networks_and_our_own_are_not_sent_along() -> None:
    assert ship_by_value(nn.Sequential(nn.Linear(2, 1))) == []
    assert ship_by_value(MODELS["mlp"]((3,), 1)) == []
