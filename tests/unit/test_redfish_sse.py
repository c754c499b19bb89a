"""A stream of server-sent events is read whatever a device makes of the format, and costs no more than its cap."""

import random

import pytest

from fleetmon.drivers.redfish.sse import MAX_MESSAGE, Message, MessageReader

PLAIN = b': keep-alive\n\nid: 7\ndata: {"Id": "7"}\n\nevent: x\ndata:{\ndata: "a": 1\ndata:}\n\n'
READ = [Message(b'{"Id": "7"}', "7"), Message(b'{\n"a": 1\n}', "7", "x")]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_messages_are_the_same_however_they_are_cut_and_however_lines_end(end, size):
    content = PLAIN.replace(b"\n", end)
    reader = MessageReader()
    found = [
        message
        for start in range(0, len(content), size)
        for message in reader.feed(content[start : start + size])
    ]  # fmt: skip
    assert found == READ


def test_random_cuts_change_nothing():
    rng = random.Random(3)
    content = b"\xef\xbb\xbf" + PLAIN.replace(b"\n", b"\r\n") * 20
    reader, found = MessageReader(), []
    while content:
        cut = rng.randint(1, 40)
        found += reader.feed(content[:cut])
        content = content[cut:]
    assert found == READ * 20


def test_json_that_goes_on_without_saying_data_again_is_one_message():
    (message,) = MessageReader().feed(b'id: 0\ndata: {\n"Id":"9",\n"Events":\n[{}]\n}\n\n')
    assert message == Message(b'{\n"Id":"9",\n"Events":\n[{}]\n}', "0")


def test_the_last_id_holds_for_messages_without_one_and_is_remembered():
    reader = MessageReader("41")
    assert [message.event_id for message in reader.feed(b"data: a\n\nid: 42\ndata: b\n\ndata: c\n\n")] == [
        "41",
        "42",
        "42",
    ]
    assert reader.event_id == "42"


def test_the_wait_a_service_asks_for_is_capped_and_nonsense_is_none():
    reader = MessageReader()
    reader.feed(b"retry: 2500\n\n")
    assert reader.retry == 2.5
    reader.feed(b"retry: soon\nretry: -1\n\n")
    assert reader.retry == 2.5
    reader.feed(b"retry: 999999999999999999999\n\n")
    assert reader.retry == 3600


@pytest.mark.parametrize("part", [b"a" * 65_536, b"data: " + b"a" * 65_530 + b"\n"], ids=["line", "message"])
def test_a_line_or_message_without_end_is_thrown_away_and_the_next_one_is_read(part):
    reader = MessageReader()
    for _ in range(64):
        assert reader.feed(part) == []
        assert len(reader._rest) + reader._size <= MAX_MESSAGE + len(part)
    assert reader.oversized == 1
    assert reader.feed(b"\n\ndata: ok\n\n") == [Message(b"ok")]


def test_a_line_that_drips_in_by_bytes_costs_no_more_than_its_length():
    reader = MessageReader()
    for _ in range(200_000):
        reader.feed(b"x")
    assert len(reader._rest) == 200_000


def test_an_id_cannot_break_out_of_its_header():
    reader = MessageReader()
    reader.feed(b"id: 5\0evil\nid: " + b"9" * 5000 + b"\n\n")
    assert reader.event_id == "9" * 200
