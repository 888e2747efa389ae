"""Turns what libraries raise into what people can act on."""

from functools import singledispatch
from typing import Final

from cambus.bus.sealing import SealError
from cambus.cli.device_writer import StoppedHalfWayError
from cambus.cli.devices_file import DevicesFileError
from cambus.cli.failures import FAILED, NO_ANSWER, NO_NATS, OFFLINE, REFUSED, CliError, UsageError
from cambus.cli.stack.options import StackFailedError
from cambus.client.calling import BUS_FORBIDDEN
from cambus.client.errors import (
    AssetNotFound,
    BusClosed,
    BusError,
    BusUnavailable,
    JetStreamError,
    PayloadTooLarge,
    WrongRevision,
)
from cambus.schemas.errors import CambusError, ErrorCode

_EXIT: Final = {ErrorCode.OFFLINE: OFFLINE, ErrorCode.DEADLINE: NO_ANSWER}

_HINTS: Final = {
    ErrorCode.UNAUTHORIZED: "correct the credentials in the devices file and apply it again",
    ErrorCode.FORBIDDEN: "give the account on the device that right, or use another account",
    ErrorCode.CONFLICT: "wait for what is under way, then try again",
    ErrorCode.OVERLOADED: "wait a moment, then try again",
    ErrorCode.UNSUPPORTED: "`cambusctl call DEVICE device.capabilities` tells what the device can do",
    ErrorCode.OFFLINE: "`cambusctl devices` and `cambusctl services` tell who is there, and why somebody is not",
    ErrorCode.DEADLINE: "look whether it was done before you try again; --timeout waits longer",
    ErrorCode.INTERNAL: "the service's log says more",
}

_BUS_FORBIDDEN: Final = "log in to NATS as a user that may, such as `operator`"


@singledispatch
def explain(error: Exception) -> CliError:
    """Return what to tell the user about an exception."""
    return CliError(
        f"a defect in cambusctl: {type(error).__name__}: {error}",
        hint="run it again with --verbose, and report what it prints",
        reason="defect",
    )


@explain.register
def _(error: CliError) -> CliError:
    return error


@explain.register
def _(error: StoppedHalfWayError) -> CliError:
    return explain(error.cause)


@explain.register
def _(error: StackFailedError) -> CliError:
    return CliError(str(error), reason="not-started")


@explain.register
def _(error: SealError) -> CliError:
    return UsageError(str(error))


@explain.register
def _(error: OSError) -> CliError:
    where = f"{error.filename}: " if error.filename else ""
    return CliError(f"{where}{error.strerror or error}", reason="os-error")


@explain.register
def _(error: DevicesFileError) -> CliError:
    problems = [
        {"line": each.line, "where": each.where.removesuffix(": "), "reason": each.reason}
        for each in error.problems
    ]
    return UsageError(
        str(error),
        hint="correct it; nothing was changed",
        data={"file": str(error.path), "problems": problems},
    )


@explain.register
def _(error: CambusError) -> CliError:
    passes = error.retryable or error.code is not ErrorCode.CONFLICT
    hint = _HINTS.get(error.code, "") if passes else ""
    return CliError(
        error.text,
        hint=_BUS_FORBIDDEN if error.reason == BUS_FORBIDDEN else hint,
        exit_code=_EXIT.get(error.code, REFUSED),
        code=int(error.code),
        reason=error.reason,
        device_code=error.device_code,
    )


@explain.register
def _(error: BusError) -> CliError:
    match error:
        case AssetNotFound():
            return CliError(
                "there is nothing of Cambus in this NATS yet",
                hint="start a service: the first one creates what is needed; `cambusctl up` starts them all",
                reason="no-assets",
            )
        case WrongRevision():
            return CliError(
                "somebody else changed it at the same moment", hint="try again", reason="changed-meanwhile"
            )
        case JetStreamError():
            return CliError(f"JetStream refuses: {error}", reason="jetstream-refused")
        case PayloadTooLarge():
            return CliError(f"too large for one message: {error}", reason="too-large")
        case BusUnavailable() | BusClosed():
            return CliError(
                str(error), hint="`cambusctl doctor` looks closer", exit_code=NO_NATS, reason="nats"
            )
        case _:
            return CliError(str(error), exit_code=FAILED, reason="nats")
