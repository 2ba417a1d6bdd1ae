"""A candidate as a model of its own: weights, masks, decision and a card; loaded in one line."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from analysis.front_json import Claim, FrontPoint, PointValues
from analysis.front_table import chosen_point, handed_over
from search.errors import UserError, unknown
from search.journal.events import ObjectiveFacts
from search.runs.folder import RunFolder, write_json
from search.runs.intact import check_candidates, check_files
from trainables.corrections import decision_from_dict
from trainables.corrections.decision import Decision
from trainables.data.encoder import Encoder
from trainables.data.encoding import Encoding
from trainables.data.scaling import sees
from trainables.data.task import Head, head_for
from trainables.data.values.text import counted, meant, texts_of
from trainables.evaluation.report import DecisionDict
from trainables.files import whole_folder
from trainables.masks import Masks
from trainables.models import MODELS
from trainables.models.build import build
from trainables.models.user import checked
from trainables.trial.candidate_store import load_candidate
from trainables.trial.names import checked_candidate

Raw = NDArray[Any] | pd.DataFrame

CARD = "card.json"
_BY_RULE = {"chosen": chosen_point, "handed_over": handed_over}
WEIGHTS = "model.safetensors"


class Architecture(TypedDict):
    """How to build the network that the weights are loaded into, see [model]."""

    name: str  # the user's "module:function", else a registered network
    args: dict[str, Any]  # handed to the builder
    folder: str | None  # where the user's module is found


class Card(Encoding):
    """All that an exported model needs to be used, and what is known of it."""

    format: int  # 1
    run: str  # 32 hex digits
    name: str  # of the experiment
    candidate: str
    trial: str
    epoch: int
    method: str  # name of the published pairing
    settings: Mapping[str, Any]  # stage -> its settings
    learns_from: str | None  # the splits that its stages learned from
    needs_group: bool  # predictions need each row's group
    decision: DecisionDict
    sparsity: float  # fraction of the weights that is removed
    classes: list[str]  # predictions are their places
    group: str  # the grouping: "sex", "sex*race", "race=White"
    groups: list[str]  # their names
    objective: ObjectiveFacts
    tune: PointValues
    test: PointValues | None  # None before confirm
    claim: Claim | None  # what is certified of its bias on test; None before confirm
    hashes: dict[str, str]  # split -> digest of its rows
    model: Architecture | None  # None: the network was handed over from Python
    sees: NotRequired[str]  # how its inputs are made of raw rows, in words; `encoder` does it


def export(path: Path | str, candidate: str = "handed_over", to: Path | str | None = None) -> Path:
    """Writes a candidate of a run to the folder `to` (default `<run>/exports/<candidate>`).

    `candidate` is its name, any unambiguous beginning of it, "chosen" (on tune), or "handed_over":
    the best certified one, else the chosen one. Raises UserError where the run has no such one.
    """
    folder = RunFolder(Path(path))
    point = _point(folder, candidate)
    check_files(folder, "export")
    check_candidates(folder, [point["candidate"]], "export")
    own = folder.path / "exports" / checked_candidate(point["candidate"])
    target = own if to is None else Path(to)
    if target.exists() and any(target.iterdir()):
        raise UserError(f"export: must be a new or empty folder, got {target} (exported before?)")
    card = card_of_point(folder, point)
    with whole_folder(target) as partial:
        shutil.copyfile(folder.candidates.path(point["candidate"]), partial / WEIGHTS)
        write_json(partial / CARD, card)
    return target


def load(path: Path | str, net: nn.Module | None = None, *, trust_code: bool = False) -> Model:
    """An exported model, ready to predict.

    The network is built as the card says: a registered one. One of the user's own is `net`, an
    untrained one of the same architecture, or, with `trust_code`, what the module beside the
    experiment's file builds that the card names. Raises UserError where none of it is given:
    a card may come from anybody, and loading it must not run what it names.
    """
    folder = Path(path)
    card = card_of(folder)
    head = head_for(len(card["classes"]))
    if net is None:
        net = _built(folder, card, head, trust_code)
    else:
        net = _handed_over(folder, card, head, net)
    try:
        masked = load_candidate(folder / WEIGHTS, net)
    except RuntimeError as error:  # torch's first line says only that something does not fit
        first = (str(error).strip().splitlines() or ["no message"])[:2][-1].strip()
        rule = "its network must be of the architecture that was searched"
        raise UserError(f"load: {folder}: {rule}, got another: {first}") from error
    return Model(
        masked.net.eval(),
        masked.masks,
        Encoder.from_dict(card["encoder"]),
        decision_from_dict(card["decision"]),
        head,
        card,
    )


def _handed_over(folder: Path, card: Card, head: Head, net: nn.Module) -> nn.Module:
    """A copy of the caller's network as the search made one: without wrappers, lazy layers."""
    try:
        return checked("net", net, tuple(card["input_shape"]), head.outputs)[0]
    except ValueError as error:
        raise UserError(f"load: {folder}: {error}") from error


