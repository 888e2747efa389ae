"""What surrounds every handler: errors of the protocol become errors of the bus, and an upgrade is not disturbed."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from cambus.bus.calls import CallContext
from cambus.connector.handlers import HandlerTable
from cambus.connector_gb28181.session import GbSession
from cambus.gb28181.errors import GbError
from cambus.schemas.errors import Conflict
from cambus.schemas.model import Message
from cambus.schemas.spec import CommandSpec

Req = TypeVar("Req", bound=Message)
Rep = TypeVar("Rep", bound=Message)

Handle = Callable[[GbSession, Req], Awaitable[Rep]]
"""`async (session, request) -> reply`; may raise errors of the protocol library."""


READS: Final = frozenset(
    {"info", "status", "capabilities", "get", "list", "find", "calendar", "touch", "download", "take"}
)
"""The verbs of what changes nothing on a device; every other command is audited (GB-276)."""


def add(
    table: HandlerTable[GbSession],
    spec: CommandSpec[Req, Rep],
    handle: Handle[Req, Rep],
    *,
    exclusive: bool = True,
    destructive: bool | None = None,
) -> None:
    """Register a handler.

    Args:
        table: where.
        spec: the command.
        handle: carries it out.
        exclusive: it takes its turn at the device's gate.
        destructive: it is refused during an upgrade; by default every command that needs a confirmation.
    """
    forbidden = spec.confirm if destructive is None else destructive

    async def guarded(session: GbSession, _context: CallContext, request: Req) -> Rep:
        if forbidden and session.device.upgrades.busy:
            raise Conflict("an upgrade is under way", reason="upgrade-under-way")
        try:
            return await handle(session, request)
        except GbError as error:
            raise session.failed(error) from error

    table.add(spec, guarded, exclusive=exclusive, audited=spec.verb.rpartition(".")[2] not in READS)
