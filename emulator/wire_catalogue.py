"""The catalogue of what can go wrong on the wire: effects as rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from emulator import wire_deeds as deeds
from emulator import wire_effects as does
from emulator.certificates import VERSIONS
from emulator.ipmi import effects as over_lan
from emulator.ipmi.ciphers import SUITES
from emulator.push.streams import GARBLED
from emulator.redfish.spelling import SPELLINGS
from emulator.wire import MARK, Effect


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _flag(value: Any) -> bool:
    return value is True


def _text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _object(value: Any) -> bool:
    return isinstance(value, dict) and value != {}


def _names(value: Any) -> bool:
    return _text(value) or (isinstance(value, list) and value != [] and all(map(_text, value)))


def _one_of(*words: str) -> Callable[[Any], bool]:
    return lambda value: value in words


def _clock_told(value: Any) -> bool:
    return value in ("1970", "2000") or (isinstance(value, int | float) and not isinstance(value, bool))


def _some(value: Any) -> bool:
    return _count(value) and value > 0


def _date(value: Any) -> bool:
    return value in ("none", "garbage") or _clock_told(value)


def _tls(value: Any) -> bool:
    if not isinstance(value, dict) or not value or not set(value) <= {"max", "ciphers"}:
        return False
    return value.get("max", "1.2") in VERSIONS and _text(value.get("ciphers", "DEFAULT"))


def _reset(value: Any) -> bool:
    if isinstance(value, dict):
        return bool(value) and set(value) <= {"down", "busy", "login"} and all(map(_number, value.values()))
    return _number(value)


def _zone(value: Any) -> bool:
    digits = isinstance(value, str) and len(value) == 6 and value[0] in "+-" and value[3] == ":"
    return value == "none" or (digits and (value[1:3] + value[4:6]).isdecimal())


def _lockout(value: Any) -> bool:
    return (
        isinstance(value, dict) and set(value) <= {"n", "sec", "sliding"} and _count(value.get("n")) and value["n"] > 0
    )


SECONDS, COUNT, YES, NAME, NAMES = (
    "seconds",
    "a whole number",
    "true",
    "text",
    "a property name, a JSON pointer, or several",
)

EFFECTS: dict[str, Effect] = {
    effect.name: effect
    for effect in (
        Effect(name="latency", stage="before", check=_number, wants=SECONDS, act=does.latency, lan=over_lan.latency),
        Effect(
            name="hang",
            stage="before",
            check=lambda v: v in ("forever", True) or _number(v),
            wants='seconds or "forever"',
            act=does.hang,
            lan=over_lan.hang,
        ),
        Effect(
            name="concurrency",
            stage="before",
            check=_count,
            wants="requests that may be in flight",
            act=does.concurrency,
            fields=("seconds",),
        ),
        Effect(name="close_on_reuse", stage="before", check=_flag, wants=YES, act=does.close_on_reuse),
        Effect(
            name="status",
            stage="before",
            check=lambda v: _count(v) and 400 <= v < 600,
            wants="a status from 400 to 599",
            act=does.status,
            fields=("retry_after", "body_only"),
        ),
        Effect(name="redirect", stage="before", check=_text, wants="an address", act=does.redirect, fields=("status",)),
        Effect(
            name="error_body",
            stage="before",
            check=_one_of("str", "dict", "empty", "html"),
            wants="str, dict, empty or html",
            act=does.error_body,
            fields=("status",),
        ),
        Effect(name="406_on_identity", stage="before", check=_flag, wants=YES, act=does.no_identity),
        Effect(name="append_on_read", stage="before", check=_count, wants=COUNT, act=does.append_on_read),
        Effect(name="flap_log", stage="before", check=_count, wants="pairs of entries", act=does.flap_log),
        Effect(name="phantom", stage="before", check=_count, wants="entries a request", act=does.phantom),
        Effect(
            name="set",
            stage="document",
            check=_object,
            wants="an object of name: value",
            act=does.edits("set", lambda _, v: v),
        ),
        Effect(
            name="drop_field",
            stage="document",
            check=_names,
            wants=NAMES,
            act=does.edits("drop_field", lambda *_: does.DROP),
        ),
        Effect(
            name="swap_type", stage="document", check=_names, wants=NAMES, act=does.edits("swap_type", does.swapped)
        ),
        Effect(
            name="scale",
            stage="document",
            check=lambda v: _object(v) and all(map(_number, v.values())),
            wants="an object of name: factor",
            act=does.edits("scale", lambda b, f: b * f if _number(b) else b),
        ),
        Effect(
            name="raw",
            stage="document",
            check=lambda v: _object(v) and all(map(_text, v.values())),
            wants="an object of name: token",
            act=does.edits("raw", lambda _, token: f"{MARK}{token}{MARK}"),
        ),
        Effect(
            name="huge_int",
            stage="document",
            check=_names,
            wants=NAMES,
            act=does.edits("huge_int", lambda *_: f"{MARK}{'9' * 5_000}{MARK}"),
        ),
        Effect(
            name="dup_key", stage="document", check=_text, wants="a property name", act=does.dup_key, fields=("value",)
        ),
        Effect(name="inline_members", stage="document", check=_flag, wants=YES, act=does.inline_members),
        Effect(name="nextLink", stage="document", check=_one_of("self", "++"), wants="self or ++", act=does.next_link),
        Effect(name="members", stage="document", check=_count, wants=COUNT, act=does.many_members),
        Effect(name="body", stage="after", check=_count, wants="bytes", act=does.huge_body),
        Effect(name="deep", stage="after", check=_count, wants="brackets", act=does.deep),
        Effect(
            name="gzip_bomb",
            stage="after",
            check=lambda v: _count(v) and v <= 1_024,
            wants="MiB, at most 1024",
            act=does.gzip_bomb,
        ),
        Effect(name="force_gzip", stage="after", check=_flag, wants=YES, act=does.force_gzip),
        Effect(
            name="truncate",
            stage="after",
            check=lambda v: _number(v) and v < 1,
            wants="a part below 1",
            act=does.truncate,
        ),
        Effect(
            name="chunked_abort",
            stage="after",
            check=lambda v: _number(v) and 0 < v < 1,
            wants="a part between 0 and 1",
            act=does.chunked_abort,
        ),
        Effect(name="drip", stage="after", check=lambda v: _number(v) and v > 0, wants="bytes a second", act=does.drip),
        Effect(
            name="lose_answer", stage="after", check=_flag, wants=YES, act=does.lose_answer, lan=over_lan.lose_answer
        ),
        Effect(name="drop_header", stage="after", check=_text, wants="a header's name", act=does.drop_header),
        Effect(name="content_type", stage="after", check=_text, wants="a media type", act=does.content_type),
        Effect(
            name="etag",
            stage="after",
            check=_one_of("weak", "dq", "empty", "stale"),
            wants="weak, dq, empty or stale",
            act=does.etag,
        ),
        Effect(name="huge_header", stage="after", check=_count, wants="bytes", act=does.huge_header, fields=("name",)),
        Effect(
            name="cc",
            stage="before",
            check=lambda v: _count(v) and 0 < v < 256,
            wants="a completion code from 1 to 255",
            lan=over_lan.completion_code,
            payloads=over_lan.COMMANDS,
        ),
        Effect(
            name="lose_packet",
            stage="before",
            check=_one_of("request", "answer"),
            wants="request or answer",
            lan=over_lan.lose_packet,
        ),
        Effect(
            name="no_reading",
            stage="after",
            check=_one_of(*over_lan.NO_READING),
            wants=" or ".join(over_lan.NO_READING),
            lan=over_lan.no_reading,
            payloads=("command",),
        ),
        Effect(name="delay", stage="after", check=_number, wants=SECONDS, lan=over_lan.delay),
        Effect(
            name="dup",
            stage="after",
            check=lambda v: _some(v) and v <= 16,
            wants="how often, at most 16",
            lan=over_lan.duplicate,
        ),
        Effect(
            name="rakp_junk",
            stage="after",
            check=lambda v: _some(v) and v <= 256,
            wants="bytes, at most 256",
            lan=over_lan.rakp_junk,
            payloads=("rakp1", "rakp3"),
        ),
        Effect(
            name="ciphers",
            stage="policy",
            check=lambda v: isinstance(v, list) and v != [] and all(_count(n) and n in SUITES for n in v),
            wants=f"a list of cipher suites of {', '.join(map(str, SUITES))}",
        ),
        Effect(name="ignore_get_cipher", stage="policy", check=_flag, wants=YES),
        Effect(name="single_session", stage="policy", check=_flag, wants=YES),
        Effect(name="sdr_max_read", stage="policy", check=_some, wants="bytes"),
        Effect(name="max_sessions", stage="policy", check=_count, wants=COUNT),
        Effect(name="session_ttl", stage="policy", check=_number, wants=SECONDS),
        Effect(name="lockout", stage="policy", check=_lockout, wants='{"n": 5, "sec": 300, "sliding": true}'),
        Effect(name="root_401", stage="policy", check=_flag, wants=YES),
        Effect(name="no_expand", stage="policy", check=_flag, wants=YES),
        Effect(name="body_needed", stage="policy", check=_flag, wants=YES),
        Effect(name="hide_drives", stage="policy", check=_flag, wants=YES),
        Effect(
            name="rollup", stage="policy", check=_one_of("OK", "Warning", "Critical"), wants="OK, Warning or Critical"
        ),
        Effect(name="page_size", stage="policy", check=lambda v: _count(v) and v > 0, wants=COUNT),
        Effect(name="shuffle", stage="policy", check=_flag, wants=YES),
        Effect(name="clock", stage="policy", check=_clock_told, wants='"1970", "2000" or seconds of shift'),
        Effect(name="tz", stage="policy", check=_zone, wants='an offset as "-08:00", or "none"'),
        Effect(name="409_if_same", stage="policy", check=_flag, wants=YES),
        Effect(name="409_for", stage="policy", check=_number, wants=SECONDS),
        Effect(
            name="reset_types",
            stage="policy",
            check=lambda v: isinstance(v, list) and all(map(_text, v)),
            wants="a list of ResetTypes",
        ),
        Effect(name="task_fails", stage="policy", check=_flag, wants=YES),
        Effect(name="state_lag", stage="policy", check=_number, wants=SECONDS),
        Effect(
            name="if_match",
            stage="policy",
            check=_one_of("required", "strict", "never"),
            wants="required (428 without), strict (412 for weak tags) or never (412 for any)",
        ),
        Effect(
            name="respell",
            stage="policy",
            check=_one_of(*SPELLINGS),
            wants=", ".join(SPELLINGS),
        ),
        Effect(name="date", stage="policy", check=_date, wants='"1970", "2000", "none", "garbage" or seconds of shift'),
        Effect(name="silent_stream", stage="policy", check=_flag, wants=YES),
        Effect(name="garble_stream", stage="policy", check=_one_of(*GARBLED), wants=", ".join(GARBLED)),
        Effect(name="duplicate_event", stage="policy", check=_count, wants="how many times more"),
        Effect(name="late_event", stage="policy", check=_number, wants=SECONDS),
        Effect(name="lose_event", stage="policy", check=_some, wants="every how many"),
        Effect(
            name="clear_log",
            stage="deed",
            check=_one_of("event", "lifecycle"),
            wants="event or lifecycle",
            deed=deeds.clear_log,
            fields=("restart_ids",),
        ),
        Effect(name="sel_full", stage="deed", check=_flag, wants=YES, deed=deeds.fill_log),
        Effect(name="rotate", stage="deed", check=_count, wants="entries", deed=deeds.rotate),
        Effect(name="change_password", stage="deed", check=_text, wants="the new password", deed=deeds.change_password),
        Effect(name="drop_subscriptions", stage="deed", check=_flag, wants=YES, deed=deeds.drop_subscriptions),
        Effect(
            name="drop_stream", stage="deed", check=_one_of("cut", "end"), wants="cut or end", deed=deeds.drop_stream
        ),
        Effect(
            name="flood_stream",
            stage="deed",
            check=lambda v: _count(v) and v <= 100_000,
            wants="events, at most 100000",
            deed=deeds.flood_stream,
        ),
        Effect(
            name="rotate_cert",
            stage="deed",
            check=_one_of("new_key", "same_key"),
            wants="new_key or same_key",
            deed=deeds.tls("rotate_cert"),
        ),
        Effect(name="expired_cert", stage="deed", check=_flag, wants=YES, deed=deeds.tls("expired_cert")),
        Effect(
            name="tls",
            stage="deed",
            check=_tls,
            wants='{"max": "1.1"}, {"ciphers": "AES256-SHA"} or both',
            deed=deeds.tls("tls"),
        ),
        Effect(
            name="bmc_reset",
            stage="deed",
            check=_reset,
            wants='seconds away, or {"down": 60, "busy": 30, "login": 12}',
            deed=deeds.bmc_reset,
        ),
    )
}
