"""Making requests out of what was typed, and sending them."""

from typing import Any, TypeVar

from pydantic import ValidationError

from cambus.cli.device_status import DeviceBoard, DeviceStatus
from cambus.cli.failures import OFFLINE, CliError, UsageError
from cambus.cli.formatting import ago, clean
from cambus.cli.invocation import Cli
from cambus.client.calling import BusClient
from cambus.client.connection import Connection
from cambus.client.errors import BusError
from cambus.schemas.errors import Offline
from cambus.schemas.model import Message
from cambus.schemas.spec import CommandSpec
from cambus.schemas.state.presence import Presence

M = TypeVar("M", bound=Message)
Req = TypeVar("Req", bound=Message)
Rep = TypeVar("Rep", bound=Message)


def made(model: type[M], **fields: Any) -> M:
    """Return a message.

    Raises:
        UsageError: a field is not what the model wants; names it.
    """
    try:
        return model(**fields)
    except ValidationError as error:
        raise UsageError(describe_invalid(error)) from None


def describe_invalid(error: ValidationError) -> str:
    """What is wrong with a message, a field a line, without the values."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    return "\n".join(
        f"{'.'.join(str(part) for part in problem['loc']) or 'it'}: "
        f"{problem['msg'].removeprefix('Value error, ')}"
        for problem in problems
    )


async def call(
    cli: Cli, bus: Connection, spec: CommandSpec[Req, Rep], request: Req, *, device: str | None = None
) -> Rep:
    """Send a command; `--timeout` counts.

    Raises:
        CliError: nobody holds the device, or there is none; says since when, and why.
        CambusError: anything else.
    """
    try:
        return await BusClient(bus).call(spec, request, device=device, timeout_s=cli.options.timeout_s)
    except Offline as error:
        if device is None or error.reason != Offline.REASON:
            raise
        raise await _why_offline(bus, device, error) from None


async def _why_offline(bus: Connection, device: str, error: Offline) -> CliError:
    """What the bus knows of a device nobody holds."""
    text, hint, reason = error.text, "", error.reason
    try:
        status = (await DeviceBoard.read(bus)).get(device)
    except BusError:
        status = None
    match status:
        case None:
            pass
        case DeviceStatus(record=None, presence=None):
            text, hint, reason = f"there is no device {device}", "cambusctl devices", "no-such-device"
        case DeviceStatus(presence=None):
            text, hint = (
                f"no connector looks after {device}",
                "start the one of its protocol; cambusctl services",
            )
        case DeviceStatus(presence=Presence(since=since, last_error=last)):
            why = f": {clean(last.text)}" if last is not None else ""
            text = f"{device} is {status.state} for {ago(since)}{why}"
            hint = f"cambusctl device get {device}; cambusctl doctor says what to do"
    return CliError(text, hint=hint, exit_code=OFFLINE, code=int(error.code), reason=reason)
