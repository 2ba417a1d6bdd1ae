"""Writes front.png and report.html of a run, also under another tolerance, measure or grouping.

The price of fairness is the front under many tolerances: every candidate is judged anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import matplotlib
import pandas as pd

from analysis.claims import uncertified_sentence
from analysis.figures.front_png import front_figure
from analysis.front_json import Front
from analysis.front_table import group_sentences, marks_of_references, undefined_sentences
from analysis.price import PRICE_COLUMNS
from analysis.report.report import Facts, report_html
from analysis.words import chosen_sentence, no_op_sentences
from search.front.build import build_front
from search.front.view import View
from search.journal.events import Event, Experiment, PowerFacts
from search.journal.journal import read_events
from search.journal.opening_ledger import opening_that_follows
from search.problem.power import power_facts, power_on_test
from search.results.judged_anew import judged_anew
from search.runs.folder import RunFolder, view_of_run
from search.runs.intact import check_files
from search.runs.state import note_on_later_trials
from search.runs.trust import is_trusted, reached_store
from search.tracking import mirror
from search.units import compute
from trainables.evaluation.counts import counts_from_dict
from trainables.files import whole_file
from trainables.methods import METHODS


def price_of_fairness(
    path: Path | str,
    tolerances: Iterable[float],
    *,
    bias: str | None = None,
    group: str | None = None,
) -> pd.DataFrame:
    """One row per tolerance: the best feasible candidate under it (`analysis.price`), of those
    that could be chosen.

    Decisions are fitted anew for each tolerance, measure and grouping, as `fairfront report` does;
    nothing is retrained, and small groups are merged or left out as it does. Values are those on
    tune.
    """
    folder = RunFolder(Path(path))
    facts = folder.facts()
    events = [event for event in read_events(folder.journal) if _needed(event)]
    of_run = view_of_run(folder, group, bias)
    rows = []
    for tolerance in tolerances:
        view = of_run.with_bias(bias, tolerance)
        rows.append(_row(build_front(facts, events, view)))
    return pd.DataFrame(rows, columns=list(PRICE_COLUMNS))


def _needed(event: Event) -> bool:
    """Reports without a candidate are most of a journal, and on no front; references are on none
    either, and to judge them under each tolerance takes its time."""
    if event["event"] == "references":
        return False
    return event["event"] != "report" or bool(event["candidate"] or event["dropped"])


def _row(front: Front) -> dict[str, object]:
    allowed = front["objective"]["group_at_prediction"]
    could = [p for p in front["points"] if p["feasible"] and (allowed or not p["needs_group"])]
    best = could[0] if could else None  # the front is sorted so
    return {
        "tolerance": front["objective"]["tolerance"],
        "margin": front["objective"]["margin"],
        "performance": None if best is None else best["tune"]["performance"],
        "bias": None if best is None else best["tune"]["bias"],
        "sparsity": None if best is None else best["tune"]["sparsity"],
        "method": None if best is None else best["method"],
        "candidate": None if best is None else best["candidate"],
    }


def report(
    path: Path | str,
    tolerance: float | None = None,
    bias: str | None = None,
    group: str | None = None,
    say: Callable[[str], None] | None = None,
) -> Path:
    """Writes the report of a run and returns its path; `say` is told by name which groups were
    merged or left out, and where the bias is undefined for every candidate.

    Without arguments: front.png and report.html as the search saw it. With another tolerance,
    measure or grouping everything is judged anew from the counts, and the files carry the change
    in their names; test values are left out, since that view of them was not confirmed.
    By another grouping, small groups are merged or left out as in a search by it. Raises
    UserError for a grouping that the data do not have, or are too few for.
    """
    folder = RunFolder(Path(path))
    check_files(folder, "report")
    facts = folder.facts()
    changes = {"tolerance": tolerance, "bias": bias, "group": group}
    given = {key: value for key, value in changes.items() if value is not None}
    if given:
        suffix = (
            "".join(f"-{key}-{value}" for key, value in given.items())
            .replace("*", "x")
            .replace("/", "-")
        )
        view, front = judged_anew(folder, tolerance=tolerance, bias=bias, group=group)
        folder.save_front(front, suffix)
        facts = {**facts, "power": _power(folder, facts, view)}
    else:
        suffix, front = "", folder.write_front()
    if say is not None:
        told = (no_op_sentences, group_sentences, undefined_sentences)
        for sentence in [sentence for of_kind in told for sentence in of_kind(front)]:
            say(sentence)
        if given:
            say(chosen_sentence(front))
            say(uncertified_sentence(front, folder.confirmation()))
    target = _write(folder, front, facts, suffix)
    tracking = folder.tracking()
    if not given and tracking.enabled:
        if is_trusted(facts["run"], reached_store(tracking)):
            mirror.sync(folder.path, tracking.uri, leave=True)
            if say is not None and tracking.uri is None:
                say("MLflow: the copy in the run's folder is completed by a process of its own")
        elif say is not None:
            say(
                f"MLflow at {tracking.uri} is told nothing: the run was not started by "
                f"this user; `fairfront resume {folder.path} --trust` agrees to that"
            )
    return target


def _power(folder: RunFolder, facts: Experiment, view: View) -> PowerFacts:
    """At worst, as `view` sees it: by the cells of tune, with as many rows as test has, the next
    time that test is opened."""
    tune = counts_from_dict(folder.dense_event()["counts"]["tune"])
    cells = tune.regroup(view.crossing_to_group).cells
    rate = folder.config().objective.error_rate_claims
    rows = round(cells.sum() * facts["rows"]["test"] / facts["rows"]["tune"])
    opening = opening_that_follows(facts["hashes"]["test"])
    power = power_on_test(cells, view.objective.bias, rate, opening=opening)
    return power_facts(power.with_rows(rows))


def _certifiable(front: Front, facts: Experiment) -> float | None:
    """The tolerance that test certifies of a fair network in 80 %, at worst; None: not known, or
    the claims of the front say it better, by the chosen network's own rates."""
    if "claims" in front or "power" not in facts:
        return None
    return facts["power"]["tolerance_for_power"]


