"""The asyncio shell of the device role: sockets and the clock for a `DeviceRole`.

::

    server = DeviceServer(role, "127.0.0.1", 0)
    await server.start()
    ...
    await server.close()
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Final, cast

from cambus.dvrip.device_connection import DeviceConnection, Ending
from cambus.dvrip.device_role import DeviceRole
from cambus.dvrip.errors import TransportError
from cambus.dvrip.server_wheel import TimerWheel, WheelEntry, shared_wheel

#: Bytes a socket may hold back before the role hears that its reader is slow.
_HIGH_WATER: Final = 512 * 1024
_LOW_WATER: Final = 128 * 1024
#: Unsent bytes above which a peer that asks on and on and reads nothing is cut off.
_MAX_UNSENT: Final = 16 * 1024 * 1024
#: Turns of the loop after which whoever had just been accepted has arrived, and transports have closed.
_CLOSING_TURNS: Final = 8


class DeviceServer:
    """Listens for a device, carries its bytes and runs its timers.

    Args:
        role: the device.
        host: address to listen on.
        port: 0 takes any free one, see `port`.
    """

    def __init__(self, role: DeviceRole, host: str, port: int) -> None:
        self.role = role
        self.host = host
        self._wanted_port = port
        self._socket: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._links: dict[DeviceConnection, _Link] = {}
        self._wheel: TimerWheel | None = None
        self._armed: WheelEntry | None = None
        self._armed_due = 0.0
        self._stepping = False
        self._closed = False

    @property
    def is_closed(self) -> bool:
        """Whether it was closed: nobody is let in any more."""
        return self._closed

    @property
    def port(self) -> int:
        """The port listened on; it stays the same over `stop_listening` and `listen`."""
        if self._socket is None:
            raise TransportError("the device server was not started")
        return int(self._socket.getsockname()[1])

    async def start(self) -> None:
        """Bind and listen.

        Raises:
            TransportError: the address cannot be had.
        """
        self._wheel = shared_wheel()
        try:
            self._socket = _bound(self.host, self._wanted_port)
        except OSError as error:
            raise TransportError(f"cannot bind {self.host}:{self._wanted_port}: {error.strerror}") from None
        await self.listen()

    async def listen(self) -> None:
        """Accept connections (again)."""
        if self._socket is not None and self._server is None:
            loop = asyncio.get_running_loop()
            # A duplicate, so that the port stays ours while a rebooting device does not listen.
            self._server = await loop.create_server(lambda: _Link(self), sock=self._socket.dup(), backlog=512)

    def stop_listening(self) -> None:
        """Have connections refused, as while a device reboots; the port stays reserved."""
        if self._server is not None and self._socket is not None:
            self._server.close()
            self._server = None
            with contextlib.suppress(OSError):  # elsewhere than on Linux a bound socket may not be shut down
                self._socket.shutdown(socket.SHUT_RDWR)

    async def _settle(self) -> None:
        """Accept nobody any more, and let those just accepted arrive: closing the server would forget them open."""
        if self._server is not None:
            loop = asyncio.get_running_loop()
            for listening in self._server.sockets:
                loop.remove_reader(listening.fileno())
        for _ in range(_CLOSING_TURNS):
            await asyncio.sleep(0)

    async def move(self, host: str, port: int) -> None:
        """Cut every connection and listen somewhere else; where that cannot be had, go on here.

        Raises:
            TransportError: the address cannot be had.
        """
        try:
            made = _bound(host, port)
        except OSError as error:
            raise TransportError(f"cannot bind {host}:{port}: {error.strerror}") from None
        await self._settle()
        self.stop_listening()
        self.drop_all(reset=True)
        if self._socket is not None:
            self._socket.close()
        self.host, self._wanted_port, self._socket = host, port, made
        await self.listen()

    async def close(self) -> None:
        """Close everything."""
        self._closed = True
        await self._settle()
        self.stop_listening()
        if self._armed is not None:
            self._armed.cancel()
            self._armed = None
        self._wheel = None
        self.drop_all(reset=False)
        if self._socket is not None:
            self._socket.close()
        for _ in range(
            3
        ):  # let transports run their closing callbacks, and those just accepted be hung up on
            await asyncio.sleep(0)

    def drop_all(self, *, reset: bool) -> None:
        """Cut every connection, with a reset (RST) or an orderly close."""
        for connection in list(self._links):
            self.role.end(connection, Ending.RESET if reset else Ending.CLOSE)
        self.flush()

    async def dial(self, host: str, port: int) -> DeviceConnection:
        """Open a connection of our own: to a platform this device registers with (DVRIP §11).

        Raises:
            TransportError: nobody answers there.
        """
        loop = asyncio.get_running_loop()
        try:
            _, link = await loop.create_connection(lambda: _Link(self), host, port)
        except (OSError, ValueError, OverflowError) as error:  # the address may have come from a client
            raise TransportError(f"cannot connect to {host[:64]}:{port}: {error}") from None
        return link.connection

    # ---- steps

    def now(self) -> float:
        """The clock of everything here."""
        return asyncio.get_running_loop().time()

    def call(self, step: Callable[[], None]) -> None:
        """Have the role do something outside of a socket's event, then write what came of it."""
        self.role.now = self.now()
        step()
        self.flush()

    def flush(self) -> None:
        """Write what the role has to say and arm its next timer."""
        for connection in self.role.take_dirty():
            link = self._links.get(connection)
            if link is not None:
                link.write_out()
        self._arm()

    def _arm(self) -> None:
        due = self.role.next_timeout()
        if due is None or self._wheel is None:
            return
        if self._armed is not None:
            if self._armed_due <= due:
                return
            self._armed.cancel()
        self._armed_due = due
        self._armed = self._wheel.at(due, self._timeout)

    def _timeout(self) -> None:
        self._armed = None
        if self._wheel is None:
            return
        self.role.handle_timeout(self.now())
        self.flush()

    def add(self, link: "_Link", host: str) -> DeviceConnection:
        """A socket was connected."""
        connection = self.role.connection_made(host, self.now())
        self._links[connection] = link
        return connection

    def remove(self, connection: DeviceConnection) -> None:
        """A socket is gone."""
        self._links.pop(connection, None)
        self.role.connection_lost(connection, self.now())
        self.flush()