def _built(folder: Path, card: Card, head: Head, trust_code: bool) -> nn.Module:
    """The network that the card describes, untrained."""
    architecture, shape = card["model"], card["input_shape"]
    if architecture is None:
        raise UserError(f"{folder}: its network came from Python: load(path, net=...)")
    name, where = architecture["name"], architecture["folder"]
    if not isinstance(name, str) or not (name in MODELS or trust_code):
        beside = f" of the Python files in {where}" if where else ""
        raise UserError(
            f"load: {folder}: its network must be built by {name!r}{beside}, code that its card "
            f"names; hand over the network, load(path, net=...), or, if you trust whoever wrote "
            f"{CARD}, load(path, trust_code=True)"
        )
    if not all(isinstance(size, int) and size > 0 for size in shape):
        raise UserError(f"load: {folder}: input_shape must be sizes of 1 or more, got {shape!r}")
    try:
        return build(
            name,
            tuple(shape),
            head.outputs,
            seed=0,
            folder=None if where is None else Path(where),
            **architecture["args"],
        )
    except ValueError as error:
        raise UserError(f"load: {folder}: {error}") from error


@dataclass(frozen=True, eq=False)
class Model:
    """A pruned network with its encoder in front and its decision behind."""

    net: nn.Module
    masks: Masks
    encoder: Encoder
    decision: Decision
    head: Head
    card: Card

    @torch.no_grad()
    def scores(self, x: Raw, batch: int = 4096) -> NDArray[np.float64]:
        """(n,) probabilities of class 1 for a binary task, (n, classes) otherwise; `x` is raw.

        Raises UserError where `x` is no such data as the network was trained on.
        """
        try:
            unseen, encoded = self.encoder.unseen(x), self.encoder.transform(x)
        except ValueError as error:
            raise UserError(f"predict: {error}") from error
        for column, strange in unseen.items():
            warnings.warn(
                f"predict: {column}: {strange.total()} of {len(x)} rows have values that training "
                f"did not have, taken for none of them: {counted(strange)}",
                stacklevel=3,
            )
        inputs = torch.from_numpy(encoded)
        logits = torch.cat([self.net(rows) for rows in inputs.split(batch)])
        values: NDArray[np.float64] = self.head.scores(logits.double()).numpy()
        return values

    def predict(self, x: Raw, group: ArrayLike | None = None) -> NDArray[np.int64]:
        """(n,) class indices, whose names are `card["classes"]`.

        `group` holds each row's group, by name or, where no name is a number, by index; it is
        read only where the card says `needs_group`, and then it must be given. Warns where a
        column holds values that training did not have.
        """
        return self.decision.predict(self.scores(x), self._groups(group))

    def _groups(self, group: ArrayLike | None) -> NDArray[np.int64] | None:
        """(n,) group indices."""
        if group is None or not self.decision.needs_group:
            return None
        codes, found = pd.factorize(pd.Series(group))
        if (codes < 0).any():
            raise ValueError(
                f"predict: group must be given for each row, got {(codes < 0).sum()} missing"
            )
        index = _group_indices(tuple(self.card["groups"]), texts_of(found))
        return np.array(index, dtype=np.int64)[codes]


def _group_indices(names: tuple[str, ...], given: list[str]) -> list[int]:
    """The index of each group that is given, by its name, or by its index.

    Whole numbers are names where a name is one: of the groups "1" and "2", 1 is the first.
    """
    places = {str(place): place for place in range(len(names))}
    by_place = not any(name.strip().lstrip("-").isdigit() for name in names)
    indices = []
    for text in given:
        name = meant(text, names)
        if name is None and not (by_place and text in places):
            raise ValueError(f"predict: {unknown('group', text, names)}")
        indices.append(places[text] if name is None else names.index(name))
    return indices


def card_of(folder: Path) -> Card:
    """The card of an exported model; raises UserError where there is none."""
    if not (folder / CARD).is_file():
        raise UserError(f"load: {folder} must be an exported model, but has no {CARD}")
    card: Card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    return card


def card_of_point(folder: RunFolder, point: FrontPoint) -> Card:
    """The card of a point of the run's front, whether it is exported or not."""
    config, facts, encoding = folder.config(), folder.facts(), folder.encoding()
    stored = folder.candidates.facts(point["candidate"])
    architecture: Architecture = {
        "name": config.model.builder,
        "args": dict(config.model.args),
        "folder": config.folder,
    }
    return {
        "format": 1,
        "run": facts["run"],
        "name": facts["name"],
        "candidate": point["candidate"],
        "trial": point["trial"],
        "epoch": point["epoch"],
        "method": point["method"],
        "settings": point["settings"],
        "learns_from": point.get("learns_from"),
        "needs_group": point["needs_group"],
        "decision": stored["decision"],
        "sparsity": stored["sparsity"],
        "classes": facts["classes"],
        "group": facts["group"],
        "groups": facts["group_names"],
        "objective": facts["objective"],
        "tune": point["tune"],
        "test": point["test"],
        "claim": point.get("claim"),
        "hashes": facts["hashes"],
        "model": None if facts["model_in_memory"] else architecture,
        "sees": sees(Encoder.from_dict(encoding["encoder"])),
        **encoding,
    }


def _point(folder: RunFolder, candidate: str) -> FrontPoint:
    front = folder.front()
    points = front["points"]
    if candidate in _BY_RULE:
        found = _BY_RULE[candidate](front)
        matching = [] if found is None else [found]
    else:
        matching = [p for p in points if candidate and p["candidate"].startswith(candidate)]
    if not matching and candidate in _BY_RULE:
        raise UserError(
            f"export: {folder.path} has no chosen network: none was feasible; "
            f"points of its front can be exported by name"
        )
    if len(matching) != 1:
        names = {point["candidate"] for point in points} | _BY_RULE.keys()
        raise UserError(f"export: {unknown('candidate', candidate, names)}")
    return matching[0]
