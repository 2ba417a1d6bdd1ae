"""The journal: whole lines only, appended, readable whenever its writer died."""

import ast
import json
import math
import resource
import signal
from contextlib import closing
from pathlib import Path

import pytest

from search.errors import UserError
from search.journal.journal import Journal, read_events, whole_lines_end

ROOT = Path(__file__).parents[3]


def kinds(path):
    return [event["event"] for event in read_events(path)]


@pytest.fixture
def journal(tmp_path):
    with closing(Journal(tmp_path)) as opened:
        yield opened


def test_an_event_is_on_file_as_soon_as_append_returns(journal):
    event = journal.append(
        {"event": "dense", "sparsity": 0.0, "bias": None, "counts": {"tune": [1, 2]}}
    )

    assert list(read_events(journal.path)) == [event]
    assert list(event) == ["event", "time", "sparsity", "bias", "counts"]


def test_a_journal_that_is_opened_again_is_appended_to(tmp_path):
    for kind in ("experiment", "dense"):
        with closing(Journal(tmp_path)) as journal:
            journal.append({"event": kind})

    assert kinds(journal.path) == ["experiment", "dense"]


@pytest.mark.parametrize("torn", [b"{", b'{"event":"report","trial":"t0', b'{"event":"x"}'])
def test_a_torn_last_line_is_left_out_when_reading_and_cut_off_before_appending(tmp_path, torn):
    with closing(Journal(tmp_path)) as journal:
        journal.append({"event": "experiment"})
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole + torn)
    assert kinds(journal.path) == ["experiment"]

    with closing(Journal(tmp_path)) as again:
        assert again.path.read_bytes() == whole
        again.append({"event": "dense"})

    assert kinds(journal.path) == ["experiment", "dense"]
    assert journal.path.read_bytes().startswith(whole)


@pytest.mark.parametrize("value", [math.nan, math.inf, [0.5, math.nan], {"deep": -math.inf}])
def test_nan_and_infinity_are_refused_and_nothing_is_written(journal, value):
    journal.append({"event": "experiment"})

    with pytest.raises(ValueError, match="JSON"):
        journal.append({"event": "report", "performance": value})
    assert kinds(journal.path) == ["experiment"]


@pytest.mark.parametrize(
    ("content", "end"),
    [
        (b"", 0),
        (b"torn", 0),
        (b"a\n", 2),
        (b"a\nb\n", 4),
        (b"a\nb\ntorn", 4),
        (b"\n" + b"x" * 70_000, 1),  # the torn line is longer than one look at the file
        (b"x" * 65_536, 0),
        (b"x" * 65_535 + b"\n", 65_536),
        (b"x" * 65_535 + b"\n" + b"y" * 65_536, 65_536),
    ],
)
def test_the_end_of_the_last_whole_line_is_found(tmp_path, content, end):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(content)

    assert whole_lines_end(path) == end


def test_a_full_disk_leaves_no_half_line_before_the_next_one(journal):
    """A limit on the size of files stands for the full disk."""
    journal.append({"event": "experiment"})
    whole = journal.path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 40, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            journal.append({"event": "report", "counts": "x" * 100})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)

    assert journal.path.read_bytes() == whole
    journal.append({"event": "dense"})
    assert kinds(journal.path) == ["experiment", "dense"]


def test_a_damaged_line_is_named_with_what_to_do_about_it(journal):
    for kind in ("experiment", "dense", "note"):
        journal.append({"event": kind})
    journal.path.write_bytes(journal.path.read_bytes().replace(b"dense", b"densE"))

    with pytest.raises(UserError, match=r"journal.jsonl: line 2 .* --repair") as raised:
        list(read_events(journal.path))
    assert f"fairfront resume {journal.path.parent} --repair" in str(raised.value)


def test_nothing_in_a_run_folder_is_ever_unpickled():
    """Only a data set's own files may be pickles; and of weights torch loads nothing else."""
    sources = [path for part in ("search", "trainables") for path in (ROOT / part).rglob("*.py")]
    calls = [
        (ast.unparse(node.func), ast.unparse(node), path)
        for path in sources
        if ROOT / "trainables" / "data" / "sets" not in path.parents
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]

    loads = [(call, path) for name, call, path in calls if name == "torch.load"]
    assert loads
    assert all("weights_only=True" in call for call, _ in loads)
    pickles = [(name, path) for name, _, path in calls if "pickle" in name and "load" in name]
    assert not pickles
    assert not [call for _, call, _ in calls if "allow_pickle=True" in call]


def test_lines_are_plain_json_of_one_line_each(journal):
    journal.append({"event": "note", "text": "two\nlines, \u00fc"})

    (line,) = journal.path.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["text"] == "two\nlines, \u00fc"
