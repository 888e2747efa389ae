"""Opening a connection within bounded time: nats-py would try for ever, and tells why not on the side only."""

import asyncio
from contextlib import suppress
from typing import Final

from cambus.client.connection import Connection
from cambus.client.errors import BusUnavailable, LoginRefused

LOOK_S: Final = 0.02


async def open_within(connection: Connection, within_s: float) -> None:
    """Open a connection.

    Raises:
        LoginRefused: the server does not let us in.
        BusUnavailable: no server answers in time.
        ValueError: a file of the login is not what it is said to be.
        OSError: such a file cannot be read.
        ModuleNotFoundError: logging in takes a package that is not installed.
    """
    opening = asyncio.ensure_future(connection.open())
    alone = len(connection.login.servers) == 1
    deadline = asyncio.get_running_loop().time() + within_s
    try:
        while not opening.done() and asyncio.get_running_loop().time() < deadline:
            await asyncio.wait({opening}, timeout=LOOK_S)
            error = connection.nc.last_error
            if alone and (isinstance(error, OSError) or _refused(error)):
                break
        if not opening.done():
            raise _unreachable(connection)
        opening.result()
    finally:
        if not connection.connected:
            opening.cancel()
            await asyncio.wait({opening})
            with suppress(Exception):
                await connection.nc.close()
            await _close_socket(connection)


async def _close_socket(connection: Connection) -> None:
    """Close what nats-py leaves open if cancelled while it gives up a server: it takes itself for closed then."""
    transport = connection.nc._transport  # noqa: SLF001 - see above
    if transport is not None:
        with suppress(Exception):
            transport.close()  # type: ignore[no-untyped-call]  # nats-py says no types
            await transport.wait_closed()  # type: ignore[no-untyped-call]  # nats-py says no types


def _unreachable(connection: Connection) -> BusUnavailable:
    error, servers = connection.nc.last_error, ", ".join(connection.login.servers)
    if _refused(error):
        return LoginRefused(f"NATS at {servers} does not let us in")
    why = "" if error is None else f" ({_short(error)})"
    return BusUnavailable(f"NATS at {servers} does not answer{why}")


def _refused(error: Exception | None) -> bool:
    """Whether the server did not like our credentials."""
    return error is not None and "authorization" in str(error).lower()


def _short(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return str(error).removeprefix("nats: ") or type(error).__name__
