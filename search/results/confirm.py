"""Opens the test split once: names the front before, then says what is certified of it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from torch import nn

from analysis.front_json import Certify, Front, FrontPoint
from analysis.front_table import chosen_point
from analysis.report.seeds import spread
from search.engine.experiment import reopened
from search.errors import UserError
from search.front.notes import named_in
from search.journal.events import ConfirmStart, Event, Experiment, Listener
from search.journal.journal import Journal
from search.journal.opening_ledger import record_opening
from search.problem.start_network import Build
from search.results.evaluated import evaluated_on_test
from search.results.seeds import seed_rows
from search.runs.folder import RunFolder
from search.runs.intact import check_candidates
from search.runs.reference_models import StoredReferences, stored_references
from search.tracking import mirror
from trainables.data import FairData


def confirm(
    path: Path | str,
    *,
    data: FairData | pd.DataFrame | None = None,
    model: nn.Module | Build | None = None,
    seeds: int = 0,
    certify: Certify = "front",
    address: str | None = None,
    trust_code: bool = False,
    listener: Listener | None = None,
) -> Front:
    """Evaluates the front of a run on the sealed test split and stores what it finds.

    With `seeds`, the chosen settings are first trained again with so many other seeds (on the Ray
    cluster at `address`, or on this machine); their candidates are named and evaluated along with
    the front, and `seeds` and `spread` of the front say how they fared.

    All that is named is tested together: each point gets a `claim`, and `handed_over` is the best
    of those that are certified. By `certify` every network is tested alike, or the chosen one
    first, at the whole error rate, and the others only if it passes: so the chosen one is
    certified more often, and anything at all more seldom.

    The front's `opening` says the how-manieth opening of these test rows it was, from 1. A second
    call returns what the first one stored; seeds that it adds have values on tune alone, since
    test is opened once. With nothing feasible nothing is opened.
    Raises UserError where the run is not complete or its test rows have changed, and, without
    `trust_code`, where it is somebody else's and names code.
    """
    folder = RunFolder(Path(path))
    stored = folder.confirmation()
    if stored is not None and len(stored.get("seeds", ())) >= seeds:
        return stored
    if folder.config().search.recording:
        raise UserError(f"confirm: {path} is a recording, which counted the test rows all along")
    front, facts = stored or folder.front(), folder.facts()
    chosen = chosen_point(front)
    if chosen is None:
        return front
    problem, dense = reopened(
        folder, folder.config(), data, model, "confirm", trust_code=trust_code
    )
    check_candidates(folder, named_in(front), "confirm")
    stored_models = stored_references(folder, "confirm")
    if seeds:
        rows = seed_rows(folder, problem, chosen, seeds, address=address, listener=listener)
        known = front.get("seeds", [])
        front = {**front, "seeds": [*known, *rows[len(known) :]]}
    if stored is not None:
        return folder.save_front(_with_spread(front), confirmed=True)
    opening = _announce(folder, front, chosen, facts, stored_models, certify)
    evaluated = evaluated_on_test(
        folder, problem, dense, front, stored_models, certify=certify, opening=opening
    )
    confirmed: Front = {**_with_spread(evaluated), "opening": opening}
    folder.save_front(confirmed, confirmed=True)
    _append(folder, {"event": "confirm", "opening": opening})
    if problem.config.tracking.enabled:
        mirror.sync(folder.path, problem.config.tracking.uri, leave=True)
    return confirmed


def _announce(
    folder: RunFolder,
    front: Front,
    chosen: FrontPoint,
    facts: Experiment,
    stored: StoredReferences,
    certify: Certify,
) -> int:
    """Writes down what will be looked at, then the opening itself, before anything is opened."""
    named: ConfirmStart = {
        "event": "confirm_start",
        "front": named_in(front),
        "chosen": chosen["candidate"],
        "seeds": [row["candidate"] for row in front.get("seeds", [])],
        "certify": certify,
    }
    if stored.event is not None:
        named["references"] = stored.event["digest"]
    _append(folder, named)
    seconds = [point.get("beside") for point in front["points"]]
    looked_at = [named, [second and second["decision"] for second in seconds]]
    return record_opening(facts["hashes"]["test"], facts["run"], facts["name"], looked_at)


def _append(folder: RunFolder, event: Event) -> None:
    journal = Journal(folder.path)
    journal.append(event)
    journal.close()


def _with_spread(front: Front) -> Front:
    return {**front, "spread": spread(front["seeds"])} if "seeds" in front else front
