"""What each wire effect does: before the BMC thinks, to its document, to the bytes, or once and for all."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from typing import Any

from emulator.redfish.errors import Answer, Json, refuse
from emulator.server import Reply
from emulator.wire import MARK, Act, Exchange

HTML = b"<!DOCTYPE html><html><head><title>Login</title></head><body><h1>Please sign in</h1></body></html>"


# ---- before the BMC thinks ----


def latency(exchange: Exchange, settings: dict[str, Any]) -> None:
    exchange.delay += settings["latency"]


def hang(exchange: Exchange, settings: dict[str, Any]) -> None:
    exchange.hang = float("inf") if settings["hang"] in ("forever", True) else settings["hang"]


def concurrency(exchange: Exchange, settings: dict[str, Any]) -> None:
    bmc = exchange.bmc
    if bmc.plant.ledger.tallies[bmc.machine.name].in_flight > settings["concurrency"]:
        exchange.hang = settings.get("seconds", 60.0)


def close_on_reuse(exchange: Exchange, settings: dict[str, Any]) -> None:
    if exchange.request.nth_on_connection > 1:
        exchange.reply = Reply(0, cut=0)


def status(exchange: Exchange, settings: dict[str, Any]) -> None:
    status, wait = settings["status"], settings.get("retry_after")
    if status == 503 or wait is not None:
        answer = refuse("busy", str(wait if wait is not None else 30))
        if wait is not None and not settings.get("body_only"):
            answer.headers["Retry-After"] = str(wait)
    else:
        answer = refuse("not_found", exchange.request.path) if status == 404 else refuse("internal")
    answer.status = status
    exchange.answer = answer


def redirect(exchange: Exchange, settings: dict[str, Any]) -> None:
    exchange.answer = Answer(settings.get("status", 301), None, {"Location": settings["redirect"]})


def error_body(exchange: Exchange, settings: dict[str, Any]) -> None:
    status = settings.get("status", 400)
    shape = b'{"MessageId":"Base.1.0.GeneralError"}'
    bodies = {
        "str": (b'"internal error"', "application/json"),
        "dict": (b'{"error":{"message":"x","@Message.ExtendedInfo":' + shape + b"}}", "application/json"),
        "empty": (b"", "application/json"),
        "html": (HTML, "text/html"),
    }  # fmt: skip
    body, media = bodies[settings["error_body"]]
    exchange.reply = Reply(status, {"Content-Type": media}, body)


def no_identity(exchange: Exchange, settings: dict[str, Any]) -> None:
    if exchange.request.headers.get("accept-encoding", "identity").strip() == "identity":
        exchange.answer = refuse("encoding")


def append_on_read(exchange: Exchange, settings: dict[str, Any]) -> None:
    for _ in range(settings["append_on_read"]):
        exchange.bmc.machine.log("ConfigurationChanged", "Session")


def phantom(exchange: Exchange, settings: dict[str, Any]) -> None:
    for _ in range(settings["phantom"]):
        exchange.bmc.machine.log("TemperatureNormal", "Inlet Temp")


def flap_log(exchange: Exchange, settings: dict[str, Any]) -> None:
    """Pairs of entries: something is wrong, and is right again."""
    for _ in range(settings["flap_log"]):
        exchange.bmc.machine.log("TemperatureHigh", "Inlet Temp", "43", part="Inlet Temp")
        exchange.bmc.machine.log("TemperatureNormal", "Inlet Temp", part="Inlet Temp")


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


def edits(setting: str, change: Callable[[Any, Any], Any]) -> Act:
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


def swapped(before: Any, _: Any) -> Any:
    """The value as another type: an object as text, anything else inside an object."""
    return "a string" if isinstance(before, dict | list) else {"Value": before}


def dup_key(exchange: Exchange, settings: dict[str, Any]) -> None:
    """Tells a property twice, the second time with another value."""
    if exchange.answer is None or exchange.answer.document is None:
        return
    name = settings["dup_key"]
    exchange.answer.document = document = _copied(exchange.answer.document)
    for holder in objects(document):
        if name in holder:
            holder[name + MARK] = settings.get("value", 0)


def inline_members(exchange: Exchange, settings: dict[str, Any]) -> None:
    document = exchange.answer.document if exchange.answer else None
    if document and isinstance(document.get("Members"), list):
        inline = [
            exchange.bmc.lookup(m["@odata.id"]) or m if set(m) == {"@odata.id"} else m for m in document["Members"]
        ]
        document["Members"] = inline


def next_link(exchange: Exchange, settings: dict[str, Any]) -> None:
    document = exchange.answer.document if exchange.answer else None
    if not document or not isinstance(document.get("Members"), list):
        return
    path, skip = exchange.request.path, exchange.request.query.get("$skip", "0")
    if settings["nextLink"] == "self":
        document["Members@odata.nextLink"] = exchange.request.target
    else:
        document["Members@odata.nextLink"] = f"{path}?$skip={int(skip) + 1 if skip.isdecimal() else 1}"
        document["Members"] = document["Members"] or [{"@odata.id": f"{path}/endless"}]


def many_members(exchange: Exchange, settings: dict[str, Any]) -> None:
    document = exchange.answer.document if exchange.answer else None
    if document and isinstance(document.get("Members"), list):
        document["Members"] = [{"@odata.id": f"{exchange.request.path}/{n}"} for n in range(settings["members"])]
        document["Members@odata.count"] = settings["members"]


# ---- on the bytes ----


def huge_body(exchange: Exchange, settings: dict[str, Any]) -> None:
    chunk = b'{"Name":"' + b"x" * 65_500
    if exchange.reply is not None:
        pieces = (chunk if n == 0 else chunk[9:] for n in range(settings["body"] // len(chunk) + 1))
        exchange.reply.body = pieces


def deep(exchange: Exchange, settings: dict[str, Any]) -> None:
    if exchange.reply is not None:
        exchange.reply.body = b'{"Members":' + b"[" * settings["deep"] + b"]" * settings["deep"] + b"}"


def gzip_bomb(exchange: Exchange, settings: dict[str, Any]) -> None:
    if exchange.reply is not None:
        plain = b'{"Name":"' + b"0" * (settings["gzip_bomb"] << 20) + b'"}'
        exchange.reply.body = gzip.compress(plain, 6)
        exchange.reply.headers["Content-Encoding"] = "gzip"


def force_gzip(exchange: Exchange, settings: dict[str, Any]) -> None:
    reply = exchange.reply
    if reply is not None and isinstance(reply.body, bytes) and reply.body:
        reply.body = gzip.compress(reply.body)
        reply.headers["Content-Encoding"] = "gzip"
        if "ETag" in reply.headers:
            reply.headers["ETag"] = "W/" + reply.headers["ETag"]


def truncate(exchange: Exchange, settings: dict[str, Any]) -> None:
    if exchange.reply is not None and isinstance(exchange.reply.body, bytes):
        exchange.reply.body = exchange.reply.body[: int(len(exchange.reply.body) * settings["truncate"])]


def chunked_abort(exchange: Exchange, settings: dict[str, Any]) -> None:
    if exchange.reply is not None:
        exchange.reply.chunked, exchange.reply.cut = True, settings["chunked_abort"]


def drip(exchange: Exchange, settings: dict[str, Any]) -> None:
    if exchange.reply is not None:
        exchange.reply.pace = settings["drip"]


def lose_answer(exchange: Exchange, settings: dict[str, Any]) -> None:
    exchange.reply = Reply(0, cut=0)


def drop_header(exchange: Exchange, settings: dict[str, Any]) -> None:
    if exchange.reply is not None:
        dropped = settings["drop_header"].lower()
        exchange.reply.headers = {
            name: value for name, value in exchange.reply.headers.items() if name.lower() != dropped
        }


def content_type(exchange: Exchange, settings: dict[str, Any]) -> None:
    if exchange.reply is not None:
        exchange.reply.headers["Content-Type"] = settings["content_type"]
        if settings["content_type"].startswith("text/html"):
            exchange.reply.body = HTML


def etag(exchange: Exchange, settings: dict[str, Any]) -> None:
    if exchange.reply is None or "ETag" not in exchange.reply.headers:
        return
    tag = exchange.reply.headers["ETag"]
    told = {"weak": f"W/{tag}", "dq": f'"{tag}"', "empty": '""', "stale": '"0000000000000000"'}
    exchange.reply.headers["ETag"] = told[settings["etag"]]


def huge_header(exchange: Exchange, settings: dict[str, Any]) -> None:
    if exchange.reply is not None:
        exchange.reply.headers[settings.get("name", "X-Padding")] = "x" * settings["huge_header"]
