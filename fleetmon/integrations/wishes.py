"""What a person may say of a site, a rack and a device: one row per field, with how it is read and what would be right.

The HTTP API, TOML and CSV all read their values here, so that the same mistake gets the same words everywhere.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from fleetmon.drivers.snmp.address import target_of
from fleetmon.errors import ConfigError
from fleetmon.model import DeviceKind, Endpoint, Protocol

NAME_MOST = 63
TAGS_MOST = 64
CABLES_MOST = 512
COMPONENT_MOST = 128
RACK_UNITS_MOST = 100
FACES = ("front", "rear")
VERIFY = ("pin", "ca", "none")
TLS = ("modern", "legacy")
INTERVAL_LEAST, INTERVAL_MOST = timedelta(seconds=1), timedelta(days=1)
SCHEMES: Mapping[Protocol, tuple[str, ...]] = {
    Protocol.REDFISH: ("https", "http"),
    Protocol.IPMI: ("ipmi",),
    Protocol.SNMP: ("snmp",),
}
SECRET_FIELDS = frozenset({"password", "passphrase", "secret", "community", "token", "key", "user", "username"})

_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/-]*")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class What(StrEnum):
    """What a wish is about."""

    SITE = "site"
    RACK = "rack"
    DEVICE = "device"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants of one site, rack or device: only the fields they said; the others stay as they are.

    An `implied` wish is there because something else named it: it is added when missing and never changes anything.
    """

    what: What
    name: str
    fields: Mapping[str, Any]
    line: int | None = None
    implied: bool = False


def read_name(value: Any) -> str:
    """A name people say: some printable characters on one line, without a slash; ValueError otherwise."""
    text = _text(value).strip()
    if not text or len(text) > NAME_MOST or not text.isprintable() or "/" in text:
        raise ValueError(f"must be a name of 1 to {NAME_MOST} printable characters without a slash")
    return text


def read_id(value: Any) -> str:
    """An id: letters, digits, dot, dash and underscore."""
    text = _text(value)
    if len(text) > NAME_MOST or not _ID.fullmatch(text):
        raise ValueError(f"must be up to {NAME_MOST} letters, digits, '.', '-' and '_', a letter or digit first")
    return text


def read_note(value: Any) -> str:
    """A short text that may be empty."""
    text = _text(value).strip()
    if len(text) > NAME_MOST or not text.isprintable():
        raise ValueError(f"must be at most {NAME_MOST} printable characters")
    return text


def read_label(value: Any) -> str:
    """The name of a credential, or one tag."""
    text = _text(value).strip()
    if len(text) > NAME_MOST or not _LABEL.fullmatch(text):
        raise ValueError(f"must be up to {NAME_MOST} letters, digits and '._:@/-', a letter or digit first")
    return text


def read_tags(value: Any) -> tuple[str, ...]:
    """Labels, each once, in the order given; a text holds them separated by spaces or semicolons."""
    given = re.split(r"[;\s]+", value.strip()) if isinstance(value, str) else value
    if not isinstance(given, (list, tuple)) or len(given) > TAGS_MOST:
        raise ValueError(f"must be a list of at most {TAGS_MOST} tags")
    return tuple(dict.fromkeys(read_label(tag) for tag in given if tag != ""))


def read_cables(value: Any) -> tuple[tuple[str, str], ...]:
    """What is plugged where: own component to `DEVICE/COMPONENT` or the name of a feed, by own component."""
    if not isinstance(value, Mapping) or len(value) > CABLES_MOST:
        raise ValueError(f'must be a table of at most {CABLES_MOST} cables, like {{ "PSU 1" = "pdu-a/Outlet 7" }}')
    read = {}
    for own, to in value.items():
        device, slash, component = _text(to).partition("/")
        near, device, component = _end(own), _end(device), component and _end(component)
        if slash and not component:
            raise ValueError(f"{near}: must lead to DEVICE/COMPONENT or to a feed, like pdu-a/Outlet 7 or B")
        read[near] = f"{device}{slash}{component}"
    return tuple(sorted(read.items()))


