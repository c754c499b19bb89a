"""fleetmon.toml and the environment become settings, or one clear line says why not.

The file is overridden by `FLEETMON__SECTION__KEY`. Unknown keys and impossible values are refused with the place where
they stand and what would be right. Secrets never stand in the configuration: they are files that it names.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from fleetmon.errors import ConfigError
from fleetmon.model import Interval
from fleetmon.settings import Listen, Logging, Polling, Push, Retention, Settings, Traps

PREFIX = "FLEETMON__"
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(text: object) -> timedelta:
    """`30s`, `5m`, `1.5h`, `35d`, `250ms`, or a number of seconds."""
    match text:
        case timedelta():
            return text
        case bool():
            pass
        case int() | float():
            return timedelta(seconds=text)
        case str() if found := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?\s*", text):
            return timedelta(seconds=float(found[1]) * _UNITS[found[2] or "s"])
    raise ValueError(f"{text!r} is no duration; write it like 30s, 5m, 12h or 35d")


def _between(low: timedelta, high: timedelta) -> BeforeValidator:
    def check(text: object) -> timedelta:
        value = duration(text)
        if not low <= value <= high:
            raise ValueError(f"{say_duration(value)} is out of range; use {say_duration(low)} to {say_duration(high)}")
        return value

    return BeforeValidator(check)


def say_duration(value: timedelta) -> str:
    """A duration as the configuration writes it."""
    seconds = value.total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


Often = Annotated[timedelta, _between(timedelta(seconds=5), timedelta(days=1))]
Beat = Annotated[timedelta, _between(timedelta(seconds=5), timedelta(seconds=60))]
Rarely = Annotated[timedelta, _between(timedelta(seconds=30), timedelta(days=30))]
Wait = Annotated[timedelta, _between(timedelta(milliseconds=100), timedelta(minutes=10))]
Gap = Annotated[timedelta, _between(timedelta(0), timedelta(seconds=10))]
Keep = Annotated[timedelta, _between(timedelta(hours=1), timedelta(days=3650))]
KeepReadings = Annotated[timedelta, _between(timedelta(days=2), timedelta(days=3650))]
"""A day is rolled up two hours after its end; what is forgotten before would be in no rollup."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ListenSection(_Section):
    host: str = Field("127.0.0.1", description="Address of the API and dashboard; loopback only until sign-in exists.")
    port: int = Field(8480, ge=0, le=65535, description="TCP port; 0 picks a free one.")

    @field_validator("host")
    @classmethod
    def _loopback(cls, host: str) -> str:
        try:
            loopback = host == "localhost" or ip_address(host).is_loopback
        except ValueError:
            loopback = False
        if not loopback:
            raise ValueError(f"{host!r} is not a loopback address; sign-in does not exist yet, so use 127.0.0.1 or ::1")
        return host


class IntervalSection(_Section):
    heartbeat: Often = Field(timedelta(seconds=60), description="Is the BMC there, is the power on.")
    sensors: Often = Field(timedelta(seconds=60), description="Readings of all sensors.")
    components: Rarely = Field(
        timedelta(minutes=10), description="Health of every component; sooner when a rollup moves."
    )
    events: Often = Field(timedelta(minutes=5), description="New records of the device's logs.")
    inventory: Rarely = Field(timedelta(hours=12), description="Parts, serial numbers, firmware.")


class PollingSection(_Section):
    interval: IntervalSection = IntervalSection()
    request_timeout: Wait = Field(timedelta(seconds=30), description="For one request, connect to last byte.")
    connect_timeout: Wait = Field(timedelta(seconds=10), description="For one TCP and TLS connection.")
    poll_deadline: Wait = Field(timedelta(seconds=50), description="For one poll; a walk goes on at the next.")
    minimum_gap: Gap = Field(timedelta(0), description="Pause between two requests to one device.")
    misses: int = Field(3, ge=1, le=100, description="Polls missed in a row before power is called unknown.")
    at_once: int = Field(200, ge=1, le=20000, description="Polls under way at the same time.")
    ipmi_heartbeat: Beat = Field(timedelta(seconds=10), description="Between two heartbeats over IPMI: power, faults.")