def _write(folder: RunFolder, front: Front, facts: Experiment, suffix: str) -> Path:
    matplotlib.use("Agg")
    references = marks_of_references(front)
    figure = front_figure(front, references)
    with whole_file(folder.path / f"front{suffix}.png") as file:
        figure.savefig(file, format="png", dpi=160)
    trials, reports = folder.journal_frames()
    shown: Facts = {**_facts(front, facts), "compute": _compute(trials)}
    if not suffix and (said := note_on_later_trials(folder.path)) is not None:
        shown["notes"] = [*shown["notes"], said]
    text = report_html(front, trials, reports, references, shown)
    target = folder.path / f"report{suffix}.html"
    with whole_file(target) as file:
        file.write_text(text, encoding="utf-8")
    return target


def _compute(trials: pd.DataFrame) -> str:
    """Of all trials; reports from before results were shared do not say what was processed."""
    return compute(trials["charged"].sum(), trials["spent"].fillna(trials["charged"]).sum())


def _facts(front: Front, facts: Experiment) -> Facts:
    objective = front["objective"]
    dimensions = 2 + objective["sparsity"]
    return {
        "data": facts["data"],
        "classes": facts["classes"],
        "groups": objective["groups"],
        "splits": facts["rows"],
        "notes": facts["notes"],
        "certifiable": _certifiable(front, facts),
        "box": {
            "reference": objective["reference"][:dimensions],
            "ideal": [1.0, 0.0, 1.0][:dimensions],
        },
        "opening": front["opening"],
        "methods": {name: method.summary for name, method in METHODS.items()},
        "searched": {**facts["objective"], "group": facts["group"]},
    }