def _end(value: Any) -> str:
    text = _text(value).strip()
    if not text or len(text) > COMPONENT_MOST or not text.isprintable():
        raise ValueError(f"the ends of a cable must have 1 to {COMPONENT_MOST} printable characters")
    return text


def read_kind(value: Any) -> DeviceKind:
    """One of the device kinds."""
    try:
        return DeviceKind(_text(value))
    except ValueError:
        raise ValueError(f"must be one of {', '.join(DeviceKind)}") from None


def read_protocol(value: Any) -> Protocol:
    """One of the protocols."""
    try:
        return Protocol(_text(value))
    except ValueError:
        raise ValueError(f"must be one of {', '.join(Protocol)}") from None


def read_face(value: Any) -> str:
    """The side of the rack a device is mounted on."""
    return _one_of(value, FACES)


def read_verify(value: Any) -> str:
    """How the certificate is trusted."""
    return _one_of(value, VERIFY)


def read_tls(value: Any) -> str:
    """Which TLS may be spoken."""
    return _one_of(value, TLS)


def read_unit(value: Any) -> int:
    """A rack unit or a height in units."""
    number = _whole(value)
    if not 1 <= number <= RACK_UNITS_MOST:
        raise ValueError(f"must be a whole number of units from 1 to {RACK_UNITS_MOST}")
    return number


def read_yes(value: Any) -> bool:
    """True or false, also as a CSV file writes it."""
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    found = value if isinstance(value, bool) else words.get(str(value).strip().lower())
    if found is None:
        raise ValueError("must be true or false")
    return found


def read_interval(value: Any) -> timedelta:
    """Seconds between two polls of heartbeat and sensors."""
    try:
        interval = timedelta(seconds=_number(value))
    except (ValueError, OverflowError):
        interval = timedelta(0)
    if not INTERVAL_LEAST <= interval <= INTERVAL_MOST:
        raise ValueError("must be seconds, from 1 to 86400")
    return interval


def read_watts(value: Any) -> float:
    """Watts a feed may carry."""
    watts = _number(value)
    if not 0 < watts <= 1e6:
        raise ValueError("must be watts, more than 0 and at most 1000000")
    return watts


def read_address(value: Any, protocol: Protocol) -> str:
    """`scheme://host[:port]` and nothing else; what is wrong with it is told without repeating it.

    Over SNMP, what else is said after a `?`: `snmp://host[:port]?auth=sha256&priv=aes128`.
    """
    if protocol is Protocol.SNMP:
        return _read_snmp_address(value)
    schemes = SCHEMES[protocol]
    right = f"must be {schemes[0]}://host or {schemes[0]}://host:port"
    text = _text(value).strip().rstrip("/")
    try:
        parts = urlsplit(text)
        port = parts.port
        host = parts.hostname or ""
    except ValueError:
        raise ValueError(right) from None
    if "@" in text:
        raise ValueError(f"{right}, without user or password: name a credential instead")
    if parts.scheme not in schemes or parts.path or parts.query or parts.fragment or not _is_host(host) or port == 0:
        raise ValueError(right)
    shown = f"[{host}]" if ":" in host else host.lower()
    return f"{parts.scheme}://{shown}" if port is None else f"{parts.scheme}://{shown}:{port}"


def _read_snmp_address(value: Any) -> str:
    try:
        target = target_of(_text(value))
    except ConfigError as error:
        raise ValueError(f"is refused: {error}") from None
    if not _is_host(target.host):
        raise ValueError("must be snmp://host or snmp://host:port")
    return str(target)


