"""The journal's format: what was written is read back, what was changed since is noticed."""

import json
import math
import random

import pytest

from analysis.events import DamagedJournal, event_of, line_of, lines_of, read_events

EVENTS = [
    {"event": "experiment", "time": 1.5, "name": 'quotes ", umlauts ü, \n'},
    {"event": "trial_start", "trial": "t0001", "spec": {"crc": "deep ones stay"}},
    {"event": "report", "trial": "t0001", "epoch": 1, "bias": None, "losses": {}},
    {"event": "trial_end", "trial": "t0001", "status": "finished", "reason": None},
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.jsonl"


def write(path, *lines):
    path.write_bytes(b"".join(lines))
    return path


@pytest.mark.parametrize("event", EVENTS)
def test_a_line_is_plain_json_with_a_checksum_behind_everything_else(event):
    line = line_of(event)

    plain = json.loads(line)
    assert list(plain) == [*event, "crc"]
    assert {key: plain[key] for key in event} == event
    assert line.count(b"\n") == 1
    assert event_of(line, checked=True) == event


def test_the_checksum_is_the_crc_32_of_what_stands_before_it():
    """That of "123456789" is known to be cbf43926; here of `{"event":"x"`, by the bitwise rule."""
    register = 0xFFFFFFFF
    for byte in b'{"event":"x"':
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0xEDB88320 if register & 1 else 0)

    expected = f"{register ^ 0xFFFFFFFF:08x}"
    assert line_of({"event": "x"}) == b'{"event":"x","crc":"%s"}\n' % expected.encode()


@pytest.mark.parametrize("value", [math.nan, math.inf, [0.5, -math.inf]])
def test_numbers_that_json_does_not_know_are_refused(value):
    with pytest.raises(ValueError, match="JSON"):
        line_of({"event": "report", "bias": value})


def test_every_change_of_a_byte_in_the_middle_is_noticed(path):
    lines = [line_of(event) for event in EVENTS]
    whole, inner = b"".join(lines), range(len(lines[0]), len(b"".join(lines[:3])))
    draws = random.Random(0)

    for _ in range(300):
        damaged = bytearray(whole)
        damaged[draws.choice(inner)] ^= 1 << draws.randrange(8)
        write(path, bytes(damaged))
        with pytest.raises(DamagedJournal, match=r"line [234]"):
            list(read_events(path))


@pytest.mark.parametrize("keep", [slice(1, None), slice(-1), slice(3, -4), slice(0, 0)])
def test_a_line_that_lost_bytes_is_noticed_unless_nothing_is_left(path, keep):
    lines = [line_of(event) for event in EVENTS]
    body = lines[1][:-1][keep]
    write(path, lines[0], body + b"\n", lines[2])

    if body:
        with pytest.raises(DamagedJournal, match="line 2"):
            list(read_events(path))
    else:  # as a repair leaves it
        assert list(read_events(path)) == [EVENTS[0], EVENTS[2]]


def test_journals_from_before_there_were_checksums_are_read(path):
    old = [json.dumps(event).encode() + b"\n" for event in EVENTS]
    assert list(read_events(write(path, *old))) == EVENTS

    went_on = [*old[:2], line_of(EVENTS[2]), line_of(EVENTS[3])]
    assert list(read_events(write(path, *went_on))) == EVENTS

    write(path, line_of(EVENTS[0]), old[1])
    with pytest.raises(DamagedJournal, match="line 2 has no checksum"):
        list(read_events(path))


@pytest.mark.parametrize(
    "line", [b'{"event": "rep', b"[1, 2]", b'"event"', b'{"trial": 1}', b"\0"]
)
def test_what_is_no_event_is_damage_that_is_named(path, line):
    write(path, line_of(EVENTS[0]), line + b"\n", line_of(EVENTS[2]))

    with pytest.raises(DamagedJournal, match=f"{path}: line 2 "):
        list(read_events(path))
    assert [found.event for found in lines_of(path)] == [EVENTS[0], None, EVENTS[2]]


@pytest.mark.parametrize(
    "tail", ['{"event": "rep', "\x00\x00\x00", '{"event": "report", "name": "ü', '{"event": "x"}']
)
def test_torn_last_line_is_left_out(path, tail):
    torn = tail.encode()[: -1 if tail.endswith("ü") else None]  # within a letter
    write(path, *(json.dumps(event).encode() + b"\n" for event in EVENTS), torn)

    assert list(read_events(path)) == EVENTS


@pytest.mark.parametrize("line", ['{"event": "rep', "[1, 2]"])
def test_broken_line_in_the_middle_is_an_error_that_says_what_it_must_be(path, line):
    first, second, third, _ = (json.dumps(event).encode() + b"\n" for event in EVENTS)
    write(path, first, second, line.encode() + b"\n", third)

    with pytest.raises(ValueError, match="line 3 must be a JSON object"):
        list(read_events(path))


def test_lines_say_where_they_begin_and_end(path):
    lines = [line_of(event) for event in EVENTS]
    blank = b" " * 10 + b"\n"
    write(path, lines[0], blank, lines[1], b'{"torn')

    found = list(lines_of(path))

    assert [(one.number, one.begin, one.end) for one in found] == [
        (1, 0, len(lines[0])),
        (2, len(lines[0]), len(lines[0]) + 11),
        (3, len(lines[0]) + 11, len(lines[0]) + 11 + len(lines[1])),
    ]
    assert [one.event for one in found] == [EVENTS[0], None, EVENTS[1]]
    assert not any(one.why for one in found)
