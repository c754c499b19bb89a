"""The catalogue of what can go wrong on the wire: effects as rows, and which of them each fault id means."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from emulator.redfish_errors import Answer, Json, refuse
from emulator.server import Reply
from emulator.wire import MARK, Act, Effect, Exchange

if TYPE_CHECKING:
    from emulator.redfish_bmc import Bmc

HTML = b"<!DOCTYPE html><html><head><title>Login</title></head><body><h1>Please sign in</h1></body></html>"


# ---- what may be set ----


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


# ---- before the BMC thinks ----


def _latency(exchange: Exchange, settings: dict[str, Any]) -> None:
    exchange.delay += settings["latency"]


def _hang(exchange: Exchange, settings: dict[str, Any]) -> None:
    exchange.hang = float("inf") if settings["hang"] in ("forever", True) else settings["hang"]


def _concurrency(exchange: Exchange, settings: dict[str, Any]) -> None:
    bmc = exchange.bmc
    if bmc.plant.ledger.tallies[bmc.machine.name].in_flight > settings["concurrency"]:
        exchange.hang = settings.get("seconds", 60.0)


def _close_on_reuse(exchange: Exchange, settings: dict[str, Any]) -> None:
    if exchange.request.nth_on_connection > 1:
        exchange.reply = Reply(0, cut=0)


def _status(exchange: Exchange, settings: dict[str, Any]) -> None:
    status, wait = settings["status"], settings.get("retry_after")
    if status == 503 or wait is not None:
        answer = refuse("busy", str(wait if wait is not None else 30))
        if wait is not None and not settings.get("body_only"):
            answer.headers["Retry-After"] = str(wait)
    else:
        answer = refuse("not_found", exchange.request.path) if status == 404 else refuse("internal")
    answer.status = status
    exchange.answer = answer


def _redirect(exchange: Exchange, settings: dict[str, Any]) -> None:
    exchange.answer = Answer(settings.get("status", 301), None, {"Location": settings["redirect"]})


def _error_body(exchange: Exchange, settings: dict[str, Any]) -> None:
    status = settings.get("status", 400)
    bodies = {
        "str": (b'"internal error"', "application/json"),
        "dict": (b'{"error":{"code":"GeneralError","message":"x","@Message.ExtendedInfo":{"MessageId":"Base.1.0.GeneralError"}}}', "application/json"),
        "empty": (b"", "application/json"),
        "html": (HTML, "text/html"),
    }  # fmt: skip
    body, media = bodies[settings["error_body"]]
    exchange.reply = Reply(status, {"Content-Type": media}, body)


def _no_identity(exchange: Exchange, settings: dict[str, Any]) -> None:
    if exchange.request.headers.get("accept-encoding", "identity").strip() == "identity":
        exchange.answer = refuse("encoding")


def _append_on_read(exchange: Exchange, settings: dict[str, Any]) -> None:
    for _ in range(settings["append_on_read"]):
        exchange.bmc.machine.log("ConfigurationChanged", "Session")


def _phantom(exchange: Exchange, settings: dict[str, Any]) -> None:
    for _ in range(settings["phantom"]):
        exchange.bmc.machine.log("TemperatureNormal", "Inlet Temp")


# ---- on the document ----


def objects(document: Any) -> Iterator[Json]:
    """Every object in a document, itself included."""
    if isinstance(document, dict):
        yield document
        for value in list(document.values()):
            yield from objects(value)
    elif isinstance(document, list):
        for value in document:
            yield from objects(value)


def places(document: Json, name: str) -> Iterator[tuple[Any, Any]]:
    """(holder, key) of what a name means: a JSON pointer, or a property wherever it occurs."""
    if not name.startswith("/"):
        yield from ((holder, name) for holder in objects(document) if name in holder)
        return
    holder: Any = document
    *steps, last = name[1:].split("/")
    for step in steps:
        try:
            holder = holder[int(step)] if isinstance(holder, list) else holder[step]
        except (KeyError, IndexError, ValueError, TypeError):
            return
    if isinstance(holder, dict):
        yield holder, last
    elif isinstance(holder, list) and last.isdecimal() and int(last) < len(holder):
        yield holder, int(last)


def _edits(setting: str, change: Callable[[Any, Any], Any]) -> Act:
    """An effect that changes values: of every name in an object, by the object's value for it."""

    def act(exchange: Exchange, settings: dict[str, Any]) -> None:
        wish = settings[setting]
        if exchange.answer is None or exchange.answer.document is None or exchange.answer.status >= 300:
            return
        exchange.answer.document = document = _copied(exchange.answer.document)
        pairs = (
            wish.items()
            if isinstance(wish, dict)
            else ((name, None) for name in ([wish] if isinstance(wish, str) else wish))
        )
        for name, value in pairs:
            for holder, key in list(places(document, name)):
                before = holder[key] if isinstance(holder, list) else holder.get(key)
                after = change(before, value)
                if after is DROP:
                    del holder[key]
                else:
                    holder[key] = after

    return act


