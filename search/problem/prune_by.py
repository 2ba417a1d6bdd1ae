"""[prune_by]: groups that pruners read and no judge sees, where they are not those of [data]."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from search.config.config import Config
from search.config.sections import PruneByConfig
from search.errors import UserError
from search.journal.events import PruneByFacts
from trainables.data import Grouping, Part, Prepared
from trainables.data.batches import TrialData
from trainables.data.clusters import agreement, cluster, clusters_asked
from trainables.data.pruning_groups import PruningGroups, groups_of_attributes
from trainables.models.build import build
from trainables.models.embeddings import embeddings
from trainables.models.last_layer import last_linear
from trainables.models.user import load_weights
from trainables.trial.workbench import Workbench

# Of ImageNet's images, scaled to 0..1: what torchvision's weights have learned to read.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
OUTPUTS = 1000  # of the given network; its last layer is not looked at


def check_prune_by(config: Config, prepared: Prepared, untrained: Callable[[], nn.Module]) -> None:
    """Raises UserError where [prune_by] cannot be done; nothing is computed yet.

    `untrained` gives the network of the dense net, which is asked for only where it matters.
    """
    section = config.prune_by
    if section is None:
        return
    k = clusters_asked(section.group)
    try:
        if k is None:
            groups = groups_of_attributes(prepared, section.group)
            if len(groups.names) < 2:
                raise ValueError(
                    f"group must give at least two groups with rows of train, got {groups.names}"
                )
            return
        if k > (rows := len(prepared.parts["train"])):
            raise ValueError(f"group: there can be no more clusters than rows, got {k} of {rows}")
        net = untrained() if section.network is None else _given(section, prepared, config.folder)
        data = _two_rows(prepared)
        last_linear(net, _reader(section, data)(data.part("train").inputs))
    except ValueError as error:
        raise _told(error) from error


def pruning_groups(config: Config, bench: Workbench) -> PruningGroups | None:
    """The groups that [prune_by] asks for; None without that table.

    Clusters are of the given network's embeddings, or of the dense net's.
    """
    prepared, data = bench.prepared, bench.data
    section = config.prune_by
    if section is None:
        return None
    k = clusters_asked(section.group)
    if k is None:
        return groups_of_attributes(prepared, section.group)
    given = section.network is not None
    net = _given(section, prepared, config.folder).to(bench.device) if given else bench.dense
    read = _reader(section, data)
    size = 64 if section.image_size else 256  # large images need memory
    seen = {
        part: embeddings(net, data.part(part).inputs, normalise=read, batch_size=size)
        for part in data.pruning_groups
    }
    try:
        return cluster(section.group, {part: rows.cpu().numpy() for part, rows in seen.items()}, k)
    except ValueError as error:
        raise _told(error) from error


def _two_rows(prepared: Prepared) -> TrialData:
    """The first rows of train alone: tensors of all parts would be a copy of all images."""
    train = prepared.parts["train"]
    first = Part(**{field.name: getattr(train, field.name)[:2] for field in fields(Part)})
    return TrialData(replace(prepared, parts={"train": first}), torch.device("cpu"))


def _told(error: ValueError) -> UserError:
    return UserError(f"[prune_by] {str(error).removeprefix('prune_by: ')}")


def _given(section: PruneByConfig, prepared: Prepared, folder: str | None) -> nn.Module:
    """The network of the file that [prune_by] names."""
    shape = tuple(prepared.input_shape)
    if section.image_size is not None:
        if len(shape) != 3:
            raise ValueError(f"image_size is for images, got inputs of shape {shape}")
        shape = (shape[0], section.image_size, section.image_size)
    net = build(section.model, shape, OUTPUTS, seed=0, **section.args)
    file = (Path(folder) if folder is not None else Path()) / str(section.network)
    try:
        load_weights(net, file, other_classes=True)
    except ValueError as error:
        raise ValueError(str(error).replace("model.weights", "network")) from error
    return net.eval()


def _reader(section: PruneByConfig, data: TrialData) -> Callable[[Tensor], Tensor]:
    """What turns raw rows into inputs of the network that is asked."""

    def read(rows: Tensor) -> Tensor:
        if section.network is None:
            return data.normalise(rows)
        if rows.dtype == torch.uint8 and rows.ndim == 4 and rows.shape[1] == 3:
            mean, std = (
                rows.new_tensor(of, dtype=torch.float32).view(-1, 1, 1) for of in (MEAN, STD)
            )
            inputs = (rows.float() / 255 - mean) / std
        else:
            inputs = data.normalise(rows)
        if section.image_size is None:
            return inputs
        size = (section.image_size, section.image_size)
        return interpolate(inputs, size, mode="bilinear", antialias=True, align_corners=False)

    return read


def pruning_facts(config: Config, prepared: Prepared, groups: PruningGroups) -> PruneByFacts:
    """What the journal says of the groups."""
    section = config.prune_by
    train = prepared.parts["train"]
    values = prepared.attribute_values
    of_crossing = {name: Grouping.parse(name).of_crossing(values) for name in values}
    return {
        "group": groups.source,
        "network": None if section is None else section.network,
        "names": list(groups.names),
        "rows": groups.counts.tolist(),
        "agreement": {
            name: agreement(groups.groups["train"], value[train.crossing])
            for name, value in of_crossing.items()
        },
        "digest": groups.digest,
    }


def notes_on(config: Config, prepared: Prepared, groups: PruningGroups | None) -> list[str]:
    """What the user should know: which groups count while pruning though none judges them.

    `groups` are those of [prune_by]; None: there are none, or they are not made yet.
    """
    if config.prune_by is None:
        return _small_ones(prepared)
    clustered = clusters_asked(config.prune_by.group) is not None
    if groups is None and clustered:
        return []
    groups = groups or groups_of_attributes(prepared, config.prune_by.group)
    facts = pruning_facts(config, prepared, groups)
    rows = ", ".join(
        f"{name} {count}" for name, count in zip(facts["names"], facts["rows"], strict=True)
    )
    if not clustered:
        return [f"pruned by {groups.source}; rows of train: {rows}"]
    seen_by = config.prune_by.network or "the dense net"
    said = [f"pruned by {groups.source} of what {seen_by} sees; rows of train: {rows}"]
    for name, agreed in facts["agreement"].items():
        low, high = min(agreed["majority"]), max(agreed["majority"])
        said.append(
            f"pruned by {groups.source}: agreement with {name}: adjusted Rand index "
            f"{agreed['adjusted_rand']:.2f}; the commonest {name} of a group has {low:.0%} to "
            f"{high:.0%} of it"
        )
    return said


def _small_ones(prepared: Prepared) -> list[str]:
    """The groups that are merged or left out where networks are judged, but not while pruning."""
    by_default = groups_of_attributes(prepared)
    judged = set(prepared.group_names)
    small = [
        f"{name!r} ({rows} rows of train)"
        for name, rows in zip(by_default.names, by_default.counts.tolist(), strict=True)
        if name not in judged
    ]
    if not small:
        return []
    return [
        f"{prepared.grouping}: too small to be judged alone, but counted each on its own where "
        f"pruning goes by groups: {', '.join(small)}"
    ]
