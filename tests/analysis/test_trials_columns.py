"""Frames are the same whether rows are kept as dicts or by column, and take little memory."""

import random
import tracemalloc

import pandas as pd
import pytest

from analysis.trials import FLOATS, REPORT_COLUMNS, TRIAL_COLUMNS, reports_frame, trials_frame


def journal(trials, epochs, seed=0):
    """A journal's events, some keys missing, some None, losses that come and go."""
    draw = random.Random(seed)
    for number in range(trials):
        trial = f"t{number:04d}"
        yield {"event": "trial_start", "trial": trial, "method": draw.choice("ab"), "spec": {}}
        for epoch in range(1, epochs + 1):
            event = {
                **{"event": "report", "trial": trial, "epoch": epoch, "stage": 0, "role": "r"},
                **{"name": "n", "performance": draw.random(), "charged": epoch, "seconds": 0.1},
                **{"bias": None if draw.random() < 0.2 else draw.random(), "time": 1.0 * epoch},
                **{"sparsity": 0.5, "feasible": draw.random() < 0.5, "beats_trivial": True},
                "candidate": f"{trial}-{epoch % 7}" if draw.random() < 0.4 else None,
                "losses": {name: draw.random() for name in draw.sample(["x", "y", "z"], 2)},
                "counts": {"tune": [1] * 50},
            }
            if draw.random() < 0.3:
                del event["seconds"], event["feasible"]
            yield event
        yield {"event": "trial_end", "trial": trial, "status": "finished", "reason": None}


def from_dicts(events, standing):
    """The plain way: a dict for each report."""
    rows, methods, last = [], {}, {}
    for event in events:
        if event["event"] == "trial_start":
            methods[event["trial"]] = event["method"]
        if event["event"] != "report":
            continue
        row = {"method": methods[event["trial"]]}
        row |= {key: event[key] for key in REPORT_COLUMNS if key in event}
        rows.append({**row, **{f"loss.{k}": v for k, v in event["losses"].items()}})
        rows[-1]["candidate"] = None
        if (event["trial"], event["candidate"]) in standing:
            last[event["trial"], event["candidate"]] = rows[-1]
    for (_, candidate), row in last.items():
        row["candidate"] = candidate
    frame = pd.DataFrame(rows)
    extra = [name for name in frame.columns if name not in REPORT_COLUMNS]
    frame = frame.reindex(columns=[*REPORT_COLUMNS, *extra])
    types = {name: "float64" for name in frame.columns if name in FLOATS}
    return frame.astype(types | dict.fromkeys(extra, "float32"))


@pytest.mark.parametrize("seed", range(3))
def test_reports_by_column_are_those_of_a_dict_for_each(seed):
    events = list(journal(5, 20, seed))
    standing = {(f"t{n:04d}", f"t{n:04d}-{k}") for n in range(5) for k in (0, 2, 3)}

    pd.testing.assert_frame_equal(reports_frame(events, standing), from_dicts(events, standing))


def test_without_events_the_columns_are_there():
    for frame, columns in (
        (reports_frame([], set()), REPORT_COLUMNS),
        (trials_frame([]), TRIAL_COLUMNS),
    ):
        assert tuple(frame.columns) == columns
        assert frame.empty


def test_the_frame_of_many_reports_takes_a_few_hundred_bytes_for_each():
    tracemalloc.start()
    frame = reports_frame(journal(200, 50), set())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(frame) == 10_000
    assert peak / len(frame) < 700  # a dict for each report takes 2,500