DROP = object()


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _swapped(before: Any, _: Any) -> Any:
    """The value as another type: an object as text, anything else inside an object."""
    return "a string" if isinstance(before, dict | list) else {"Value": before}


def _dup_key(exchange: Exchange, settings: dict[str, Any]) -> None:
    """Tells a property twice, the second time with another value."""
    if exchange.answer is None or exchange.answer.document is None:
        return
    name = settings["dup_key"]
    exchange.answer.document = document = _copied(exchange.answer.document)
    for holder in objects(document):
        if name in holder:
            holder[name + MARK] = settings.get("value", 0)


def _inline_members(exchange: Exchange, settings: dict[str, Any]) -> None:
    document = exchange.answer.document if exchange.answer else None
    if document and isinstance(document.get("Members"), list):
        inline = [
            exchange.bmc.lookup(m["@odata.id"]) or m if set(m) == {"@odata.id"} else m for m in document["Members"]
        ]
        document["Members"] = inline


def _next_link(exchange: Exchange, settings: dict[str, Any]) -> None:
    document = exchange.answer.document if exchange.answer else None
    if not document or not isinstance(document.get("Members"), list):
        return
    path, skip = exchange.request.path, exchange.request.query.get("$skip", "0")
    if settings["nextLink"] == "self":
        document["Members@odata.nextLink"] = exchange.request.target
    else:
        document["Members@odata.nextLink"] = f"{path}?$skip={int(skip) + 1 if skip.isdecimal() else 1}"
        document["Members"] = document["Members"] or [{"@odata.id": f"{path}/endless"}]


def _many_members(exchange: Exchange, settings: dict[str, Any]) -> None:
    document = exchange.answer.document if exchange.answer else None
    if document and isinstance(document.get("Members"), list):
        document["Members"] = [{"@odata.id": f"{exchange.request.path}/{n}"} for n in range(settings["members"])]
        document["Members@odata.count"] = settings["members"]


# ---- on the bytes ----


