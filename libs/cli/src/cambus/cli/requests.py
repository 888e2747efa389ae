"""Making requests out of what was typed, and sending them."""

from typing import Any, TypeVar

from pydantic import ValidationError

from cambus.bus.client import BusClient
from cambus.bus.connection import Bus
from cambus.cli.failures import UsageError
from cambus.cli.invocation import Cli
from cambus.schemas.model import Message
from cambus.schemas.spec import CommandSpec

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
    cli: Cli, bus: Bus, spec: CommandSpec[Req, Rep], request: Req, *, device: str | None = None
) -> Rep:
    """Send a command; `--timeout` counts. Raises CambusError."""
    return await BusClient(bus).call(spec, request, device=device, timeout_s=cli.options.timeout_s)
