"""The journal's format: what was written is read back, what was changed since is noticed."""

import json
import math
import random

import pytest

from analysis.events import (
    DamagedJournal,
    event_of,
    jumping,
    line_of,
    lines_of,
    next_number,
    number_of,
    read_events,
)

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


NUMBERED = [line_of(event, number) for number, event in enumerate(EVENTS * 2, start=1)]


def test_a_number_stands_inside_of_the_checksum_and_is_no_part_of_the_event():
    line = NUMBERED[2]

    assert list(json.loads(line)) == [*EVENTS[2], "line", "crc"]
    assert (number_of(line), number_of(line_of(EVENTS[2]))) == ((3, False), None)
    assert event_of(line) == EVENTS[2]
    with pytest.raises(DamagedJournal, match="checksum"):
        event_of(line.replace(b'"line":3', b'"line":4'))


def test_a_line_may_say_that_others_are_missing_before_it_at_the_same_length(path):
    marked = jumping(NUMBERED[5])

    assert marked == line_of(EVENTS[1], 6, jump=True)
    assert (len(marked), number_of(marked)) == (len(NUMBERED[5]), (6, True))
    write(path, *NUMBERED[:3], marked, NUMBERED[6])
    assert list(read_events(path)) == [*EVENTS[:3], EVENTS[1], EVENTS[2]]


def test_every_loss_repetition_and_exchange_of_whole_lines_is_noticed(path):
    """But for the loss of the last ones, which is a shorter journal."""
    count = len(NUMBERED)
    for first in range(count - 1):
        lost = [*NUMBERED[:first], *NUMBERED[first + 1 :]]
        with pytest.raises(DamagedJournal, match=rf"line {first + 1} says .* 1 are missing"):
            list(read_events(write(path, *lost)))
        for second in range(count):
            twice = [*NUMBERED[: second + 1], NUMBERED[first], *NUMBERED[second + 1 :]]
            with pytest.raises(DamagedJournal, match=r"line \d says"):
                list(read_events(write(path, *twice)))
            moved = list(NUMBERED)
            moved[first], moved[second] = moved[second], moved[first]
            if first != second:
                with pytest.raises(DamagedJournal, match=r"line \d says"):
                    list(read_events(write(path, *moved)))


def test_one_line_after_a_loss_is_noticed_and_the_others_are_in_their_places(path):
    write(path, *NUMBERED[:2], *NUMBERED[5:])

    found = list(lines_of(path))

    assert [line.why is not None for line in found] == [False, False, True, False, False]
    assert found[2].why == "says that it is line 6: 3 are missing before it"
    assert [line.event for line in found] == [*EVENTS[:2], *EVENTS[1:]]


def test_blank_and_damaged_lines_stand_for_one_line_each_or_for_none(path):
    """A repair blanks what was damaged, and what was there twice."""
    blank = b"   \n"
    write(path, NUMBERED[0], blank, NUMBERED[2], blank, *NUMBERED[3:])
    assert len(list(read_events(path))) == len(NUMBERED) - 1

    write(path, NUMBERED[0], blank, NUMBERED[3], *NUMBERED[4:])
    with pytest.raises(DamagedJournal, match="line 3 says that it is line 4: 1 are missing"):
        list(read_events(path))

    damaged = bytearray(NUMBERED[1])
    damaged[12] ^= 1
    write(path, NUMBERED[0], bytes(damaged), *NUMBERED[2:])
    assert [line.number for line in lines_of(path) if line.why] == [2]


def test_lines_from_before_there_were_numbers_are_read_up_to_the_first_that_has_one(path):
    before = [line_of(event) for event in EVENTS]

    assert list(read_events(write(path, *before[:2], *NUMBERED[2:4]))) == EVENTS
    with pytest.raises(DamagedJournal, match="line 3 says that it is line 4: 1 are missing"):
        list(read_events(write(path, *before[:2], *NUMBERED[3:])))
    with pytest.raises(DamagedJournal, match="line 4 has no line number"):
        list(read_events(write(path, *before[:2], NUMBERED[2], before[3])))


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        ([], 1),
        ([line_of(EVENTS[0]), b"  \n", line_of(EVENTS[1])], 4),
        (NUMBERED, 9),
        ([*NUMBERED, b"     \n", b"\n"], 9),
        ([NUMBERED[0], jumping(NUMBERED[7])], 9),
        ([line_of({"event": "x", "long": "y" * 200_000}, 7)], 8),
        ([NUMBERED[0], b" " * 200_000 + b"\n"], 2),
    ],
)
def test_what_is_appended_is_numbered_behind_the_last_line(path, lines, number):
    write(path, *lines)

    assert next_number(path) == number
    if len(lines) != 1:
        write(path, *lines, line_of(EVENTS[0], number))
        assert not any(line.why for line in lines_of(path))
