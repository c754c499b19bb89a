"""How a command ends: its exit code and, when it went wrong, one clear line."""

from __future__ import annotations

from enum import IntEnum

from fleetmon.errors import Conflict, FleetmonError, NotFound, OutOfDate, RequestRefused


class Exit(IntEnum):
    """What the shell is told."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTLY = 3
    REFUSED = 4
    """Policy, or the person asked, said no."""
    INTERRUPTED = 130
    READER_GONE = 141
    """The program reading our output closed it: what a shell reports for SIGPIPE."""


class WrongUsage(FleetmonError):
    """The command was called with something that cannot be right."""


class ServiceError(FleetmonError):
    """The service did not answer, or could not do as asked."""


def exit_code(error: FleetmonError) -> Exit:
    """The exit code an error ends a command with."""
    match error:
        case WrongUsage():
            return Exit.USAGE
        case NotFound() | Conflict() | OutOfDate():
            return Exit.FAILED
        case RequestRefused():
            return Exit.REFUSED
    return Exit.FAILED