class _Link(asyncio.Protocol):
    """One socket."""

    connection: DeviceConnection
    _transport: asyncio.Transport

    def __init__(self, server: DeviceServer) -> None:
        self._server = server
        self._turned_away = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._server.is_closed:  # it was accepted just before
            self._turned_away = True
            self._transport.abort()
            return
        self._transport.set_write_buffer_limits(high=_HIGH_WATER, low=_LOW_WATER)
        peer = self._transport.get_extra_info("peername")
        self.connection = self._server.add(self, str(peer[0]) if peer else "")
        self._server.flush()

    def data_received(self, data: bytes) -> None:
        server = self._server
        server.role.receive_data(self.connection, data, server.now())
        server.flush()

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._server.role.set_writable(self.connection, writable=False, now=self._server.now())

    def resume_writing(self) -> None:
        self._server.role.set_writable(self.connection, writable=True, now=self._server.now())
        self._server.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc  # how it went makes no difference to a device
        if not self._turned_away:
            self._server.remove(self.connection)

    def write_out(self) -> None:
        """Write what the connection has to send, and end it if it is to be ended."""
        connection, transport = self.connection, self._transport
        if transport.is_closing():
            return
        data = connection.data_to_send() if connection.has_data else b""
        piece = self._server.role.quirks.segment_bytes
        if data and piece and len(data) <= 64 * piece * 1024:
            for start in range(0, len(data), piece):
                transport.write(data[start : start + piece])
        elif data:
            transport.write(data)
        if transport.get_write_buffer_size() > _MAX_UNSENT:
            connection.end(Ending.RESET)
        match connection.ending:
            case Ending.CLOSE:
                transport.close()
            case Ending.RESET:
                _abort(transport)
            case Ending.HALF_CLOSE:
                with contextlib.suppress(OSError, NotImplementedError):
                    transport.write_eof()


def _bound(host: str, port: int) -> socket.socket:
    """A socket bound to a port that it keeps even while it does not listen."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        if port:
            return made
        # Linux gives a port it chose itself away as soon as the socket stops listening: bind it by its number.
        kept = _bound(host, int(made.getsockname()[1]))
    except OSError:
        made.close()
        raise
    made.close()
    return kept


def _abort(transport: asyncio.Transport) -> None:
    """End a connection with a reset."""
    raw = transport.get_extra_info("socket")
    if raw is not None:
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    transport.abort()
