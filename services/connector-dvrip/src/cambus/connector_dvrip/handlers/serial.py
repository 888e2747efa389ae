"""The serial ports of the device as a transparent channel (DVRIP §7.7)."""

from collections.abc import Awaitable, Callable

from cambus.connector.handlers import HandlerTable
from cambus.connector.serial import SerialLine as Line
from cambus.connector_dvrip.handlers.guarded import add
from cambus.connector_dvrip.mapping.errors import command_error, end_of_session
from cambus.connector_dvrip.session import DvripSession
from cambus.dvrip.errors import DvripError
from cambus.dvrip.objects.fields import SerialLine
from cambus.dvrip.operations.serial import Port, SerialChannel
from cambus.schemas.commands import serial as commands
from cambus.schemas.errors import NotFound
from cambus.schemas.model import Done


def register(table: HandlerTable[DvripSession]) -> None:
    """Add the commands; only opening and closing ask the device for an answer."""
    add(table, commands.OPEN, open_, during_upgrade=False)
    add(table, commands.WRITE, write, exclusive=False)
    add(table, commands.CLOSE, close)


async def open_(session: DvripSession, request: commands.SerialOpenRequest) -> commands.SerialOpenReply:
    """Take a port; the protocol knows one of each kind."""
    if request.port:
        raise NotFound(f"the device has one {request.kind} port, number 0", reason="no-such-port")
    line = SerialLine(request.baud, request.parity.capitalize(), request.data_bits, request.stop_bits)

    async def open_line() -> Line:
        channel = await session.client.serial.open(Port(request.kind.upper()), line)
        return DvripSerialLine(session, channel)

    return await session.serial.open(request, open_line)


async def write(session: DvripSession, request: commands.SerialWriteRequest) -> Done:
    """Send bytes out of a port."""
    await session.serial.write(request.session, request.data)
    return Done()


async def close(session: DvripSession, request: commands.SerialCloseRequest) -> Done:
    """Give a port back."""
    await session.serial.give_back(request.session)
    return Done()


class DvripSerialLine:
    """A port the device has given us.

    Args:
        session: the device's session.
        channel: of the protocol library.
    """

    def __init__(self, session: DvripSession, channel: SerialChannel) -> None:
        self._session = session
        self._channel = channel

    async def send(self, data: bytes) -> None:
        """Write bytes."""
        try:
            await self._channel.send(data)
        except DvripError as error:
            raise command_error(error) from error

    async def listen(self, sink: Callable[[bytes], Awaitable[None]]) -> None:
        """Hand on what comes until the port is closed or the session over."""
        async for data in self._channel:
            await sink(data)
        raise end_of_session(None)

    async def close(self) -> None:
        """Give the port back."""
        try:
            await self._channel.close()
        except DvripError as error:
            self._session.log.debug("serial port not closed cleanly", extra={"reason": str(error)})
