"""What surrounds every handler: errors of the protocol become errors of the bus."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from cambus.bus.calls import CallContext
from cambus.connector.handlers import HandlerTable
from cambus.connector_gb28181.session import GbSession
from cambus.gb28181.errors import GbError
from cambus.schemas.model import Message
from cambus.schemas.spec import CommandSpec

Req = TypeVar("Req", bound=Message)
Rep = TypeVar("Rep", bound=Message)

Handle = Callable[[GbSession, Req], Awaitable[Rep]]
"""`async (session, request) -> reply`; may raise errors of the protocol library."""


def add(
    table: HandlerTable[GbSession],
    spec: CommandSpec[Req, Rep],
    handle: Handle[Req, Rep],
    *,
    exclusive: bool = True,
) -> None:
    """Register a handler.

    Args:
        table: where.
        spec: the command.
        handle: carries it out.
        exclusive: it takes its turn at the device's gate.
    """

    async def guarded(session: GbSession, _context: CallContext, request: Req) -> Rep:
        try:
            return await handle(session, request)
        except GbError as error:
            raise session.failed(error) from error

    table.add(spec, guarded, exclusive=exclusive)
