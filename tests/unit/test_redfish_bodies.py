"""The gate every body passes: size, depth, strict JSON, repeated keys, bounded decompression."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from fleetmon.drivers.redfish.bodies import MAX_BYTES, MAX_DEPTH, BadBody, deeper_than, parse, unpack


def test_an_ordinary_body_is_parsed():
    assert parse(b'{"Name": "x", "Reading": 1.5}').json == {"Name": "x", "Reading": 1.5}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"  \r\n", "empty"),
        (b"[1, 2]", "a list, not a JSON object"),
        (b"null", "null, not a JSON object"),
        (b'"text"', "a string"),
        (b"7", "a number"),
        (b'{"a": 1', "no valid JSON"),
        (b'{"a": NaN}', "no valid JSON"),
        (b'{"a": Infinity}', "no valid JSON"),
        (b'{"a": 1e999}', "no valid JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "no valid JSON"),
        (b"<html>login</html>", "<html>login</html>"),
        (b"[" * 100_000, "nested deeper"),
        (b'{"a":' * 60 + b"1" + b"}" * 60, "nested deeper") if MAX_DEPTH < 60 else (b"", "empty"),
    ],
)
def test_a_body_that_cannot_be_used_is_refused_with_the_reason(content, why):
    with pytest.raises(BadBody, match=why.replace("(", r"\(")):
        parse(content)


def test_a_body_beyond_the_cap_is_refused():
    with pytest.raises(BadBody, match="larger than"):
        parse(b'{"a": "' + b"x" * MAX_BYTES + b'"}')


def test_a_refused_body_is_quoted_on_one_safe_line():
    with pytest.raises(BadBody) as refused:
        parse(b"<html>\x00\n\x1b[31mred" + b"y" * 1000)
    assert "\n" not in str(refused.value)
    assert "\x1b" not in str(refused.value)
    assert len(str(refused.value)) < 400


def test_bytes_that_are_no_utf8_cost_only_themselves():
    assert parse(b'{"Name": "fan \xff", "Reading": 3}').json == {"Name": "fan \ufffd", "Reading": 3}


def test_a_byte_order_mark_is_forgiven():
    assert parse(b'\xef\xbb\xbf{"a": 1}').json == {"a": 1}


def test_brackets_inside_strings_are_no_depth():
    assert not deeper_than(b'{"a": "' + b"[" * 500 + b'"}', 10)
    assert parse(b'{"a": "' + b"[{" * 500 + b'"}').json["a"].startswith("[{")
    assert deeper_than(b'{"a": "]", "b":' + b"[" * 40 + b"]" * 40 + b"}", 20)


def test_names_given_twice_are_noticed():
    assert parse(b'{"a": 1, "b": {"c": 1, "c": 2}}').repeated_keys == ("c",)
    assert parse(b'{"a": 1, "b": 2}').repeated_keys == ()
    assert parse(b'{"a": "x\\": y", "b": "\\":"}').repeated_keys == ()


def test_a_compressed_body_is_unpacked():
    assert unpack(gzip.compress(b'{"a": 1}'), "gzip") == b'{"a": 1}'
    assert unpack(zlib.compress(b'{"a": 1}'), "deflate") == b'{"a": 1}'


def test_a_decompression_bomb_is_stopped_at_the_cap():
    bomb = gzip.compress(b"\0" * (3 * MAX_BYTES))
    assert len(bomb) < 100_000
    with pytest.raises(BadBody, match="unpacks to more"):
        unpack(bomb, "gzip")


@pytest.mark.parametrize(("content", "encoding"), [(b"junk", "gzip"), (b"x", "br")])
def test_a_damaged_or_unknown_encoding_is_refused(content, encoding):
    with pytest.raises(BadBody):
        unpack(content, encoding)


def test_fifty_thousand_keys_with_one_given_twice_are_looked_through_once() -> None:
    keys = ",".join(f'"key {number}":1' for number in range(50_000))
    assert parse(f'{{{keys},"key 7":2}}'.encode()).repeated_keys == ("key 7",)


@pytest.mark.parametrize(
    "content",
    [b'{"a":[' + b"{}," * 200_000 + b"1]}", b'{"a":[' + b"1," * 500_000 + b"1]}"],
    ids=["objects", "values"],
)
def test_a_body_of_countless_small_things_is_refused_before_it_is_parsed(content: bytes) -> None:
    with pytest.raises(BadBody, match="holds more than"):
        parse(content)


def test_the_depth_of_a_body_with_one_long_string_is_known_without_a_mountain_of_memory() -> None:
    tracemalloc.start()
    try:
        assert not deeper_than(b'{"a":"' + b'[{\\"' * 500_000 + b'"}', 50)
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()
