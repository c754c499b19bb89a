"""What a page gives back is what it was given, bit for bit."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fleetmon.errors import StorageError
from fleetmon.storage import codec, pages
from fleetmon.storage.packing import EXCEPTION, REST

HOT = tuple[int, bytes, bytes | None]
WHOLE = st.integers(-(2**63), 2**63 - 1)
ODD = st.sampled_from([math.nan, math.inf, -0.0, 5e-324, 2.0**53 + 2, 1.8e19, 0.1 + 0.2, float(np.float32(20.3))])
NUMBERS = st.one_of(st.floats(width=64), ODD, st.integers(-4000, 9000).map(lambda whole: whole / 100))


@st.composite
def hot_rows(draw: st.DrawFn) -> list[HOT]:
    """Rows of one layout as the database has them."""
    columns = draw(st.integers(1, 5))
    instants = sorted(draw(st.sets(st.integers(-(2**40), 2**45), min_size=1, max_size=12)))
    rows: list[HOT] = []
    for instant in instants:
        numbers = draw(st.lists(NUMBERS, min_size=columns, max_size=columns))
        odd = draw(st.dictionaries(st.integers(0, columns - 1), st.tuples(st.integers(0, 255), st.floats(width=32))))
        exceptions = b"".join(EXCEPTION.pack(place, *odd[place]) for place in sorted(odd))
        rows.append((instant, struct.pack(f"<{columns}d", *numbers), exceptions or None))
    return rows


def block(rows: list[HOT]) -> pages.Block:
    told: list[dict[str, Any]] = [dict(zip(("taken_at", "values", "exceptions"), row, strict=True)) for row in rows]
    return pages.block_of(told, len(rows[0][1]) // 8)


@given(hot_rows())
def test_a_page_gives_its_rows_back_bit_for_bit(rows: list[HOT]) -> None:
    """Planted bug: decimals taken on the word of the first value only; -0.0 taken for 0."""
    page = pages.page_of(block(rows), level=3)
    assert pages.rows_of(pages.Page.of(page)) == rows


@given(hot_rows(), st.data())
def test_one_column_is_that_of_the_whole_page(rows: list[HOT], data: st.DataObject) -> None:
    whole = block(rows)
    place = data.draw(st.integers(0, whole.numbers.shape[1] - 1))
    column = pages.column_in([pages.Opened.of(pages.page_of(whole, level=3), 0)], place)
    assert column.instants.tolist() == [row[0] for row in rows]
    assert column.numbers.tobytes() == np.ascontiguousarray(whole.numbers[:, place]).tobytes()
    told = [{place: (code, rest) for place, code, rest in EXCEPTION.iter_unpack(row[2] or b"")} for row in rows]
    assert column.codes.tolist() == [odd[place][0] & ~REST if place in odd else -1 for odd in told]
    rests = [odd[place][1] if place in odd and odd[place][0] & REST else 0.0 for odd in told]
    assert column.rests.tolist() == np.nan_to_num(np.array(rests, np.float64)).tolist()


@given(hot_rows(), st.data())
def test_blocks_join_in_order_and_the_earlier_one_wins(rows: list[HOT], data: st.DataObject) -> None:
    """However the rows of a span were cut up, and though some came twice."""
    part = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    first = [row for row, here in zip(rows, part, strict=True) if here]
    twice = [(at, bytes(len(values)), None) for at, values, _ in first]
    blocks = [block(found) for found in (first, twice, [row for row in rows if row not in first]) if found]
    assert pages.rows_of(pages.Joined(blocks)) == rows


@given(arrays.arrays(np.int64, st.tuples(st.integers(0, 9), st.integers(0, 5)), elements=WHOLE))
def test_integers_come_back_whatever_their_differences(columns: codec.Ints) -> None:
    packed = codec.Packed.at(codec.pack_ints(columns), 0)
    assert np.array_equal(packed.columns(), columns)
    for place in range(columns.shape[1] if len(columns) else 0):
        assert np.array_equal(packed.column(place), columns[:, place])


def test_many_columns_lie_in_several_groups() -> None:
    numbers = np.arange(300.0)[None, :] + np.arange(4.0)[:, None] / 10
    flat = pages.Exceptions(np.array([2]), np.array([290]), np.array([3]), np.array([0]))
    made = pages.Block(np.arange(4), numbers, flat)
    page = pages.page_of(made, level=3)
    last = pages.Opened.of(page, 2)
    assert pages.rows_of(pages.Page.of(page)) == pages.rows_of(made)
    assert pages.column_in([last], 290).codes.tolist() == [-1, -1, 3, -1]
    assert pages.column_in([last], 299).numbers.tolist() == [299.0, 299.1, 299.2, 299.3]


NOTHING = np.zeros(0, np.int64)


def test_steady_decimals_take_well_under_a_byte() -> None:
    """A quiet temperature in tenths, a minute a row for a day; as doubles they would be 11,520 bytes."""
    numbers = np.round(20 + np.sin(np.arange(1440) / 100), 1)[:, None]
    made = pages.Block(np.arange(1440) * 60_000, numbers, pages.Exceptions(*[NOTHING] * 4))
    assert len(pages.page_of(made, level=pages.DAY_LEVEL)) < 500


@pytest.mark.parametrize("harm", [lambda page: page[:40], lambda page: b"\x09" + page[1:], lambda page: b""])
def test_a_damaged_page_says_so(harm: Any) -> None:
    made = pages.Block(np.arange(50), np.random.default_rng(7).random((50, 2)), pages.Exceptions(*[NOTHING] * 4))
    with pytest.raises(StorageError, match="page of history"):
        pages.rows_of(pages.Page.of(harm(pages.page_of(made, level=3))))
