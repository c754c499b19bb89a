"""Parameters and bodies that requests give, with their limits."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator

from fleetmon.api.shapes import HealthWord, KindWord, PowerWord
from fleetmon.api.wire import LIMIT_DEFAULT, LIMIT_MOST
from fleetmon.integrations import wishes
from fleetmon.model import Endpoint

Key = Annotated[str, Path(min_length=1, max_length=wishes.NAME_MOST, description="id, or else name")]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MOST, description=f"items on a page; {LIMIT_DEFAULT} when not given")]
Cursor = Annotated[str | None, Query(description="`next` of the page before")]
Words = Annotated[list[Annotated[str, Field(max_length=wishes.NAME_MOST)]] | None, Query(max_length=50)]
Healths = Annotated[list[HealthWord] | None, Query(max_length=10, description="any of these")]
Powers = Annotated[list[PowerWord] | None, Query(max_length=10, description="any of these")]
Kinds = Annotated[list[KindWord] | None, Query(max_length=10, description="any of these")]
Search = Annotated[str, Query(max_length=100, description="part of name, id, serial number, model or address")]
Instant = Annotated[str | None, Query(max_length=40, description="RFC 3339 with zone, or seconds since 1970")]


class Body(BaseModel):
    """A body; a field it does not know is an error, not a wish ignored."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)

    @field_validator("*", mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        """JSON can spell half a character (a lone surrogate) and NUL; neither can be stored or shown."""
        if isinstance(value, str) and ("\0" in value or any("\ud800" <= char <= "\udfff" for char in value)):
            raise ValueError("the text holds a NUL or half a character; write it as plain Unicode")
        return value


Name = Annotated[str, AfterValidator(wishes.read_name)]
Id = Annotated[str, AfterValidator(wishes.read_id)]
Note = Annotated[str, AfterValidator(wishes.read_note)]
Label = Annotated[str, AfterValidator(wishes.read_label)]
Tags = Annotated[list[Label], Field(max_length=wishes.TAGS_MOST)]
Cables = Annotated[
    tuple[tuple[str, str], ...],
    BeforeValidator(wishes.read_cables, json_schema_input_type=dict[str, str]),
]
Unit = Annotated[int, Field(ge=1, le=wishes.RACK_UNITS_MOST)]
Face = Literal["front", "rear"]
Seconds = Annotated[float, Field(ge=1, le=86400, allow_inf_nan=False)]


class EndpointDraft(Body):
    """How a device is reached; the credential by name."""

    protocol: Literal["redfish", "ipmi", "snmp"] = "redfish"
    address: Annotated[str, Field(max_length=300, examples=["https://10.0.0.7"])]
    credential: Label | None = None
    verify: Literal["pin", "ca", "none"] = "pin"
    tls: Literal["modern", "legacy"] = "modern"


def _read_endpoints(drafts: list[EndpointDraft]) -> list[EndpointDraft]:
    endpoints_of(drafts)
    return drafts


Endpoints = Annotated[list[EndpointDraft], Field(min_length=1, max_length=3), AfterValidator(_read_endpoints)]


def endpoints_of(drafts: list[EndpointDraft]) -> tuple[Endpoint, ...]:
    """The endpoints, checked as those of a fleet file; ValueError says what would be right."""
    return wishes.read_endpoints([draft.model_dump() for draft in drafts])


class DeviceDraft(Body):
    """A device to add."""

    name: Name
    kind: KindWord
    rack_id: Id | None = None
    position_u: Unit | None = None
    height_u: Unit = 1
    face: Face = "front"
    slot: Note = ""
    tags: Tags = []
    tenant: Note = ""
    enabled: bool = True
    interval: Seconds | None = Field(None, description="seconds; null: as the whole fleet")
    endpoints: Endpoints
    cables: Cables = Field((), description="own component to DEVICE/COMPONENT, or to the name of a feed")


def _not_null(value: Any) -> Any:
    if value is None:
        raise ValueError("cannot be null; leave it out to keep it")
    return value


class DevicePatch(Body):
    """What to change of a device; what is left out stays."""

    name: Annotated[Name | None, BeforeValidator(_not_null)] = None
    kind: Annotated[KindWord | None, BeforeValidator(_not_null)] = None
    rack_id: Id | None = None
    position_u: Unit | None = None
    height_u: Annotated[Unit | None, BeforeValidator(_not_null)] = None
    face: Annotated[Face | None, BeforeValidator(_not_null)] = None
    slot: Annotated[Note | None, BeforeValidator(_not_null)] = None
    tags: Annotated[Tags | None, BeforeValidator(_not_null)] = None
    tenant: Annotated[Note | None, BeforeValidator(_not_null)] = None
    enabled: Annotated[bool | None, BeforeValidator(_not_null)] = None
    interval: Seconds | None = None
    endpoints: Annotated[Endpoints | None, BeforeValidator(_not_null)] = None
    cables: Annotated[Cables | None, BeforeValidator(_not_null)] = None


class SiteDraft(Body):
    """A site to add; its id is made from the name when it is not given."""

    name: Name
    site_id: Id | None = None


class RackDraft(Body):
    """A rack to add; its id is made from the name when it is not given."""

    name: Name
    site_id: Id
    rack_id: Id | None = None
    row: Note = ""
    height_u: Unit = 42
    feed_budget_watts: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] | None = None


class CredentialDraft(Body):
    """A credential set; the password never comes back."""

    user: Annotated[str, Field(max_length=255)]
    password: Annotated[SecretStr, Field(max_length=1024)]


class ImportDraft(Body):
    """A fleet file and what to do with it; without `apply` nothing is changed."""

    format: Literal["toml", "csv"]
    text: Annotated[str, Field(max_length=1_000_000)]
    apply: bool = False
    plan_hash: Annotated[str, Field(max_length=64)] | None = Field(
        None, description="of the plan that was looked at; 409 when the plan would be another by now"
    )
    prune: bool = Field(False, description="also decommission every device the file does not name")


class BackupDraft(Body):
    """Where a backup goes: a directory of the service's machine that is new or empty."""

    directory: Annotated[str, Field(pattern="^/", max_length=1000, examples=["/backup/fleetmon-monday"])]
