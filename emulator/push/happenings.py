"""What a BMC tells of: one event or one metric report, and its words for filters and for the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.logs import KINDS, Entry
from emulator.push.filters import Facts

if TYPE_CHECKING:
    from emulator.redfish.bmc import Bmc

Json = dict[str, Any]
STATUS_WORDS = {
    "OK": "ResourceStatusChangedOK", "Warning": "ResourceStatusChangedWarning",
    "Critical": "ResourceStatusChangedCritical",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that streams and subscriptions may want to hear."""

    number: int
    """What `id:` says on a stream, and Id in the payload."""
    document: Json
    """The record inside an Event, or a whole MetricReport."""
    is_report: bool = False

    def payload(self, context: str | None) -> Json:
        """As it goes over the wire."""
        told = {} if context is None else {"Context": context}
        if self.is_report:
            return self.document | told
        record = self.document | told
        return {
            "@odata.type": "#Event.v1_7_0.Event", "Id": str(self.number), "Name": "Event Array", **told,
            "Events@odata.count": 1, "Events": [record],
        }  # fmt: skip

    def facts(self, bmc: Bmc) -> Facts:
        """Its words, as filters ask for them."""

        def fact(name: str) -> str:
            document = self.document
            match name:
                case "EventFormatType":
                    return "MetricReport" if self.is_report else "Event"
                case "MetricReportDefinition":
                    return _target(document.get(name)) if self.is_report else ""
                case "RegistryPrefix":
                    return str(document.get("MessageId", "")).partition(".")[0]
                case "OriginResource":
                    return _target(document.get("OriginOfCondition"))
                case "ResourceType":
                    return _type_of(bmc, _target(document.get("OriginOfCondition")))
            return str(document.get(name, ""))

        return fact


def _target(link: Any) -> str:
    return str(link.get("@odata.id", "")) if isinstance(link, dict) else ""


def _type_of(bmc: Bmc, path: str) -> str:
    """The schema of a resource, such as Drive; empty where nothing is there."""
    document = bmc.lookup(path.partition("#")[0]) if path else None
    return str((document or {}).get("@odata.type", "")).lstrip("#").partition(".")[0]


def of_entry(bmc: Bmc, number: int, purpose: str, entry: Entry) -> Happening | None:
    """The event of a log entry, in the words in which the log tells it; None where this firmware has no such log."""
    path = bmc.tree.told(f"{bmc.places.log(purpose)}/Entries")
    entries = bmc.tree.fixed.get(path)
    if entries is None or entries.write is None:
        return None
    told = entries.write(entry, bmc)
    record: Json = {
        "EventType": "Alert", "EventId": str(number), "MemberId": "0", "EventTimestamp": told.get("Created"),
        "Severity": told.get("Severity"), "MessageSeverity": told.get("Severity"), "Message": told.get("Message"),
        "MessageId": told.get("MessageId") or _derived_id(bmc, entry), "MessageArgs": told.get("MessageArgs", []),
    }  # fmt: skip
    if "OriginOfCondition" in told.get("Links", {}):
        record["OriginOfCondition"] = told["Links"]["OriginOfCondition"]
    if bmc.shape.push.links_log and "@odata.id" in told:
        record["LogEntry"] = {"@odata.id": told["@odata.id"]}
    return Happening(number=number, document=record)


def _derived_id(bmc: Bmc, entry: Entry) -> str:
    """The MessageId of an event whose log entry tells none: an event must have one."""
    return f"{bmc.shape.push.registries[0]}.1.0.{entry.message_id.rpartition('.')[2]}"


def of_status(bmc: Bmc, number: int, word: str) -> Happening:
    """The event that says how the whole system fares now."""
    kind, path = KINDS[STATUS_WORDS[word]], bmc.tree.told(bmc.places.system)
    args = (path, word)
    return Happening(
        number=number,
        document={
            "EventType": "StatusChange", "EventId": str(number), "MemberId": "0",
            "EventTimestamp": bmc.told_time(bmc.plant.clock.now()), "Severity": kind.severity,
            "MessageSeverity": kind.severity, "Message": kind.message(args), "MessageId": kind.message_id,
            "MessageArgs": list(args), "OriginOfCondition": {"@odata.id": path},
        },
    )  # fmt: skip


def of_test(bmc: Bmc, number: int, wish: Json) -> Happening:
    """The event that SubmitTestEvent asks for."""
    record: Json = {
        "EventType": "Alert", "EventId": str(number), "MemberId": "0",
        "EventTimestamp": bmc.told_time(bmc.plant.clock.now()), "Severity": "OK", "MessageSeverity": "OK",
        "Message": "This is a test event.", "MessageArgs": [],
    } | wish  # fmt: skip
    origin = record.pop("OriginOfCondition", None)
    if isinstance(origin, str):
        record["OriginOfCondition"] = {"@odata.id": origin}
    return Happening(number=number, document=record)