def _huge_body(exchange: Exchange, settings: dict[str, Any]) -> None:
    chunk = b'{"Name":"' + b"x" * 65_500
    if exchange.reply is not None:
        pieces = (chunk if n == 0 else chunk[9:] for n in range(settings["body"] // len(chunk) + 1))
        exchange.reply.body = pieces


def _deep(exchange: Exchange, settings: dict[str, Any]) -> None:
    if exchange.reply is not None:
        exchange.reply.body = b'{"Members":' + b"[" * settings["deep"] + b"]" * settings["deep"] + b"}"


def _gzip_bomb(exchange: Exchange, settings: dict[str, Any]) -> None:
    if exchange.reply is not None:
        plain = b'{"Name":"' + b"0" * (settings["gzip_bomb"] << 20) + b'"}'
        exchange.reply.body = gzip.compress(plain, 6)
        exchange.reply.headers["Content-Encoding"] = "gzip"


def _force_gzip(exchange: Exchange, settings: dict[str, Any]) -> None:
    reply = exchange.reply
    if reply is not None and isinstance(reply.body, bytes) and reply.body:
        reply.body = gzip.compress(reply.body)
        reply.headers["Content-Encoding"] = "gzip"
        if "ETag" in reply.headers:
            reply.headers["ETag"] = "W/" + reply.headers["ETag"]


def _truncate(exchange: Exchange, settings: dict[str, Any]) -> None:
    if exchange.reply is not None and isinstance(exchange.reply.body, bytes):
        exchange.reply.body = exchange.reply.body[: int(len(exchange.reply.body) * settings["truncate"])]


def _chunked_abort(exchange: Exchange, settings: dict[str, Any]) -> None:
    if exchange.reply is not None:
        exchange.reply.chunked, exchange.reply.cut = True, settings["chunked_abort"]


def _drip(exchange: Exchange, settings: dict[str, Any]) -> None:
    if exchange.reply is not None:
        exchange.reply.pace = settings["drip"]


def _lose_answer(exchange: Exchange, settings: dict[str, Any]) -> None:
    exchange.reply = Reply(0, cut=0)


def _drop_header(exchange: Exchange, settings: dict[str, Any]) -> None:
    if exchange.reply is not None:
        dropped = settings["drop_header"].lower()
        exchange.reply.headers = {
            name: value for name, value in exchange.reply.headers.items() if name.lower() != dropped
        }


def _content_type(exchange: Exchange, settings: dict[str, Any]) -> None:
    if exchange.reply is not None:
        exchange.reply.headers["Content-Type"] = settings["content_type"]
        if settings["content_type"].startswith("text/html"):
            exchange.reply.body = HTML


def _etag(exchange: Exchange, settings: dict[str, Any]) -> None:
    if exchange.reply is None or "ETag" not in exchange.reply.headers:
        return
    tag = exchange.reply.headers["ETag"]
    told = {"weak": f"W/{tag}", "dq": f'"{tag}"', "empty": '""', "stale": '"0000000000000000"'}
    exchange.reply.headers["ETag"] = told[settings["etag"]]


def _huge_header(exchange: Exchange, settings: dict[str, Any]) -> None:
    if exchange.reply is not None:
        exchange.reply.headers["X-Padding"] = "x" * settings["huge_header"]


# ---- deeds ----


def _clear_log(bmc: Bmc, settings: dict[str, Any]) -> None:
    bmc.machine.logs[settings["clear_log"]].clear(bmc.plant.clock.now(), restart_ids=settings.get("restart_ids", True))


def _fill_log(bmc: Bmc, settings: dict[str, Any]) -> None:
    log = bmc.machine.logs["event"]
    for _ in range(log.capacity - len(log.entries)):
        log.append("TemperatureNormal", bmc.plant.clock.now(), "Inlet Temp")


def _rotate(bmc: Bmc, settings: dict[str, Any]) -> None:
    entries = bmc.machine.logs["event"].entries
    for _ in range(min(settings["rotate"], len(entries))):
        entries.popleft()


def _change_password(bmc: Bmc, settings: dict[str, Any]) -> None:
    bmc.password = settings["change_password"]


def _drop_subscriptions(bmc: Bmc, settings: dict[str, Any]) -> None:
    bmc.subscriptions.clear()


def _bmc_reset(bmc: Bmc, settings: dict[str, Any]) -> None:
    bmc.restart(settings["bmc_reset"])


def _clock_told(value: Any) -> bool:
    return value in ("1970", "2000") or (isinstance(value, int | float) and not isinstance(value, bool))


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
        Effect(name="latency", stage="before", check=_number, wants=SECONDS, act=_latency),
        Effect(name="hang", stage="before", check=lambda v: v in ("forever", True) or _number(v), wants='seconds or "forever"', act=_hang),
        Effect(name="concurrency", stage="before", check=_count, wants="requests that may be in flight", act=_concurrency, fields=("seconds",)),
        Effect(name="close_on_reuse", stage="before", check=_flag, wants=YES, act=_close_on_reuse),
        Effect(name="status", stage="before", check=lambda v: _count(v) and 400 <= v < 600, wants="a status from 400 to 599", act=_status,
               fields=("retry_after", "body_only")),
        Effect(name="redirect", stage="before", check=_text, wants="an address", act=_redirect, fields=("status",)),
        Effect(name="error_body", stage="before", check=_one_of("str", "dict", "empty", "html"), wants="str, dict, empty or html",
               act=_error_body, fields=("status",)),
        Effect(name="406_on_identity", stage="before", check=_flag, wants=YES, act=_no_identity),
        Effect(name="append_on_read", stage="before", check=_count, wants=COUNT, act=_append_on_read),
        Effect(name="phantom", stage="before", check=_count, wants="entries a request", act=_phantom),
        Effect(name="set", stage="document", check=_object, wants="an object of name: value", act=_edits("set", lambda _, v: v)),
        Effect(name="drop_field", stage="document", check=_names, wants=NAMES, act=_edits("drop_field", lambda *_: DROP)),
        Effect(name="swap_type", stage="document", check=_names, wants=NAMES, act=_edits("swap_type", _swapped)),
        Effect(name="scale", stage="document", check=lambda v: _object(v) and all(map(_number, v.values())), wants="an object of name: factor",
               act=_edits("scale", lambda b, f: b * f if _number(b) else b)),
        Effect(name="raw", stage="document", check=lambda v: _object(v) and all(map(_text, v.values())), wants="an object of name: token",
               act=_edits("raw", lambda _, token: f"{MARK}{token}{MARK}")),
        Effect(name="huge_int", stage="document", check=_names, wants=NAMES, act=_edits("huge_int", lambda *_: f"{MARK}{'9' * 5_000}{MARK}")),
        Effect(name="dup_key", stage="document", check=_text, wants="a property name", act=_dup_key, fields=("value",)),
        Effect(name="inline_members", stage="document", check=_flag, wants=YES, act=_inline_members),
        Effect(name="nextLink", stage="document", check=_one_of("self", "++"), wants="self or ++", act=_next_link),
        Effect(name="members", stage="document", check=_count, wants=COUNT, act=_many_members),
        Effect(name="body", stage="after", check=_count, wants="bytes", act=_huge_body),
        Effect(name="deep", stage="after", check=_count, wants="brackets", act=_deep),
        Effect(name="gzip_bomb", stage="after", check=lambda v: _count(v) and v <= 1_024, wants="MiB, at most 1024", act=_gzip_bomb),
        Effect(name="force_gzip", stage="after", check=_flag, wants=YES, act=_force_gzip),
        Effect(name="truncate", stage="after", check=lambda v: _number(v) and v < 1, wants="a part below 1", act=_truncate),
        Effect(name="chunked_abort", stage="after", check=lambda v: _number(v) and 0 < v < 1, wants="a part between 0 and 1", act=_chunked_abort),
        Effect(name="drip", stage="after", check=lambda v: _number(v) and v > 0, wants="bytes a second", act=_drip),
        Effect(name="lose_answer", stage="after", check=_flag, wants=YES, act=_lose_answer),
        Effect(name="drop_header", stage="after", check=_text, wants="a header's name", act=_drop_header),
        Effect(name="content_type", stage="after", check=_text, wants="a media type", act=_content_type),
        Effect(name="etag", stage="after", check=_one_of("weak", "dq", "empty", "stale"), wants="weak, dq, empty or stale", act=_etag),
        Effect(name="huge_header", stage="after", check=_count, wants="bytes", act=_huge_header),
        Effect(name="max_sessions", stage="policy", check=_count, wants=COUNT),
        Effect(name="session_ttl", stage="policy", check=_number, wants=SECONDS),
        Effect(name="lockout", stage="policy", check=_lockout, wants='{"n": 5, "sec": 300, "sliding": true}'),
        Effect(name="root_401", stage="policy", check=_flag, wants=YES),
        Effect(name="no_expand", stage="policy", check=_flag, wants=YES),
        Effect(name="body_needed", stage="policy", check=_flag, wants=YES),
        Effect(name="hide_drives", stage="policy", check=_flag, wants=YES),
        Effect(name="rollup", stage="policy", check=_one_of("OK", "Warning", "Critical"), wants="OK, Warning or Critical"),
        Effect(name="page_size", stage="policy", check=lambda v: _count(v) and v > 0, wants=COUNT),
        Effect(name="shuffle", stage="policy", check=_flag, wants=YES),
        Effect(name="clock", stage="policy", check=_clock_told, wants='"1970", "2000" or seconds of shift'),
        Effect(name="tz", stage="policy", check=_zone, wants='an offset as "-08:00", or "none"'),
        Effect(name="409_if_same", stage="policy", check=_flag, wants=YES),
        Effect(name="409_for", stage="policy", check=_number, wants=SECONDS),
        Effect(name="reset_types", stage="policy", check=lambda v: isinstance(v, list) and all(map(_text, v)), wants="a list of ResetTypes"),
        Effect(name="task_fails", stage="policy", check=_flag, wants=YES),
        Effect(name="state_lag", stage="policy", check=_number, wants=SECONDS),
        Effect(name="clear_log", stage="deed", check=_one_of("event", "lifecycle"), wants="event or lifecycle", deed=_clear_log,
               fields=("restart_ids",)),
        Effect(name="sel_full", stage="deed", check=_flag, wants=YES, deed=_fill_log),
        Effect(name="rotate", stage="deed", check=_count, wants="entries", deed=_rotate),
        Effect(name="change_password", stage="deed", check=_text, wants="the new password", deed=_change_password),
        Effect(name="drop_subscriptions", stage="deed", check=_flag, wants=YES, deed=_drop_subscriptions),
        Effect(name="bmc_reset", stage="deed", check=_number, wants="seconds away", deed=_bmc_reset),
    )
}  # fmt: skip

