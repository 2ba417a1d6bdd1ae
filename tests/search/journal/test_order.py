"""What a trial may say, and when: a journal out of order is another search."""

from contextlib import closing

import pytest

from analysis.events import line_of
from search.errors import UserError
from search.journal.journal import Journal, read_events

START = {"event": "trial_start", "trial": "t0001"}
END = {"event": "trial_end", "trial": "t0001", "status": "finished"}


def report(epoch, trial="t0001"):
    return {"event": "report", "trial": trial, "epoch": epoch}


@pytest.mark.parametrize(
    ("events", "line", "why"),
    [
        ([START, report(1), END, START], 4, "starts t0001 a second time"),
        ([START, report(1), report(1)], 3, "is epoch 1 of t0001, where 2 was due"),
        ([START, report(1), report(3)], 3, "is epoch 3 of t0001, where 2 was due"),
        ([START, report(2)], 2, "is epoch 2 of t0001, where 1 was due"),
        ([START, report(1, "t0002")], 2, "is of t0002, which has not started"),
        ([END], 1, "is of t0001, which has not started"),
        ([START, END, report(1)], 3, "is of t0001, which has ended"),
        ([START, END, END], 3, "is of t0001, which has ended"),
    ],
)
def test_what_cannot_be_is_named_with_its_line_and_a_remedy(tmp_path, events, line, why):
    """Numbered as they stand: each line by itself is whole."""
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"".join(line_of(event, place) for place, event in enumerate(events, 1)))

    with pytest.raises(UserError, match=rf"line {line} {why}; .*--repair"):
        list(read_events(path))


def test_trials_may_take_turns_and_other_events_stand_anywhere(tmp_path):
    other = {"event": "trial_start", "trial": "t0002"}
    events = [START, other, report(1), report(1, "t0002"), {"event": "search_end"}, report(2), END]
    with closing(Journal(tmp_path)) as journal:
        for event in events[:4]:
            journal.append(event)
    with closing(Journal(tmp_path)) as journal:  # another session goes on with the numbers
        for event in events[4:]:
            journal.append(event)

    assert [event["event"] for event in read_events(journal.path)] == [e["event"] for e in events]
    lines = journal.path.read_bytes().splitlines()
    assert [b'"line":%d,' % number in line for number, line in enumerate(lines, 1)] == [True] * 7


def test_a_line_that_could_not_be_written_takes_no_number(tmp_path):
    with closing(Journal(tmp_path)) as journal:
        journal.append({"event": "experiment"})
        with pytest.raises(ValueError, match="JSON"):
            journal.append({"event": "dense", "bias": float("nan")})
        journal.append({"event": "dense"})

    assert len(list(read_events(journal.path))) == 2


@pytest.mark.parametrize(("name", "command"), [("seeds", "confirm"), ("audit", "audit")])
def test_of_what_a_command_keeps_in_a_run_s_folder_the_remedy_is_that_command(
    tmp_path, name, command
):
    inner = tmp_path / name
    inner.mkdir()
    (inner / "journal.jsonl").write_bytes(line_of(START, 1) * 2)
    with pytest.raises(UserError, match=rf"fairfront resume {inner} --repair"):
        list(read_events(inner / "journal.jsonl"))  # a run of that name

    (tmp_path / "journal.jsonl").touch()
    with pytest.raises(UserError, match=rf"remove {inner}: `fairfront {command} {tmp_path}"):
        list(read_events(inner / "journal.jsonl"))
