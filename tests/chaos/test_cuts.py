"""Ledger and journal cut at every byte of their last lines: what is whole counts, no more."""

import json

import pytest

from analysis.events import JOURNAL
from search.journal.journal import Journal, read_events
from search.journal.opening_ledger import record_opening
from search.journal.record import Record
from tests.search.made_journal import EXPERIMENT, report, write_trial


@pytest.fixture
def journal(tmp_path):
    folder = tmp_path / "whole"
    folder.mkdir()
    opened = Journal(folder)
    opened.append({"event": "experiment", **EXPERIMENT})
    write_trial(opened, "t0001")
    opened.append({"event": "trial_start", "trial": "t0002", "method": "adv_ft", "spec": {}})
    opened.append({"event": "report", **report("t0002", 1, last=False)})
    opened.close()
    return (folder / JOURNAL).read_bytes()


def test_a_journal_that_ends_anywhere_in_its_last_lines_is_gone_on_with(journal, tmp_path):
    lines = journal.splitlines(keepends=True)
    begin = len(journal) - sum(map(len, lines[-2:]))
    folder = tmp_path / "cut"
    folder.mkdir()
    for cut in range(begin, len(journal) + 1):
        (folder / JOURNAL).write_bytes(journal[:cut])
        whole = journal[:cut].count(b"\n")
        assert len(list(read_events(folder / JOURNAL))) == whole, cut

        opened = Journal(folder)
        record = Record(opened)
        record.replay(read_events(folder / JOURNAL))
        if "t0002" not in record.trials:
            record.add({"event": "trial_start", "trial": "t0002", "method": "m", "spec": {}})
        assert record.report(report("t0002", 1, last=False)) == (whole < len(lines)), cut
        opened.close()
        again = list(read_events(folder / JOURNAL))
        assert len(again) == len(lines), cut


def test_a_ledger_that_ends_anywhere_in_its_last_line_blocks_nobody(tmp_path):
    path = tmp_path / "ledger.jsonl"
    for run in ("run 1", "run 2", "run 3"):
        record_opening("rows", run, "name", ["front"], path)
    text = path.read_bytes()
    last = text[:-1].rfind(b"\n") + 1
    for cut in range(last, len(text) + 1):
        path.write_bytes(text[:cut])
        whole = cut >= len(text) - 1  # the newline alone may be missing
        assert record_opening("rows", "run 4", "name", ["front"], path) == 3 + whole, cut
        assert json.loads(path.read_bytes().splitlines()[-1])["run"] == "run 4"
