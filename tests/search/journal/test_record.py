"""What the driver knows: the same whether it watched or read the journal."""

import sys
from contextlib import closing

import pytest

from search.journal.journal import Journal, read_events
from search.journal.record import Record, SlimReport


def report(trial, epoch, candidate=None, dropped=(), **values):
    return {
        **{"trial": trial, "epoch": epoch, "bias": 0.1, "candidate": candidate},
        **{"dropped": list(dropped), "counts": {"tune": {}}, "decision": {}, **values},
    }


@pytest.fixture
def journal(tmp_path):
    with closing(Journal(tmp_path)) as opened:
        yield opened


@pytest.fixture
def record(journal):
    return Record(journal)


def start(record, trial, method="adv_ft"):
    record.add({"event": "trial_start", "trial": trial, "method": method, "spec": {"seed": 1}})


def live_a_search(record):
    record.add({"event": "experiment", "name": "made"})
    record.add({"event": "dense", "counts": {}})
    for trial, method in (("t0001", "adv_ft"), ("t0002", "adv_ft"), ("t0003", "prune_advft")):
        start(record, trial, method)
    for trial in ("t0001", "t0003", "t0001"):
        epoch = record.trials[trial].epoch + 1
        record.report(report(trial, epoch, f"{trial}-{epoch}"))
    record.end("t0001", "finished")
    record.end("t0002", "failed", "out of memory")
    record.end("t0003", "stopped", "bias")


def test_replaying_the_journal_gives_what_watching_the_search_gave(record, journal):
    live_a_search(record)

    replayed = Record()
    replayed.replay(read_events(journal.path))

    assert replayed.trials == record.trials
    assert replayed.dense == record.dense
    assert [t.status for t in replayed.trials.values()] == ["finished", "failed", "stopped"]


def test_replaying_writes_nothing_and_tells_nobody(record, journal):
    live_a_search(record)
    before, told = journal.path.read_bytes(), []

    Record(journal, told.append).replay(read_events(journal.path))

    assert journal.path.read_bytes() == before
    assert told == []


def test_an_event_is_in_the_journal_before_anybody_hears_of_it(journal):
    seen = []
    record = Record(journal, lambda event: seen.append((event, [*read_events(journal.path)][-1])))

    start(record, "t0001")
    record.report(report("t0001", 1))

    assert [heard for heard, _ in seen] == [written for _, written in seen]
    assert [heard["event"] for heard, _ in seen] == ["trial_start", "report"]


def test_a_repeated_epoch_is_ignored(record, journal):
    start(record, "t0001")
    assert record.report(report("t0001", 1, bias=0.3))
    assert record.report(report("t0001", 2, bias=0.2))

    assert not record.report(report("t0001", 1, bias=0.9))
    assert not record.report(report("t0001", 2, bias=0.9))

    assert [event["bias"] for event in record.trials["t0001"].reports] == [0.3, 0.2]
    assert sum(event["event"] == "report" for event in read_events(journal.path)) == 2


def test_memory_holds_reports_without_counts_and_the_journal_holds_them_with(record, journal):
    start(record, "t0001")
    record.report(report("t0001", 1, losses={"task": 0.5}, bias_interval=[0.0, 0.2]))

    (kept,) = record.trials["t0001"].reports
    assert not {"counts", "decision", "losses"} & kept.keys()
    assert kept["bias"] == 0.1
    assert kept["bias_interval"] == (0.0, 0.2)
    assert {**kept}.keys() == kept.keys()
    with pytest.raises(KeyError, match="counts"):
        kept["counts"]
    assert [*read_events(journal.path)][-1]["counts"] == {"tune": {}}


def test_a_report_in_memory_takes_much_less_than_its_dict(record, journal):
    """Its keys are shared with all reports that have the same ones."""
    numbers = {f"key {number}": number / 7 for number in range(20)}
    event = {"event": "report", **report("t0001", 300, **numbers)}

    light = SlimReport(event)

    assert len({id(SlimReport({**event})._places), id(light._places)}) == 1
    assert sys.getsizeof(light) + sys.getsizeof(light._values) < sys.getsizeof(event) / 2.5


def test_names_of_trials_go_on_from_the_highest_one_also_of_those_that_were_lost():
    record = Record()
    assert record.next_name() == "t0001"

    record.replay([{"event": "trial_start", "trial": "t0007", "method": "adv_ft", "spec": {}}])
    assert record.next_name() == "t0008"

    record.replay([{"event": "repair", "lost": ["t0009", "t0003"]}])
    assert record.next_name() == "t0010"
    assert record.unfinished() == {"t0007": 0}


def test_a_trial_ends_once(record, journal):
    start(record, "t0001")

    record.end("t0001", "stopped", "bias")
    record.end("t0001", "finished")

    assert (record.trials["t0001"].status, record.trials["t0001"].reason) == ("stopped", "bias")
    assert sum(event["event"] == "trial_end" for event in read_events(journal.path)) == 1


@pytest.mark.parametrize(
    ("status", "names"),
    [("running", ["b", "d"]), ("finished", ["b", "d"]), ("stopped", []), ("failed", [])],
)
def test_candidates_are_those_not_superseded_and_stopped_trials_have_none(record, status, names):
    start(record, "t0001")
    record.report(report("t0001", 1, "a"))
    record.report(report("t0001", 2, "b"))
    record.report(report("t0001", 3))
    record.report(report("t0001", 4, "c", dropped=["a"]))
    record.report(report("t0001", 5, "d", dropped=["c"]))
    if status != "running":
        record.end("t0001", status)

    found = record.trials["t0001"].candidates()

    assert [event["candidate"] for event in found] == names


def test_trials_are_counted_by_status_and_method(record):
    live_a_search(record)

    assert [record.count(s) for s in ("running", "finished", "stopped", "failed")] == [0, 1, 1, 1]
    assert [trial.trial for trial in record.of_method("adv_ft")] == ["t0001", "t0002"]
    assert record.of_method("magnitude_retrain") == []


def test_a_record_without_a_journal_can_not_be_added_to():
    with pytest.raises(RuntimeError, match="no journal"):
        Record().add({"event": "experiment"})


def test_compute_adds_up_the_last_reports_and_old_ones_processed_what_they_were_charged(record):
    for trial in ("t0001", "t0002", "t0003"):
        start(record, trial)
    record.report(report("t0001", 1, charged=10, spent=0))
    record.report(report("t0001", 2, charged=20, spent=5))
    record.report(report("t0002", 1, charged=7))

    assert record.compute == (27, 12)


def test_what_was_processed_does_not_fall_where_a_trial_started_anew(record):
    """Its worker died without a checkpoint, and found the shared stage that it had computed."""
    start(record, "t0001")
    for epoch, spent in ((1, 100), (2, 200), (3, 50)):
        record.report(report("t0001", epoch, charged=100 * epoch, spent=spent))

    assert record.compute == (300, 200)
