"""Whoever reads the events of a search finds the same candidates, the same best, the same volume.

Random journals, with what a journal should not hold as well, are shown to every reader:
front.json, the growing front (MLflow), the driver's status, the terminal, compare, the record
(samplers, replay, garbage) and the frames of a report. A slow rule, written out here, says what is
right.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.hypervolume import hypervolume
from analysis.trials import reports_frame
from search.cli.live import Tally
from search.engine.progress import Progress
from search.front.build import build_front
from search.front.growing import GrowingFront
from search.front.view import view_of
from search.journal.candidates import Candidates, is_feasible, needs_group
from search.journal.record import Record
from search.results.compare import steps
from search.tracking.updates import Translator
from tests.search.engine.test_progress import CONFIG
from tests.search.front.test_build import FACTS, counts
from trainables.evaluation.report import evaluate

NET = counts(([800] * 4, [200] * 4))
DENSE = {
    **{"event": "dense", "time": 0.0, "counts": {"tune": NET, "held_back": NET}},
    **{"performance": 0.8, "bias": 0.3, "sparsity": 0.0, "trivial_performance": 0.5},
}
DECISIONS = {
    False: {"kind": "threshold", "index": 500, "threshold": 0.5, "trivial": False},
    True: {
        **{"kind": "group_thresholds", "indices": [500, 500], "thresholds": [0.5, 0.5]},
        "trivial": False,
    },
}
PLACES = [(0.8, 0.02, 0.0), (0.7, 0.01, 0.5), (0.6, 0.0, 0.9), (0.7, 0.02, 0.9), (0.6, 0.02, 0.0)]
MOSTLY = st.sampled_from([True, True, True, False])
VALUES = st.builds(
    lambda place, feasible, beats_trivial: {
        **dict(zip(("performance", "bias", "sparsity"), place, strict=True)),
        **{"feasible": feasible, "beats_trivial": beats_trivial},
    },
    st.sampled_from(PLACES),
    MOSTLY,
    MOSTLY,
)
KINDS = st.sampled_from(["start", "start", "report", "report", "report", "end", "noise"])
ENDS = st.sampled_from(["finished", "finished", "stopped", "failed"])


def report(trial, epoch, values, by_group, candidate, dropped):
    return {
        **{"event": "report", "time": 1.0, "trial": trial, "epoch": epoch, "live": 1.0},
        **{"performance_se": 0.0, "performance_interval": [0.5, 1.0], "bias_interval": [0.0, 0.1]},
        **{"measures": {}, "losses": {}, "charged": 10 * epoch, "spent": 10 * epoch},
        **{"stage": 0, "stage_epoch": epoch, "stage_epochs": 9, "final_stage": True},
        **{"seconds": 1.0, "decision": DECISIONS[by_group], "dropped": dropped},
        **{"counts": {"tune": NET, "held_back": NET}, "candidate": candidate},
        **values,
    }


@st.composite
def journals(draw):
    """Events of up to four trials, in any order that a search could write, and with the noise that
    a worker which died or another version may leave: repeated epochs, reports after an end."""
    events, epochs, standing, ended = [], {}, {}, set()
    for _ in range(draw(st.integers(6, 24))):
        running = [trial for trial in epochs if trial not in ended]
        kind = draw(
            st.sampled_from(["start", "start", "report", "report", "report", "end", "noise"])
        )
        if kind == "start" and len(epochs) < 4:
            trial = f"t{len(epochs) + 1:04}"
            epochs[trial], standing[trial] = 0, []
            spec = {"settings": {}, "seed": 0, "correction": {"name": "threshold"}}
            start = {"event": "trial_start", "time": 1.0, "trial": trial, "method": "adv_ft"}
            events.append({**start, "spec": spec, "learns_from": "debias"})
        elif kind == "report" and running:
            trial = draw(st.sampled_from(running))
            epochs[trial] += 1
            name = f"{trial}-{epochs[trial]}" if draw(MOSTLY) else None
            dropped = [one for one in standing[trial] if name and draw(st.booleans())]
            standing[trial] = [one for one in standing[trial] if one not in dropped]
            standing[trial] += [name] * (name is not None)
            values, by_group = draw(VALUES), not draw(MOSTLY)
            events.append(report(trial, epochs[trial], values, by_group, name, dropped))
        elif kind == "end" and running:
            trial = draw(st.sampled_from(running))
            ended.add(trial)
            end = {"event": "trial_end", "time": 2.0, "trial": trial, "reason": None}
            events.append({**end, "status": draw(ENDS)})
        elif kind == "noise" and (told := [one for one in events if one["event"] == "report"]):
            again = draw(st.sampled_from(told))
            late = epochs[again["trial"]] + 1 if again["trial"] in ended else again["epoch"]
            events.append({**again, "epoch": late, "candidate": f"{again['trial']}-again"})
    return events


def stands(events):
    """The reports that count, by the rule said slowly: of each trial those up to its end whose
    weights no later one of them drops; none where that end is not "finished"."""
    found = []
    for trial in [event["trial"] for event in events if event["event"] == "trial_start"]:
        own = [event for event in events if event["trial"] == trial]
        end = next((i for i, e in enumerate(own) if e["event"] == "trial_end"), len(own))
        if end < len(own) and own[end]["status"] != "finished":
            continue
        reports = [event for event in own[:end] if event["event"] == "report"]
        new = [one for i, one in enumerate(reports) if one["epoch"] > highest(reports[:i])]
        for place, one in enumerate(new):
            later = [name for after in new[place + 1 :] for name in after["dropped"]]
            if one["candidate"] and one["candidate"] not in later:
                found.append(one)
    return found


def highest(reports):
    return max((one["epoch"] for one in reports), default=0)


def better(a, b):
    """Whether `a` is at least as good as `b` in all three."""
    return (
        a["performance"] >= b["performance"]
        and a["bias"] <= b["bias"]
        and a["sparsity"] >= b["sparsity"]
    )


def front_of(reports):
    """Those on the front where the group may not be used; of equal ones the first."""

    def hides(a, b):
        if needs_group(a) and not needs_group(b):
            return False
        if not better(a, b):
            return False
        equal = better(b, a)
        first = reports.index(a) < reports.index(b) or (needs_group(b) and not needs_group(a))
        return first if equal else True

    return [one for one in reports if not any(hides(o, one) for o in reports if o is not one)]


@pytest.fixture(scope="module", autouse=True)
def _evaluated_once():
    """All networks have the same counts here, which say nothing of what their reports say."""
    known = {}

    def evaluated(decided, objective, **kinds):
        key = decided.table.tobytes()
        if key not in known:
            known[key] = evaluate(decided, objective, **kinds)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("search.front.judging.evaluate", evaluated)
        yield


@settings(max_examples=100, deadline=None)
@given(journals())
def test_every_reader_of_a_journal_finds_the_same(events):
    whole = [FACTS, DENSE, *events]
    right = [one for one in stands(events) if is_feasible(one)]
    on_front = front_of(right)
    could = [one for one in on_front if not needs_group(one)]
    axes = ("performance", "bias", "sparsity")
    places = {one["candidate"]: tuple(one[axis] for axis in axes) for one in could}
    values = np.array([*places.values()]).reshape(-1, 3)
    volume = pytest.approx(hypervolume(values, FACTS["reference"], [1.0, 0.0, 1.0]))
    best = max((one["performance"] for one in could), default=None)

    # front.json
    front = build_front(FACTS, whole, view_of(FACTS))
    feasible = front["points"] if right else []  # else the closest ones stand there
    assert {point["candidate"] for point in feasible} == {one["candidate"] for one in on_front}
    assert front["hypervolume"] == volume
    assert front["candidates"] == len(stands(events))
    chosen = [point["candidate"] for point in front["points"] if point["chosen"]]

    # the growing front, by itself and as MLflow is told of it
    growing, translator = GrowingFront(FACTS), Translator()
    for place, event in enumerate(whole):
        growing.take(event)
        translator.updates(place, {"time": 0.0, **event})
    for grown in (growing.as_front(), translator.front.as_front()):
        assert [p["candidate"] for p in grown["points"]] == [p["candidate"] for p in feasible]
        assert [p["candidate"] for p in grown["points"] if p["chosen"]] == chosen
        assert grown["hypervolume"] == volume

    # the driver's status and the terminal's lines
    progress, tally = Progress(CONFIG, None), Tally()
    for event in whole:
        progress.take(event)
        tally.take(event)
    status, shown = progress.status(), tally.best()
    assert status["hypervolume"] == volume
    assert (status["best"] and status["best"]["performance"]) == best
    if could:
        assert shown.performance == best
    else:
        assert (shown is None) == (not right)

    # compare: its last step is the front at the end
    if taken := steps(FACTS, events):
        assert dict(taken[-1].front) == places

    # the record: samplers, replay and garbage ask it
    record = Record()
    record.replay(whole)
    left = [one for trial in record.trials.values() for one in trial.candidates()]
    assert [one["candidate"] for one in left] == [one["candidate"] for one in stands(events)]

    # the frames of reports and notebooks
    fold = Candidates(lambda event: event)
    for event in whole:
        fold.take(event)
    frame = reports_frame(events, fold.names())
    names = {one["candidate"] for one in stands(events)}
    assert set(frame["candidate"].dropna()) == names


def test_the_rule_is_not_trivial_on_these_journals():
    """Enough of the random journals have something to disagree about."""
    seen = {"stopped": 0, "dropped": 0, "by group": 0, "front": 0}

    @settings(max_examples=200, deadline=None, database=None, derandomize=True)
    @given(journals())
    def look(events):
        seen["stopped"] += any(one.get("status") in ("stopped", "failed") for one in events)
        seen["dropped"] += any(one.get("dropped") for one in events)
        seen["by group"] += any(needs_group(one) for one in stands(events))
        seen["front"] += len(front_of([one for one in stands(events) if is_feasible(one)])) > 1

    look()
    assert min(seen.values()) >= 10, seen
