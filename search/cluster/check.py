"""Checks a Ray cluster file without a network: by Ray's own rules, and by what they let through.

Ray accepts any key under `provider` and `node_config`: `reigon` or `InstanceTyp` is an error only
when machines are started, or never. And without a token it starts a cluster that anybody may use.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from trainables.names import nearest

# Read from the configuration by Ray's AWS node provider.
PROVIDER = (
    "type",
    "region",
    "availability_zone",
    "aws_credentials",
    "cache_stopped_nodes",
    "cloudwatch",
    "disable_node_updaters",
    "key_pair",
    "security_group",
    "use_internal_ips",
)

# Parameters of EC2's RunInstances, and SubnetIds, which is Ray's.
NODE_CONFIG = (
    "AdditionalInfo",
    "BlockDeviceMappings",
    "CapacityReservationSpecification",
    "CpuOptions",
    "CreditSpecification",
    "DisableApiStop",
    "DisableApiTermination",
    "EbsOptimized",
    "EnclaveOptions",
    "HibernationOptions",
    "IamInstanceProfile",
    "ImageId",
    "InstanceInitiatedShutdownBehavior",
    "InstanceMarketOptions",
    "InstanceType",
    "Ipv6AddressCount",
    "KeyName",
    "LaunchTemplate",
    "LicenseSpecifications",
    "MaintenanceOptions",
    "MetadataOptions",
    "Monitoring",
    "NetworkInterfaces",
    "Placement",
    "PrivateDnsNameOptions",
    "SecurityGroupIds",
    "SubnetId",
    "SubnetIds",
    "TagSpecifications",
    "UserData",
)

# What may stand inside some of them.
INSIDE = {
    "BlockDeviceMappings": ("DeviceName", "Ebs", "NoDevice", "VirtualName"),
    "Ebs": (
        "DeleteOnTermination",
        "Encrypted",
        "Iops",
        "KmsKeyId",
        "SnapshotId",
        "Throughput",
        "VolumeSize",
        "VolumeType",
    ),
    "InstanceMarketOptions": ("MarketType", "SpotOptions"),
    "SpotOptions": (
        "BlockDurationMinutes",
        "InstanceInterruptionBehavior",
        "MaxPrice",
        "SpotInstanceType",
        "ValidUntil",
    ),
    "IamInstanceProfile": ("Arn", "Name"),
    "MetadataOptions": (
        "HttpEndpoint",
        "HttpProtocolIpv6",
        "HttpPutResponseHopLimit",
        "HttpTokens",
        "InstanceMetadataTags",
    ),
}

RESOURCES = ("CPU", "GPU", "memory", "object_store_memory")


def problems(cluster: Mapping[str, Any]) -> list[str]:
    """All that is wrong with a cluster file, one sentence each; empty where nothing is found."""
    if refusal := _refused_by_ray(cluster):
        return [refusal]
    return [*_unknown_keys(cluster), *_resources(cluster), *_open_doors(cluster)]


def _refused_by_ray(cluster: Mapping[str, Any]) -> str | None:
    """What Ray says is wrong, as `ray up` checks it before anything is started."""
    from jsonschema.exceptions import ValidationError
    from ray.autoscaler._private.util import prepare_config, validate_config

    try:
        validate_config(prepare_config(copy.deepcopy(dict(cluster))))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.absolute_path)
        return f"{where or 'cluster file'}: {error.message}"
    except (ValueError, KeyError, TypeError) as error:
        return f"cluster file: {type(error).__name__}: {error}"
    return None


def _unknown_keys(cluster: Mapping[str, Any]) -> Iterator[str]:
    if cluster["provider"]["type"] != "aws":
        yield f"provider.type: only aws is checked here, got {cluster['provider']['type']!r}"
        return
    yield from _not_among("provider", cluster["provider"], PROVIDER)
    if "region" not in cluster["provider"]:
        yield "provider.region: must be given"
    for name, node_type in cluster["available_node_types"].items():
        key = f"available_node_types.{name}.node_config"
        node_config = node_type["node_config"]
        yield from _not_among(key, node_config, NODE_CONFIG)
        if not {"InstanceType", "LaunchTemplate"} & node_config.keys():
            yield f"{key}.InstanceType: must be given"
        yield from _inside(key, node_config)


def _inside(key: str, value: Any) -> Iterator[str]:
    """Unknown keys in the structures within a node's configuration, however deep."""
    if isinstance(value, list):
        for entry in value:
            yield from _inside(key, entry)
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            for entry in inner if isinstance(inner, list) else [inner]:
                if name in INSIDE and isinstance(entry, Mapping):
                    yield from _not_among(f"{key}.{name}", entry, INSIDE[name])
                yield from _inside(f"{key}.{name}", entry)


def _not_among(key: str, given: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[str]:
    for name in given:
        if name not in known:
            close = nearest(name, known)
            hint = f"; did you mean {close!r}?" if close else f"; known: {', '.join(known)}"
            yield f"{key}: unknown key {name!r}{hint}"


def _resources(cluster: Mapping[str, Any]) -> Iterator[str]:
    """Trials must stay off the head and have room on the workers."""
    types, head = cluster["available_node_types"], cluster["head_node_type"]
    for name, node_type in types.items():
        key = f"available_node_types.{name}.resources"
        yield from _not_among(key, node_type["resources"], RESOURCES)
    if types[head]["resources"].get("CPU") != 0 or types[head]["resources"].get("GPU"):
        got = types[head]["resources"]
        yield f"available_node_types.{head}.resources: must be {{CPU: 0}} on the head, got {got}"
    if "InstanceMarketOptions" in types[head]["node_config"]:
        yield f"available_node_types.{head}.node_config: the head must not be a spot machine"
    workers = [node_type for name, node_type in types.items() if name != head]
    if not any(worker["resources"].get("CPU") for worker in workers):
        yield "available_node_types: a worker type with CPU must be given"


def _open_doors(cluster: Mapping[str, Any]) -> Iterator[str]:
    """Where somebody else could use the cluster: `ray start` asks for a token only if told to."""
    mounts = cluster.get("file_mounts", {})
    if not any(str(target).endswith("/.ray/auth_token") for target in mounts):
        yield "file_mounts: must hand out the token as ~/.ray/auth_token"
    for key in ("head_start_ray_commands", "worker_start_ray_commands"):
        starts = [line for line in cluster.get(key, []) if "ray start" in line]
        if not starts:
            yield f"{key}: must start Ray"
        for line in starts:
            if "RAY_AUTH_MODE=token" not in line:
                yield f"{key}: `ray start` must run with RAY_AUTH_MODE=token, got {line!r}"
            if "--head" in line and "--dashboard-host=127.0.0.1" not in line:
                yield f"{key}: must keep the dashboard on 127.0.0.1, got {line!r}"
