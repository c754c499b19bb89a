"""The pure parts of the API: who may come in, what a cursor is, how a rack is divided."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from fleetmon.api.files import accepts, find
from fleetmon.api.fleet import space_of, worst_of, zones_of
from fleetmon.api.guard import is_loopback, objection_to
from fleetmon.api.manual import render
from fleetmon.api.problems import Problem
from fleetmon.api.routes import _near
from fleetmon.api.wire import cursor_after, key_of, matches, page_of, read_instant, told_at
from fleetmon.metrics import Metrics
from fleetmon.model import Health
from tests.unit.test_house import HOUSE


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8480", "127.0.0.1", "127.0.0.1:1", "127.255.255.254", "[::1]", "[::1]:8480"]
)
def test_loopback_is_known_by_every_name(host):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["", "localhost.", "localhost.evil", "evil", "127.0.0.1.nip.io", "0.0.0.0", "10.0.0.1", "[::]", "[::2]", "::1",
     "[127.0.0.1]", "localhost:x", "localhost:80:80", "[localhost]", "[::1]x", "127.1", "2130706433", "[::1"],
)  # fmt: skip
def test_nothing_else_is_loopback(host):
    assert not is_loopback(host)


def test_two_hosts_are_no_host():
    headers = [(b"host", b"127.0.0.1"), (b"host", b"evil.example")]
    assert objection_to("GET", "/", headers) is not None
    assert objection_to("GET", "/", []) is not None


@given(st.lists(st.text(max_size=20), min_size=1, max_size=5))
def test_a_cursor_gives_back_its_key(key):
    assert key_of(cursor_after(key), [str] * len(key)) == tuple(key)


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_a_cursor(text):
    with contextlib.suppress(Problem):
        key_of(text, [str, str])


@given(st.sets(st.text(max_size=4), max_size=30), st.integers(1, 7))
def test_pages_of_any_size_show_everything_once_in_order(names, limit):
    seen, cursor = [], None
    while True:
        page, cursor = page_of(names, lambda name: (name,), cursor=cursor, limit=limit)
        seen += page
        if cursor is None:
            break
    assert seen == sorted(names)


def test_instants_are_told_and_read_back():
    instant = read_instant("2026-10-13T11:42:18.120+02:00", "from")
    assert told_at(instant) == "2026-10-13T09:42:18.120Z"
    assert read_instant(str(instant.timestamp()), "from") == instant
    assert told_at(None) is None


EDGES = ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "0001-01-01T00:00:00Z"]
"""No span ends or begins there that time itself could tell."""


@pytest.mark.parametrize("text", ["", "now", "2026-10-13T09:42:18", "1e400", "9" * 30, "-", *EDGES])
def test_an_instant_without_zone_or_sense_is_refused(text):
    with pytest.raises(Problem, match="instant"):
        read_instant(text, "from")


def test_a_tag_matches_by_weak_comparison():
    assert matches('"a", W/"b"', '"b"')
    assert matches("*", '"b"')
    assert not matches('"a"', '"b"')
    assert not matches(None, '"b"')


def test_a_near_parameter_is_named_and_a_far_one_gets_the_list():
    assert _near("helth", frozenset({"health", "power"})) == "unknown; did you mean health?"
    assert _near("zzz", frozenset({"health", "power"})) == "unknown; this route takes health, power"
    assert _near("zzz", frozenset()) == "this route takes no parameters"


@pytest.mark.parametrize(
    ("occupied", "space"),
    [
        ((), {"free_u": 10, "largest_gap": {"from_u": 1, "to_u": 10}}),
        (((1, 10),), {"free_u": 0, "largest_gap": None}),
        (((1, 1), (5, 6)), {"free_u": 7, "largest_gap": {"from_u": 7, "to_u": 10}}),
        (((4, 4), (4, 4)), {"free_u": 9, "largest_gap": {"from_u": 5, "to_u": 10}}),
        (((5, 6),), {"free_u": 8, "largest_gap": {"from_u": 1, "to_u": 4}}),
    ],
)
def test_free_units_are_counted_and_the_longest_run_is_found(occupied, space):
    assert space_of(10, occupied) == space


@given(st.integers(1, 60))
def test_the_zones_of_a_rack_are_all_its_units_once(height):
    units = [unit for _, zone in zones_of(height) for unit in zone]
    assert sorted(units) == list(range(1, height + 1))


def test_unknown_is_worse_than_ok_and_an_empty_rack_is_unknown():
    assert worst_of({"OK": 3, "Unknown": 1, "Critical": 0}) is Health.UNKNOWN
    assert worst_of({"OK": 3, "Warning": 1, "Unknown": 5}) is Health.WARNING
    assert worst_of({}) is Health.UNKNOWN


@pytest.mark.parametrize(
    "path", ["../x.js", "a/../b.js", "/etc/x.js", ".x.js", "a//b.js", "a\\b.js", "x.js\0", "x.br", "x", ""]
)
def test_a_file_is_served_only_by_its_own_plain_name(tmp_path, path):
    (tmp_path / "x.js").write_text("")
    assert find(tmp_path / "inside", path) is None
    assert find(tmp_path, path) is None
    assert find(tmp_path, "x.js") == tmp_path / "x.js"


def test_a_link_out_of_the_shelf_is_not_followed(tmp_path):
    (tmp_path / "secret.txt").write_text("")
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    (shelf / "link.txt").symlink_to(tmp_path / "secret.txt")
    assert find(shelf, "link.txt") is None


def test_an_encoding_with_quality_zero_is_not_taken():
    assert accepts("gzip;q=0, br;q=0.5, *") == {"br", "*"}


def test_the_manual_shows_markup_as_text_and_links_between_pages():
    page = render("# A *b* c\n\n<script>x</script> [y](other.md#z) [out](https://example.org/a.md)\n\n## A b c\n")
    assert "<script>" not in page
    assert 'href="other#z"' in page
    assert 'href="https://example.org/a.md"' in page
    assert '<h1 id="a-b-c">' in page
    assert '<h2 id="a-b-c-1">' in page


def test_every_metric_is_described_and_every_described_metric_exists():
    described = (HOUSE / "docs" / "reference" / "metrics.md").read_text()
    names = {
        metric.name + ("_total" if metric.type == "counter" else "")
        for metric in _collected(Metrics().registry)
        if not metric.name.endswith("_created")
    }
    told = {line.split("`")[1] for line in described.splitlines() if line.startswith("| `fleetmon_")}
    assert told == names


def _collected(registry: CollectorRegistry):
    return list(registry.collect())