PRESETS: dict[str, dict[str, Any]] = {
    "F01": {"fault": {"max_sessions": 4}},
    "F03": {"fault": {"session_ttl": 30}},
    "F04": {"fault": {"bmc_reset": 90}},
    "F05": {"fault": {"lockout": {"n": 5, "sec": 300, "sliding": True}}},
    "F06": {"fault": {"drop_header": "Location"}, "match": {"method": "POST", "path": "/Sessions"}},
    "F07": {"fault": {"status": 503, "retry_after": 30}},
    "F08": {"fault": {"status": 500}, "match": {"path": "/UpdateService"}},
    "F09": {"fault": {"status": 404}, "match": {"path": "/Tasks/*"}, "when": {"first": 2}},
    "F10": {"fault": {"latency": 8}},
    "F11": {"fault": {"hang": "forever"}},
    "F12": {"fault": {"drip": 1}},
    "F13": {"fault": {"close_on_reuse": True}},
    "F14": {"fault": {"bmc_reset": 90}},
    "F18": {"fault": {"redirect": "https://127.0.0.1:1/redfish/v1"}},
    "F19": {"fault": {"force_gzip": True}},
    "F20": {"fault": {"error_body": "str"}},
    "F21": {"fault": {"content_type": "text/html"}},
    "F22": {"fault": {"truncate": 0.7}},
    "F23": {"fault": {"concurrency": 2, "seconds": 60}},
    "F24": {"fault": {"change_password": "another-password"}},
    "F25": {"fault": {"set": {"UpperThresholdNonCritical": "N/A", "Reading": "N/A", "ReadingCelsius": "N/A"}}},
    "F26": {"fault": {"set": {"IntervalInMin": 0.08}}},
    "F27": {"fault": {"set": {"CapacityBytes": None, "Reading": None, "ReadingCelsius": None}}},
    "F28": {"fault": {"drop_field": ["Name", "Actions", "@odata.type"]}},
    "F29": {"fault": {"swap_type": ["Status", "Model"]}},
    "F30": {"fault": {"raw": {"Reading": "NaN", "ReadingCelsius": "1e999"}}},
    "F31": {"fault": {"dup_key": "Reading", "value": 999}},
    "F32": {"fault": {"scale": {"PredictedMediaLifeLeftPercent": 0.01}}},
    "F34": {"fault": {"hide_drives": True}},
    "F36": {"fault": {"rollup": "OK"}},
    "F38": {"fault": {"inline_members": True}},
    "F39": {"fault": {"page_size": 50}},
    "F40": {"fault": {"append_on_read": 1}, "match": {"path": "/Entries"}},
    "F41": {"fault": {"nextLink": "self"}, "match": {"path": "/Entries"}},
    "F42": {"fault": {"body": 200_000_000}},
    "F43": {"fault": {"etag": "weak"}},
    "F49": {"fault": {"clock": "1970"}},
    "F50": {"fault": {"tz": "-08:00"}},
    "F51": {"fault": {"clock": -3600}},
    "F52": {"fault": {"clear_log": "event"}},
    "F53": {"fault": {"sel_full": True}},
    "F54": {"fault": {"rotate": 100}},
    "F55": {"fault": {"shuffle": True}},
    "F57": {"fault": {"phantom": 1000}, "match": {"path": "/Entries"}},
    "F58": {"fault": {"drop_subscriptions": True}},
    "F61": {"fault": {"state_lag": 45}},
    "F62": {"fault": {"409_if_same": True}},
    "F63": {"fault": {"409_for": 20}},
    "F64": {"fault": {"reset_types": ["On", "ForceOff", "GracefulShutdown", "ForceRestart"]}},
    "F68": {"fault": {"set": {"PowerState": "Quiesced"}}},
    "F69": {"fault": {"lose_answer": True}, "match": {"method": "POST", "path": "Reset"}},
    "F74": {"fault": {"task_fails": True}},
    "F76": {"fault": {"body_needed": True}},
    "F77": {
        "fault": {"set": {"SerialNumber": "To be filled by O.E.M.", "UUID": "03000200-0400-0500-0006-000700080009"}}
    },
    "F112": {"fault": {"deep": 100_000}},
    "F113": {"fault": {"gzip_bomb": 200}},
    "F114": {"fault": {"huge_int": "Reading"}},
    "F115": {"fault": {"huge_header": 1_000_000}},
}
"""What a fault id means when nothing more is said; match, when and fault of the request override it."""
