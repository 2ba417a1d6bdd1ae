"""The models that a run's front is compared with, in its folder."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from search.errors import UserError
from search.journal.events import References
from search.journal.journal import read_events
from search.runs.folder import RunFolder
from trainables.files import whole_file
from trainables.references.models import ReferenceModel, load_models

MODELS = "references.npz"


@dataclass(frozen=True)
class StoredReferences:
    """What the journal says of the models, and the models; neither where the run has none."""

    event: References | None = None
    models: dict[str, ReferenceModel] = field(default_factory=dict)


def store_models(folder: RunFolder, content: bytes) -> str:
    """Writes the file of the models and returns its digest, which the journal keeps."""
    with whole_file(folder.path / MODELS) as file:
        file.write_bytes(content)
    return _digest(content)


def has_models(folder: RunFolder) -> bool:
    """Whether the file is there."""
    return (folder.path / MODELS).exists()


def stored_references(folder: RunFolder, who: str) -> StoredReferences:
    """The last event and the models that it tells of.

    Raises UserError where their file is missing, or another one than the journal says.
    """
    event = references_event(folder.journal)
    if event is None:
        return StoredReferences()
    path = folder.path / MODELS
    again = f"remove the file: then `fairfront resume {folder.path}` fits them again"
    if not path.exists():
        raise UserError(
            f"{who}: {path} is missing; `fairfront resume {folder.path}` makes it again"
        )
    if _digest(path.read_bytes()) != event["digest"]:
        raise UserError(
            f"{who}: {path} must be the one that the search wrote, by its digest in the journal, "
            f"got another; put back a copy of it, or {again}"
        )
    return StoredReferences(event, load_models(path))


def references_event(journal: Path) -> References | None:
    """The last `references` event; None where no models were fitted."""
    last: References | None = None
    for event in read_events(journal):
        if event["event"] == "references":
            last = event
    return last


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