def read_endpoint(value: Any) -> Endpoint:
    """An endpoint from its fields; its protocol is the one of its address where none is given."""
    if not isinstance(value, Mapping):
        raise ValueError("must be a table with protocol, address, credential, verify and tls")
    for field in value:
        if field not in ENDPOINT_FIELDS:
            raise ValueError(_unknown(str(field), ENDPOINT_FIELDS))
    if value.get("address") in (None, ""):
        scheme = str(value.get("protocol"))
        raise ValueError(f"needs an address, such as {scheme if scheme in ('ipmi', 'snmp') else 'https'}://10.0.0.7")
    protocol = _protocol_of(value)
    credential = value.get("credential")
    return Endpoint(
        protocol=protocol,
        address=read_address(value["address"], protocol),
        credential=read_label(credential) if credential else None,
        verify=read_verify(value.get("verify") or "pin"),
        tls=read_tls(value.get("tls") or "modern"),
    )


def read_endpoints(value: Any) -> tuple[Endpoint, ...]:
    """One to three endpoints, each of another protocol."""
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError("must be a list of endpoints, at least one")
    endpoints = tuple(read_endpoint(entry) for entry in value)
    if len({endpoint.protocol for endpoint in endpoints}) < len(endpoints):
        raise ValueError("has two endpoints of one protocol; keep one of them")
    return endpoints


ENDPOINT_FIELDS = ("protocol", "address", "credential", "verify", "tls")
IPMI_FIELDS = ("ipmi", "ipmi_credential")
"""How a file writes the IPMI endpoint of a device beside its first one, without a list of endpoints."""

Reader = Callable[[Any], Any]

FIELDS: Mapping[What, Mapping[str, Reader]] = {
    What.SITE: {"name": read_name, "site_id": read_id},
    What.RACK: {
        "name": read_name,
        "rack_id": read_id,
        "site": read_name,
        "row": read_note,
        "height_u": read_unit,
        "feed_budget_watts": read_watts,
    },
    What.DEVICE: {
        "name": read_name,
        "device_id": read_id,
        "kind": read_kind,
        "site": read_name,
        "rack": read_name,
        "position_u": read_unit,
        "height_u": read_unit,
        "face": read_face,
        "slot": read_note,
        "tags": read_tags,
        "tenant": read_note,
        "enabled": read_yes,
        "interval": read_interval,
        "endpoints": read_endpoints,
        "cables": read_cables,
    },
}


def read_fields(what: What, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The fields that can be read, and for each that cannot its name and what would be right."""
    readers, read, wrong = FIELDS[what], dict[str, Any](), list[tuple[str, str]]()
    for name, value in given.items():
        reader = readers.get(name)
        if reader is None:
            wrong.append((name, _unknown(name, tuple(readers))))
            continue
        try:
            read[name] = reader(value)
        except ValueError as error:
            wrong.append((name, str(error)))
    if "name" not in given:
        wrong.append(("name", "is required"))
    return read, wrong


def _unknown(name: str, known: tuple[str, ...]) -> str:
    if name.lower() in SECRET_FIELDS:
        return "a secret has no place here; name a credential, and set its secret apart from this"
    return f"is no field of this; there are {', '.join(known)}"


def _protocol_of(value: Mapping[str, Any]) -> Protocol:
    if value.get("protocol"):
        return read_protocol(value["protocol"])
    scheme = str(value["address"]).partition("://")[0].lower()
    return next((protocol for protocol, schemes in SCHEMES.items() if scheme in schemes), Protocol.REDFISH)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")
    return value


def _one_of(value: Any, words: tuple[str, ...]) -> str:
    if value not in words:
        raise ValueError(f"must be one of {', '.join(words)}")
    return str(value)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError("must be a number")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("must be a number") from None
    if not math.isfinite(number):
        raise ValueError("must be a number")
    return number


def _whole(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        raise ValueError("must be a whole number")
    return int(number)


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return len(host) <= 253 and bool(_HOST_NAME.fullmatch(host)) and not host.replace(".", "").isdigit()
    return True
