"""Runs side by side: what was on the front when each trial had ended."""

from pathlib import Path
from typing import Any

import pytest

from search.config.config import Config
from search.errors import UserError
from search.journal.journal import Journal
from search.results.compare import Step, _labels, compare, steps
from search.runs.folder import RunFolder

Event = dict[str, Any]


def report(trial: str, epoch: int, values: tuple[float, float, float], **other: Any) -> Event:
    performance, bias, sparsity = values
    return {
        "event": "report",
        "trial": trial,
        "epoch": epoch,
        "charged": 10 * epoch,
        "performance": performance,
        "bias": bias,
        "sparsity": sparsity,
        "candidate": f"{trial}-{epoch}",
        "dropped": [],
        "feasible": True,
        "beats_trivial": True,
        "decision": {"kind": "threshold"},
    } | other


FACTS = {"event": "experiment", "reference": [0.5, 0.1, 0.0], "correction": {"name": "threshold"}}


def fronts(
    events: list[Event], *, sparsity: bool = True, group_allowed: bool = False
) -> list[Step]:
    """The steps of these events, each trial started where it is first mentioned."""
    facts = {**FACTS, "sparsity": sparsity, "group_at_prediction": group_allowed}
    told: list[Event] = []
    for event in events:
        if event["trial"] not in {one["trial"] for one in told}:
            told.append({"event": "trial_start", "trial": event["trial"]})
        told.append(event)
    return steps(facts, told)


def end(trial: str, status: str = "finished") -> Event:
    return {"event": "trial_end", "trial": trial, "status": status, "reason": None}


def test_the_front_grows_with_finished_trials_and_compute_counts_all_of_them() -> None:
    events = [
        report("a", 1, (0.7, 0.02, 0.5)),
        report("b", 1, (0.9, 0.01, 0.9)),  # stopped: its compute counts, its candidate does not
        report("a", 2, (0.8, 0.02, 0.5), dropped=["a-1"]),
        end("b", "stopped"),
        end("a"),
        report("c", 1, (0.8, 0.01, 0.6)),  # dominates what a left
        end("c"),
    ]
    found = fronts(events, sparsity=True, group_allowed=False)
    assert [step.compute for step in found] == [30, 30, 40]
    assert [dict(step.front) for step in found] == [
        {},
        {"a-2": (0.8, 0.02, 0.5)},
        {"c-1": (0.8, 0.01, 0.6)},
    ]


def test_without_a_sparsity_objective_a_denser_point_may_dominate() -> None:
    events = [report("a", 1, (0.7, 0.02, 0.9)), report("a", 2, (0.8, 0.01, 0.1)), end("a")]
    assert list(fronts(events, sparsity=False, group_allowed=False)[-1].front) == ["a-2"]
    assert sorted(fronts(events, sparsity=True, group_allowed=False)[-1].front) == ["a-1", "a-2"]


def test_infeasible_and_trivial_candidates_are_on_no_front() -> None:
    events = [
        report("a", 1, (0.9, 0.2, 0.5), feasible=False),
        report("a", 2, (0.5, 0.0, 0.5), beats_trivial=False),
        end("a"),
    ]
    assert not fronts(events, sparsity=True, group_allowed=False)[-1].front


def test_what_needs_the_group_hides_nothing_unless_it_may_be_chosen() -> None:
    by_group = {"kind": "group_thresholds"}
    events = [
        report("a", 1, (0.7, 0.02, 0.5)),
        end("a"),
        report("b", 1, (0.9, 0.01, 0.9), decision=by_group),
        end("b"),
    ]
    assert list(fronts(events, sparsity=True, group_allowed=False)[-1].front) == ["a-1"]
    assert list(fronts(events, sparsity=True, group_allowed=True)[-1].front) == ["b-1"]


def test_what_a_trial_left_that_never_ended_is_on_the_last_front_alone() -> None:
    events = [
        report("a", 1, (0.9, 0.01, 0.9)),  # dropped before test could be opened for it
        report("b", 1, (0.7, 0.02, 0.5)),
        end("b"),
        report("a", 2, (0.8, 0.01, 0.9), dropped=["a-1"]),
    ]
    assert [list(step.front) for step in fronts(events)] == [["b-1"], ["a-2"]]
    assert fronts(events)[-1].compute == 30


def test_one_run_is_nothing_to_compare(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="needs two runs or more, got 1"):
        compare([tmp_path], tmp_path / "out")


def test_runs_are_told_apart_by_what_was_searched_not_by_seeds_or_limits(tmp_path: Path) -> None:
    folders = []
    for sampler, seed, trials in (("random", 0, 8), ("tpe", 1, 9)):
        said = [f"search.sampler='{sampler}'", f"seed={seed}", f"search.trials={trials}"]
        path = tmp_path / sampler
        path.mkdir()
        (path / "config.toml").write_text(Config.load("quick", said).to_toml())
        Journal(path).close()
        folders.append(RunFolder(path))

    assert _labels(folders) == ["sampler random", "sampler tpe"]
    assert _labels(folders[:1] * 2) == ["all runs", "all runs"]


def task(path: Path, **changes: Any) -> Path:
    """A folder that holds no more of a run than what it is about."""
    path.mkdir()
    objective = {"performance": "accuracy", "bias": "eod", "tolerance": 0.05, "margin": 0.02}
    facts: Event = {"data": "compas", "classes": ["no", "yes"], "group": "sex"}
    facts |= {"group_names": ["Male", "Female"], "reference": [0.5, 0.05, 0.0]}
    journal = Journal(path)
    journal.append(
        {"event": "experiment", **{"objective": objective, "sparsity": True} | facts | changes}
    )
    journal.close()
    return path


OTHER_BIAS = {"performance": "accuracy", "bias": "spd", "tolerance": 0.05, "margin": 0.02}


@pytest.mark.parametrize(
    ("changes", "rule", "got"),
    [
        ({"data": "digits"}, "data", ("compas", "digits")),
        (
            {"group": "race", "group_names": ["A", "B"]},
            "group",
            ("sex (Male / Female)", "race (A / B)"),
        ),
        ({"objective": OTHER_BIAS}, "bias measure", ("eod", "spd")),
        ({"reference": [0.5, 0.1, 0.0]}, "bias of the hypervolume's reference", ("0.05", "0.1")),
    ],
)
def test_runs_that_share_no_hypervolume_are_refused_in_one_line_before_test_is_asked_for(
    changes: dict[str, Any], rule: str, got: tuple[str, str], tmp_path: Path
) -> None:
    paths = [task(tmp_path / "a"), task(tmp_path / "b", **changes)]

    with pytest.raises(UserError, match=f"compare: runs must share their {rule}, ") as raised:
        compare(paths, tmp_path / "out")

    said = str(raised.value)
    assert f"got {got[0]} ({paths[0]}) and {got[1]} ({paths[1]})" in said
    assert "\n" not in said
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a", "b"]  # nothing is written