class PushSection(_Section):
    stream: bool = Field(True, description="Listen to the event stream of devices that have one.")
    streams: int = Field(1000, ge=0, le=100_000, description="Streams at most; each costs some 60 KB of memory.")
    url: str | None = Field(None, description="The receiver as BMCs reach it, `https://host:port`; none: no receiver.")
    host: str = Field("0.0.0.0", description="Address the receiver listens on.")  # noqa: S104 - BMCs reach it
    port: int = Field(8481, ge=0, le=65535, description="TCP port of the receiver.")
    certificate: Path | None = Field(None, description="Certificate of the receiver with its chain, PEM.")
    key: Path | None = Field(None, description="Its private key, PEM.")

    @field_validator("url")
    @classmethod
    def _bare(cls, url: str | None) -> str | None:
        if url and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", url):
            raise ValueError(f"{url!r} is no address; write it like https://monitor.example:8481")
        return url.rstrip("/") if url else None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("push.certificate and push.key go together")
        return self


class TrapsSection(_Section):
    host: str | None = Field(None, description="Address to take SNMP traps on, `0.0.0.0` or `::`; none: no traps.")
    port: int = Field(1162, ge=0, le=65535, description="UDP port; senders use 162, so redirect that one here.")

    @field_validator("host")
    @classmethod
    def _address(cls, host: str | None) -> str | None:
        try:
            return None if host is None else str(ip_address(host))
        except ValueError:
            raise ValueError(f"{host!r} is no address of this machine; write it like 0.0.0.0 or 10.0.0.5") from None


class RetentionSection(_Section):
    readings: KeepReadings = Field(timedelta(days=35), description="How long readings are kept; two days at least.")
    five_minutes: Keep = Field(timedelta(days=90), description="How long their rollups by five minutes are kept.")
    hours: Keep = Field(timedelta(days=730), description="How long their rollups by the hour are kept.")
    days: Keep = Field(timedelta(days=3650), description="How long their rollups by the day are kept.")
    events: Keep = Field(timedelta(days=365), description="How long hardware events are kept.")
    changes: Keep = Field(timedelta(days=365), description="How long changes of health and parts are kept.")


class LoggingSection(_Section):
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least urgent line written.")
    form: Literal["auto", "console", "json"] = Field("auto", description="auto: console on a terminal, else JSON.")


