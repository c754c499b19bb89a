"""Redfish error bodies (DSP0266 8.6): one code, one message, extended information with what would be right."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.server import Feed

Json = dict[str, Any]


@dataclass(slots=True)
class Answer:
    """What a resource answers, before it is put into bytes."""

    status: int
    document: Json | None = None
    headers: dict[str, str] = field(default_factory=dict)
    text: bytes = b""
    """Sent where there is no document; its Content-Type is among the headers."""
    feed: Feed | None = None
    """Goes on after the head; there is no document then."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One way to be refused."""

    status: int
    message_id: str
    message: str
    resolution: str
    severity: str = "Critical"


REFUSALS = {
    "unauthorized": Refusal(
        401, "Base.1.18.NoValidSession", "There is no valid session established with the implementation.",
        "Establish a session before attempting any operations.",
    ),
    "locked": Refusal(
        401, "Base.1.18.AccessDenied", "The account is locked for some time after too many refused sign-ins.",
        "Wait until the lockout has ended and use the correct password.",
    ),
    "not_found": Refusal(
        404, "Base.1.18.ResourceMissingAtURI", "The resource at the URI %1 was not found.",
        "Place a valid resource at the URI or correct the URI and resubmit the request.",
    ),
    "method": Refusal(
        405, "Base.1.18.OperationNotAllowed", "The HTTP method is not allowed on this resource.",
        "See the Allow header for what is.",
    ),
    "json": Refusal(
        400, "Base.1.18.MalformedJSON", "The request body could not be parsed as JSON, or is no object.",
        "Ensure that the request body is valid JSON and resubmit the request.",
    ),
    "property_unknown": Refusal(
        400, "Base.1.18.PropertyUnknown", "The property %1 is not in the list of valid properties for the resource.",
        "Remove the unknown property from the request body and resubmit the request.", "Warning",
    ),
    "property_type": Refusal(
        400, "Base.1.18.PropertyValueTypeError",
        "The value %1 for the property %2 is not a type that the property can accept.",
        "Correct the value for the property in the request body and resubmit the request.", "Warning",
    ),
    "property_value": Refusal(
        400, "Base.1.18.PropertyValueNotInList",
        "The value %1 for the property %2 is not in the list of acceptable values.",
        "Choose a value from the enumeration list and resubmit the request.", "Warning",
    ),
    "parameter_missing": Refusal(
        400, "Base.1.18.ActionParameterMissing",
        "The action %1 requires the parameter %2 to be present in the request body.",
        "Supply the action with the required parameter in the request body and resubmit the request.",
    ),
    "parameter_value": Refusal(
        400, "Base.1.18.ActionParameterValueNotInList",
        "The value %1 for the parameter %2 in the action %3 is not in the list of acceptable values.",
        "Choose a value from the list of allowable values and resubmit the request.",
    ),
    "same_state": Refusal(
        409, "Base.1.18.ActionParameterValueConflict",
        "The parameter %1 with the requested value of %2 does not meet the constraints of the implementation.",
        "Send the request when the state differs.", "Warning",
    ),
    "query": Refusal(
        400, "Base.1.18.QueryParameterValueFormatError", "The value %1 for the query parameter %2 is not acceptable.",
        "Correct the value for the query parameter and resubmit the request.", "Warning",
    ),
    "query_unsupported": Refusal(
        501, "Base.1.18.QueryNotSupported", "Querying is not supported by the implementation.",
        "Remove the query parameters and resubmit the request.", "Warning",
    ),
    "precondition_failed": Refusal(
        412, "Base.1.18.PreconditionFailed",
        "The ETag supplied did not match the ETag required to change this resource.",
        "Read the resource again and try the operation with its ETag.",
    ),
    "precondition_required": Refusal(
        428, "Base.1.18.PreconditionRequired",
        "A precondition header or annotation is required to change this resource.",
        "Try the operation again with the If-Match header and the resource's ETag.",
    ),
    "sessions_full": Refusal(
        503, "Brd.1.6.RAC0218", "The maximum number of user sessions is reached.",
        "Close unused sessions or wait until they expire, and sign in again.",
    ),
    "create_missing": Refusal(
        400, "Base.1.18.CreateFailedMissingReqProperties",
        "The create operation failed because the required property %1 was missing from the request.",
        "Correct the body to include the required property with a valid value and resubmit the request.",
    ),
    "property_format": Refusal(
        400, "Base.1.18.PropertyValueFormatError",
        "The value %1 for the property %2 is not a format that the property can accept.",
        "Correct the value for the property in the request body and resubmit the request.", "Warning",
    ),
    "subscriptions_full": Refusal(
        503, "Base.1.18.EventSubscriptionLimitExceeded",
        "The event subscription failed because so many at once are more than the implementation can hold.",
        "Reduce the number of other subscriptions and streams, and try again.",
    ),
    "service_off": Refusal(
        503, "Base.1.18.ServiceDisabled", "The operation failed because the service %1 is disabled.",
        "Enable the service and resubmit the request.", "Warning",
    ),
    "odata_version": Refusal(
        412, "Base.1.18.HeaderInvalid", "Header OData-Version is invalid: only 4.0 is spoken here.",
        "Resubmit the request with OData-Version: 4.0.",
    ),
    "no_operation": Refusal(
        400, "Base.1.18.NoOperation", "The request body submitted contained no data to act upon.",
        "Add properties in the JSON object and resubmit the request.", "Warning",
    ),
    "privilege": Refusal(
        403, "Base.1.18.InsufficientPrivilege",
        "There are insufficient privileges for the account or credentials to do this.",
        "Either abandon the operation or change the access rights and resubmit the request.",
    ),
    "accounts_full": Refusal(
        400, "Base.1.18.CreateLimitReachedForResource", "No more resources of this type can be created.",
        "Delete resources and resubmit the request.",
    ),
    "busy": Refusal(
        503, "Base.1.18.ServiceTemporarilyUnavailable", "The service is temporarily unavailable. Retry in %1 seconds.",
        "Wait for the indicated retry duration and retry the operation.",
    ),
    "internal": Refusal(
        500, "Base.1.18.InternalError", "The request failed due to an internal service error.",
        "Resubmit the request. If the problem persists, reset the service.",
    ),
    "media_type": Refusal(
        415, "Base.1.18.HeaderInvalid", "The request needs a body of the media type application/json.",
        "Send a body, if only {}, with Content-Type: application/json.",
    ),
    "encoding": Refusal(
        406, "Base.1.18.HeaderInvalid", "No acceptable content encoding can be offered.", "Accept another encoding.",
        "Warning",
    ),
}  # fmt: skip


def refuse(why: str, *args: str, **headers: str) -> Answer:
    """The answer that refuses, by its name in the table."""
    refusal = REFUSALS[why]
    message = refusal.message
    for index, arg in enumerate(args, start=1):
        message = message.replace(f"%{index}", arg)
    info = {
        "@odata.type": "#Message.v1_1_2.Message", "MessageId": refusal.message_id, "Message": message,
        "MessageArgs": list(args),
        "Severity": refusal.severity, "MessageSeverity": refusal.severity, "Resolution": refusal.resolution,
    }  # fmt: skip
    error = {"code": "Base.1.18.GeneralError", "message": message, "@Message.ExtendedInfo": [info]}
    return Answer(refusal.status, {"error": error}, headers)
