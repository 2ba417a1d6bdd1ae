"""cluster.yaml passes Ray's offline validation and our own checks, which find more."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from search.cluster.check import problems

ROOT = Path(__file__).resolve().parents[3]
CLUSTER = yaml.safe_load((ROOT / "cluster.yaml").read_text("utf-8"))


def changed(**places: Any) -> dict[str, Any]:
    """The cluster file with values at `a__b__c` replaced; None takes the key away."""
    cluster = copy.deepcopy(CLUSTER)
    for place, value in places.items():
        *above, last = place.split("__")
        inner = cluster
        for name in above:
            inner = inner[name]
        if value is None:
            del inner[last]
        else:
            inner[last] = value
    return cluster


def test_the_cluster_file_passes_every_check():
    assert problems(CLUSTER) == []


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("provider__reigon", "us-west-2", "unknown key 'reigon'; did you mean 'region'?"),
        (
            "available_node_types__gpu_worker__node_config__InstanceTyp",
            "g5.2xlarge",
            "unknown key 'InstanceTyp'; did you mean 'InstanceType'?",
        ),
        (
            "available_node_types__gpu_worker__node_config__InstanceMarketOptions__MarketTyp",
            "spot",
            "unknown key 'MarketTyp'; did you mean 'MarketType'?",
        ),
        (
            "available_node_types__head__node_config__BlockDeviceMappings",
            [{"DeviceName": "/dev/sda1", "Ebs": {"VolumSize": 140}}],
            "unknown key 'VolumSize'; did you mean 'VolumeSize'?",
        ),
        (
            "available_node_types__gpu_worker__resources__GPUs",
            1,
            "unknown key 'GPUs'; did you mean 'GPU'?",
        ),
        ("provider__region", None, "provider.region: must be given"),
        (
            "available_node_types__gpu_worker__node_config__InstanceType",
            None,
            "gpu_worker.node_config.InstanceType: must be given",
        ),
        (
            "available_node_types__head__resources",
            {"CPU": 4},
            r"head.resources: must be {CPU: 0} on the head, got {'CPU': 4}",
        ),
        (
            "available_node_types__head__node_config__InstanceMarketOptions",
            {"MarketType": "spot"},
            "the head must not be a spot machine",
        ),
        ("file_mounts", {"/home/ray/fairfront": "."}, "must hand out the token"),
        (
            "worker_start_ray_commands",
            ["ray start --address=$RAY_HEAD_IP:6379"],
            "must run with RAY_AUTH_MODE=token",
        ),
        (
            "head_start_ray_commands",
            ["RAY_AUTH_MODE=token ray start --head --dashboard-host=0.0.0.0"],
            "must keep the dashboard on 127.0.0.1",
        ),
    ],
)
def test_our_checks_name_what_rays_validation_lets_through(place, value, said):
    found = problems(changed(**{place: value}))

    assert any(said in one for one in found), found


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("max_wrkers", 3, "max_wrkers"),
        ("head_node_type", "heads", "head_node_type"),
        ("provider", None, "provider"),
        ("available_node_types__gpu_worker__resources", {"GPU": 0.5}, "0.5"),
    ],
)
def test_what_ray_itself_refuses_is_said_in_one_sentence(place, value, said):
    found = problems(changed(**{place: value}))

    assert len(found) == 1
    assert said in found[0]


def test_the_images_hold_the_version_of_ray_that_is_tested_here():
    constraints = (ROOT / "constraints.txt").read_text("utf-8")
    tested = re.search(r"^ray==(\S+)$", constraints, re.MULTILINE)

    assert tested is not None
    for image in (CLUSTER["docker"]["head_image"], CLUSTER["docker"]["worker_image"]):
        assert f":{tested[1]}-" in image


def test_every_server_that_ray_starts_for_people_listens_on_this_machine_only():
    commands = CLUSTER["head_start_ray_commands"] + CLUSTER["worker_start_ray_commands"]

    assert not any("0.0.0.0" in line for line in commands)
    assert sum("RAY_AUTH_MODE=token" in line for line in commands) == 2
