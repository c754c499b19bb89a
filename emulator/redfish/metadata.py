"""The OData side of a service that clients hardly use and validators look for: $metadata and where schemas are."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from emulator.redfish.errors import Answer
from emulator.redfish.places import ROOT
from emulator.server import Request

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc

METADATA = f"{ROOT}/$metadata"
SCHEMAS = "http://redfish.dmtf.org/schemas/v1"
ROOT_TYPE = "ServiceRoot.v1_15_0"
NAMED = (
    "AccountService", "ChassisCollection", "ComputerSystemCollection", "EventService", "ManagerCollection",
    "MessageRegistryFileCollection", "SessionService", "UpdateService",
)  # fmt: skip
"""Schemas of what hangs on the service root."""


def metadata(bmc: Bmc, request: Request) -> Answer:
    """The metadata document: the schemas of the root's children, and the container that extends the root's."""
    references = "".join(_reference(name, name) for name in NAMED)
    document = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0">'
        f"{_reference('ServiceRoot', 'ServiceRoot', ROOT_TYPE)}{references}"
        '<edmx:DataServices><Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace="Service">'
        f'<EntityContainer Name="Service" Extends="{ROOT_TYPE}.ServiceContainer"/>'
        "</Schema></edmx:DataServices></edmx:Edmx>"
    )
    return Answer(200, None, {"Content-Type": "application/xml", "Allow": "GET"}, text=document.encode())


def _reference(schema: str, *namespaces: str) -> str:
    inside = "".join(f'<edmx:Include Namespace="{name}"/>' for name in namespaces)
    return f'<edmx:Reference Uri="{SCHEMAS}/{schema}_v1.xml">{inside}</edmx:Reference>'


@lru_cache(maxsize=512)
def described_by(odata_type: str) -> str:
    """The Link header of a resource of a type such as `#Drive.v1_18_0.Drive`."""
    return f"<{SCHEMAS}/{odata_type.lstrip('#').rpartition('.')[0]}.json>; rel=describedby"