class File(_Section):
    """The keys of fleetmon.toml."""

    model_config = ConfigDict(extra="forbid", title="fleetmon.toml")
    data: Path | None = Field(None, description="Directory of the two databases; made with mode 0700.")
    master_key_file: Path | None = Field(None, description="File with the key that seals secrets; outside `data`.")
    roles: list[Literal["api", "devices", "upkeep"]] = Field(
        ["api", "devices", "upkeep"], min_length=1, description="What this process does."
    )
    listen: ListenSection = ListenSection()
    polling: PollingSection = PollingSection()
    push: PushSection = PushSection()
    traps: TrapsSection = TrapsSection()
    retention: RetentionSection = RetentionSection()
    logging: LoggingSection = LoggingSection()


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Settings, and where each came from: `file:line`, an environment variable, or `default`."""

    settings: Settings
    origins: Mapping[str, str]
    values: Mapping[str, Any]
    file: Path | None


def load(file: Path | None, environ: Mapping[str, str]) -> Loaded:
    """Read the file (when given) and the environment; raises ConfigError naming the place and the cure."""
    text, tree = _read(file)
    overrides = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    merged, origins = _merge(file, text, tree, overrides)
    try:
        checked = File.model_validate(merged)
    except ValidationError as error:
        raise _explain(error, origins) from None
    settings = _settings(checked, environ)
    _check_together(settings)
    values = dict(_flatten(checked.model_dump()))
    values["data"] = settings.data
    return Loaded(
        settings=settings,
        origins={key: origins.get(key, "default") for key in values},
        values=values,
        file=file,
    )


def schema() -> dict[str, Any]:
    """JSON Schema of fleetmon.toml."""
    return File.model_json_schema()


def find(environ: Mapping[str, str]) -> Path | None:
    """The configuration file when none is named: FLEETMON_CONFIG, ./fleetmon.toml, then /etc/fleetmon/fleetmon.toml."""
    if named := environ.get("FLEETMON_CONFIG"):
        return Path(named)
    return next((path for path in (Path("fleetmon.toml"), Path("/etc/fleetmon/fleetmon.toml")) if path.exists()), None)


def _read(file: Path | None) -> tuple[str, dict[str, Any]]:
    if file is None:
        return "", {}
    try:
        text = file.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}", cure="name a file that can be read with --config") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: not UTF-8 text", cure="save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: not TOML: {error}", cure="see docs/reference/configuration.md") from None


def _merge(
    file: Path | None, text: str, tree: dict[str, Any], overrides: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    origins = {key: f"{file}:{_line(text, key)}" for key, _ in _flatten(tree)}
    merged = _copy(tree)
    for name, value in overrides.items():
        path = name.removeprefix(PREFIX).lower().split("__")
        here = merged
        for part in path[:-1]:
            here = here.setdefault(part, {})
            if not isinstance(here, dict):
                raise ConfigError(
                    f"{name}: {part} is a value, not a section", cure="fleetmon config schema lists all keys"
                )
        here[path[-1]] = value.split(",") if path == ["roles"] else value
        origins[".".join(path)] = name
    return merged, origins


def _copy(tree: dict[str, Any]) -> dict[str, Any]:
    return {key: _copy(value) if isinstance(value, dict) else value for key, value in tree.items()}


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _line(text: str, key: str) -> int:
    """The line on which a dotted key stands; 1 when it is written in a way this simple search does not follow."""
    section, _, name = key.rpartition(".")
    current = ""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if found := re.fullmatch(r"\[\s*([\w.\s-]+?)\s*\]\s*(#.*)?", stripped):
            current = found[1].replace(" ", "")
        elif found := re.match(r"([\w.-]+)\s*=", stripped):
            full = f"{current}.{found[1]}" if current else found[1]
            if full == key or (full == section and name in stripped):
                return number
    return 1


def _explain(error: ValidationError, origins: Mapping[str, str]) -> ConfigError:
    first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"] if not isinstance(part, int)]
    key = ".".join(path)
    where = origins.get(key) or next(
        (place for name, place in origins.items() if name.startswith(key)), "configuration"
    )
    if first["type"] == "extra_forbidden":
        known = [name for name, _ in _flatten(File.model_construct().model_dump())]
        near = difflib.get_close_matches(key, known, n=1) or difflib.get_close_matches(
            path[-1], [name.rpartition(".")[2] for name in known], n=1
        )
        return ConfigError(
            f"{where}: unknown key {key}",
            cure=f"did you mean {near[0]}?" if near else "fleetmon config schema lists all keys",
        )
    message = first["msg"].removeprefix("Value error, ")
    return ConfigError(f"{where}: {key}: {message[0].lower() + message[1:]}")


def _settings(checked: File, environ: Mapping[str, str]) -> Settings:
    return Settings(
        data=(checked.data or _default_data(environ)).expanduser().absolute(),
        configuration=_configuration(environ).expanduser().absolute(),
        master_key_file=checked.master_key_file.expanduser().absolute() if checked.master_key_file else None,
        roles=tuple(checked.roles),
        listen=Listen(host=checked.listen.host, port=checked.listen.port),
        polling=Polling(
            interval=Interval(**dict(checked.polling.interval)),
            **{key: value for key, value in checked.polling if key != "interval"},
        ),
        push=Push(**dict(checked.push)),
        traps=Traps(**dict(checked.traps)),
        retention=Retention(**dict(checked.retention)),
        logging=Logging(**dict(checked.logging)),
    )


def _default_data(environ: Mapping[str, str]) -> Path:
    if directory := environ.get("STATE_DIRECTORY"):  # systemd's StateDirectory=
        return Path(directory.split(":")[0])
    return Path(environ.get("XDG_STATE_HOME") or "~/.local/state") / "fleetmon"


def _configuration(environ: Mapping[str, str]) -> Path:
    if directory := environ.get("CONFIGURATION_DIRECTORY"):  # systemd's ConfigurationDirectory=
        return Path(directory.split(":")[0])
    return Path(environ.get("XDG_CONFIG_HOME") or "~/.config") / "fleetmon"


def _check_together(settings: Settings) -> None:
    polling = settings.polling
    if polling.poll_deadline < polling.connect_timeout:
        raise ConfigError(
            f"polling.poll_deadline ({say_duration(polling.poll_deadline)}) is shorter than polling.connect_timeout"
            f" ({say_duration(polling.connect_timeout)})",
            cure="give a poll at least the time of one connection",
        )
    if settings.master_key_file and settings.master_key_file.is_relative_to(settings.data):
        raise ConfigError(
            f"master_key_file {settings.master_key_file} lies inside the data directory {settings.data}",
            cure="keep the key elsewhere, so that a stolen copy of the data tells no secret",
        )
