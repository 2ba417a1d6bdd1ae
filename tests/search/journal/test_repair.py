"""A damaged journal: said clearly, and mended so that nothing is lost but what is not there."""

from contextlib import closing

import pytest
import torch

from analysis.events import line_of, lines_of
from search.errors import UserError
from search.journal.journal import Journal, read_events
from search.journal.record import Record
from search.journal.repair import repair
from search.runs.checkpoints import drop_checkpoints_ahead
from trainables.trial.names import checkpoint_path

EPOCHS = 3


def report(trial, epoch):
    return {
        **{"event": "report", "trial": trial, "epoch": epoch, "last": epoch == EPOCHS},
        **{"candidate": None, "dropped": []},
    }


def search():
    """Two finished trials, one stopped after two epochs, one running; 0-based line numbers."""
    yield {"event": "experiment", "name": "made"}  # 0
    yield {"event": "dense"}
    for trial, epochs in (("t0001", EPOCHS), ("t0002", EPOCHS), ("t0003", 2), ("t0004", 2)):
        yield {"event": "trial_start", "trial": trial, "method": "adv_ft", "spec": {}}  # 2 7 12 16
        for epoch in range(1, epochs + 1):
            yield report(trial, epoch)
        ends = {"t0003": "stopped", "t0004": None}
        if (status := ends.get(trial, "finished")) is not None:
            yield {"event": "trial_end", "trial": trial, "status": status, "reason": None}


EVENTS = list(search())
START, EPOCH_2, LAST, END = 7, 9, 10, 11  # lines of t0002


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "journal.jsonl").write_bytes(b"".join(line_of(event) for event in EVENTS))
    return tmp_path


def damage(folder, *numbers):
    path = folder / "journal.jsonl"
    content = bytearray(path.read_bytes())
    for line in [line for line in lines_of(path) if line.number - 1 in numbers]:
        content[line.begin + 12] ^= 1
    path.write_bytes(bytes(content))


def told(folder):
    record = Record()
    record.replay(read_events(folder / "journal.jsonl"))
    return record


def test_a_damaged_line_is_named_with_what_to_do(folder):
    damage(folder, EPOCH_2)

    with pytest.raises(UserError, match=rf"line {EPOCH_2 + 1} does not match .*--repair"):
        list(read_events(folder / "journal.jsonl"))


def test_a_whole_journal_is_left_as_it_is(folder):
    before = (folder / "journal.jsonl").read_bytes()

    repair(folder)

    assert (folder / "journal.jsonl").read_bytes() == before
    assert not list(folder.glob("journal-set-aside*"))


@pytest.mark.parametrize(
    ("line", "epoch"),
    [(EPOCH_2 - 1, 0), (EPOCH_2, 1), (LAST, 2), (END, 3)],
    ids=["first report", "second", "last", "its end"],
)
def test_a_trial_goes_on_from_before_what_is_damaged_and_the_others_stay(folder, line, epoch):
    damage(folder, line)

    repair(folder)

    record = told(folder)
    assert {name: trial.status for name, trial in record.trials.items()} == {
        **{"t0001": "finished", "t0002": "running", "t0003": "stopped", "t0004": "running"}
    }
    assert [trial.epoch for trial in record.trials.values()] == [3, epoch, 2, 2]


def test_a_trial_whose_start_is_damaged_is_lost_and_so_is_its_name(folder):
    damage(folder, START, 16)
    for trial in ("t0001", "t0002", "t0004"):
        checkpoint(folder, trial, 2)

    repair(folder)

    record = told(folder)
    assert list(record.trials) == ["t0001", "t0003"]
    assert record.next_name() == "t0005"
    left = [t for t in ("t0001", "t0002", "t0004") if checkpoint_path(folder, t).exists()]
    assert left == ["t0001"]


def test_what_is_set_aside_is_kept_and_all_other_lines_stay_where_they_were(folder):
    damage(folder, EPOCH_2)
    path = folder / "journal.jsonl"
    before, lines = path.read_bytes(), list(lines_of(path))

    repair(folder)

    after = path.read_bytes()
    gone = lines[EPOCH_2 : END + 1]  # the damaged one and what t0002 did after it
    for line in lines:
        found, was = after[line.begin : line.end], before[line.begin : line.end]
        assert found == (b" " * (len(was) - 1) + b"\n" if line in gone else was)
    (aside,) = folder.glob("journal-set-aside*")
    assert aside.read_bytes() == before[gone[0].begin : gone[-1].end]
    (mended,) = [event for event in read_events(path) if event["event"] == "repair"]
    assert (mended["again"], mended["lost"], mended["file"]) == (["t0002"], [], aside.name)


@pytest.mark.parametrize("line", [0, 1])
def test_without_its_beginning_a_journal_is_beyond_repair(folder, line):
    damage(folder, line, EPOCH_2)
    before = (folder / "journal.jsonl").read_bytes()

    with pytest.raises(UserError, match="cannot be repaired"):
        repair(folder)
    assert (folder / "journal.jsonl").read_bytes() == before


def test_a_repair_removes_nothing_outside_of_the_run(folder):
    outside = folder.parent / "mine.pt"  # checkpoints/../../mine.pt
    outside.write_text("mine")
    (folder / "checkpoints").mkdir()
    with closing(Journal(folder)) as journal:
        journal.append({"event": "trial_end", "trial": "../../mine", "status": "finished"})
        journal.append({"event": "report", "trial": "../../mine", "epoch": 1})

    repair(folder)

    assert outside.read_text() == "mine"
    assert "../../mine" not in {
        event.get("trial") for event in read_events(folder / "journal.jsonl")
    }


def test_a_journal_that_is_being_written_is_not_repaired(folder):
    damage(folder, EPOCH_2)

    with (
        closing(Journal(folder)),
        pytest.raises(UserError, match="is being written by process"),
    ):
        repair(folder)


def test_checkpoints_ahead_of_the_journal_go_and_so_do_those_that_cannot_be_read(folder):
    for trial, epoch in (("t0001", 9), ("t0002", 3), ("t0003", 2), ("t0004", 2)):
        checkpoint(folder, trial, epoch)
    checkpoint_path(folder, "t0004").write_bytes(b"half of a")

    drop_checkpoints_ahead(folder, {"t0002": 2, "t0003": 2, "t0004": 2, "t0005": 0})

    left = {path.stem for path in checkpoint_path(folder, "t0001").parent.iterdir()}
    assert left == {"t0001", "t0003"}


def checkpoint(folder, trial, epoch):
    path = checkpoint_path(folder, trial)
    path.parent.mkdir(exist_ok=True)
    torch.save({"epoch": epoch}, path)


NUMBERED = [line_of(event, number) for number, event in enumerate(EVENTS, start=1)]
ALL = {"t0001": 3, "t0002": 3, "t0003": 2, "t0004": 2}  # epochs


def repaired(folder, lines):
    """Epochs by trial after a repair; each later line must be where it was."""
    path = folder / "journal.jsonl"
    path.write_bytes(b"".join(lines))
    with pytest.raises(UserError, match=r"--repair"):
        list(read_events(path))
    size = path.stat().st_size

    repair(folder)

    before = list(lines_of(path))
    assert [line for line in before if line.end == size]
    assert not any(line.why for line in before)
    with closing(Journal(folder)) as journal:
        journal.append({"event": "search_end", "left": 1})
    record = told(folder)
    return {name: trial.epoch for name, trial in record.trials.items()}, record


@pytest.mark.parametrize("line", range(2, len(EVENTS) - 1))
def test_a_trial_of_which_a_line_is_missing_goes_on_from_before_it(folder, line):
    epochs, record = repaired(folder, [*NUMBERED[:line], *NUMBERED[line + 1 :]])

    event = EVENTS[line]
    trial, expected = event["trial"], dict(ALL)
    if event["event"] == "trial_start":
        del expected[trial]
    elif event["event"] == "report":
        expected[trial] = event["epoch"] - 1
    assert epochs == expected
    # A trial that was stopped has ended all the same, and leaves nothing.
    stopped = event == report("t0003", 2)
    if trial in record.trials:
        assert record.trials[trial].status == ("stopped" if stopped else "running")


@pytest.mark.parametrize("line", range(2, len(EVENTS)))
@pytest.mark.parametrize("at", [0, 6, len(EVENTS)])
def test_a_line_that_is_there_twice_counts_once(folder, line, at):
    """Be it numbered, or from before there were numbers."""
    where = max(line + 1, at)
    plain = [line_of(event) for event in EVENTS]
    for lines in (NUMBERED, plain):
        epochs, record = repaired(folder, [*lines[:where], lines[line], *lines[where:]])

        assert epochs == ALL
        statuses = {name: trial.status for name, trial in record.trials.items()}
        assert statuses == {
            **{"t0001": "finished", "t0002": "finished"},
            **{"t0003": "stopped", "t0004": "running"},
        }


def test_several_lines_may_be_missing_and_others_damaged(folder):
    lines = [*NUMBERED[:EPOCH_2], *NUMBERED[END + 1 :]]
    lines[3] = lines[3][:12] + b"x" + lines[3][13:]

    epochs, record = repaired(folder, lines)

    assert epochs == {"t0001": 0, "t0002": 1, "t0003": 2, "t0004": 2}
    assert [trial.status for trial in record.trials.values()][:2] == ["running", "running"]
