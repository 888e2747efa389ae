"""Serial ports of the device (DVRIP §7.7): 1570-1577 read and write, 1578-1583 the transparent channel."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from enum import StrEnum
from typing import Final, Self

from cambus.dvrip.errors import ConnectionLost, DvripError, MalformedPayload, Refused, error_for_code
from cambus.dvrip.ids import MessageId
from cambus.dvrip.messages.bodies import return_code
from cambus.dvrip.objects.fields import SerialLine
from cambus.dvrip.operations.caller import Caller
from cambus.dvrip.payload import decode_body, looks_like_json
from cambus.dvrip.undocumented import Undocumented, undocumented_body
from cambus.dvrip.wire import REQUEST_VERSION, Header

#: Bytes of one packet to or from a port.
MAX_PIECE: Final = 1024
#: Received bytes a consumer may be behind; what comes then is dropped and counted.
MAX_WAITING: Final = 64 * 1024
DEFAULT_LINE: Final = SerialLine(9600, "None", 8, 1)


class Port(StrEnum):
    """A kind of serial port; a device has one of each at most."""

    RS232 = "RS232"
    RS485 = "RS485"


_READ: Final = {Port.RS232: MessageId.RS232_READ, Port.RS485: MessageId.RS485_READ}
_WRITE: Final = {Port.RS232: MessageId.RS232_WRITE, Port.RS485: MessageId.RS485_WRITE}
_DATA: Final = {Port.RS232: MessageId.RS232_DATA, Port.RS485: MessageId.RS485_DATA}
_PORTS: Final = {int(message_id): port for port, message_id in _DATA.items()}


class SerialChannel:
    """A serial port that is ours: iterate it for the bytes that come, `send` others, `close` it.

    Attributes:
        port: which.
        counters: ``sent`` and ``received`` bytes, ``dropped`` ones the consumer was too slow for.
    """

    def __init__(
        self,
        port: Port,
        send: Callable[[Port, bytes], Awaitable[None]],
        give_back: Callable[[Port], Awaitable[None]],
    ) -> None:
        self.port = port
        self.counters: Counter[str] = Counter()
        self._send = send
        self._give_back = give_back
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._closed = False
        self._wakeup = asyncio.Event()

    async def send(self, data: bytes) -> None:
        """Write bytes to the port.

        Raises:
            Refused: it was closed.
            ConnectionLost: the session is over.
        """
        if self._closed:
            raise Refused("closed", f"{self.port} was closed")
        await self._send(self.port, data)
        self.counters["sent"] += len(data)

    def receive(self, data: bytes) -> None:
        """Bytes came from the port; the reader never waits."""
        if self._waiting + len(data) > MAX_WAITING:
            self.counters["dropped"] += len(data)
            return
        self.counters["received"] += len(data)
        self._pieces.append(data)
        self._waiting += len(data)
        self._wakeup.set()

    def end(self) -> None:
        """Nothing more will come."""
        self._closed = True
        self._wakeup.set()

    async def close(self) -> None:
        """Give the port back; without a session it is free already."""
        if not self._closed:
            self.end()
            await self._give_back(self.port)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self._pieces:
            if self._closed:
                raise StopAsyncIteration
            self._wakeup.clear()
            await self._wakeup.wait()
        piece = self._pieces.popleft()
        self._waiting -= len(piece)
        return piece


class SerialOperations:
    """The serial ports of one device."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._channels: dict[Port, SerialChannel] = {}

    async def read(self, port: Port) -> bytes:
        """What the port has received (1570, 1574).

        Raises:
            DvripError: the device refused.
        """
        reply = await self._caller.request(_READ[port], {"Name": ""}, label=f"reading {port}")
        if looks_like_json(reply.payload):
            try:
                code = return_code(decode_body(reply.payload))
            except MalformedPayload:
                return reply.payload  # bytes that begin like JSON
            if code is not None:
                raise error_for_code(code, f"reading {port}")
        return reply.payload

    async def write(self, port: Port, data: bytes) -> None:
        """Write bytes to the port (1572, 1576), `MAX_PIECE` at a time.

        Raises:
            DvripError: the device refused.
        """
        for start in range(0, len(data), MAX_PIECE):
            await self._caller.call(_WRITE[port], data[start : start + MAX_PIECE], label=f"writing {port}")

    async def open(self, port: Port, line: SerialLine = DEFAULT_LINE) -> SerialChannel:
        """Take the port as a transparent channel (1578).

        Raises:
            Refused: it is ours already (``busy``).
            DeviceError: somebody else has it, and others.
            DvripError: anything else.
        """
        if port in self._channels:
            raise Refused("busy", f"{port} is open already")
        channel = self._channels[port] = SerialChannel(port, self._send, self._give_back)
        control = self._caller.control
        control.on_media = self._on_data
        control.closed.add_done_callback(lambda _: self._end())
        try:
            await self._control(port, Undocumented.SERIAL_OPEN, line)
        except BaseException:
            self._channels.pop(port, None)
            raise
        return channel

    async def _send(self, port: Port, data: bytes) -> None:
        """Write to an open channel; there is no answer to it."""
        control = self._caller.control
        for start in range(0, len(data), MAX_PIECE):
            control.notify(_DATA[port], data[start : start + MAX_PIECE], version=REQUEST_VERSION)
            await control.drain()

    async def _give_back(self, port: Port) -> None:
        """Close a channel."""
        if self._channels.pop(port, None) is None:
            return
        try:
            await self._control(port, Undocumented.SERIAL_CLOSE, DEFAULT_LINE)
        except (ConnectionLost, Refused):
            return
        except DvripError:
            if not self._caller.control.is_closed:
                raise

    async def _control(self, port: Port, what: Undocumented, line: SerialLine) -> None:
        body = undocumented_body(what, self._caller.profile.bodies, port=str(port), line=list(line))
        await self._caller.call(MessageId.TRANSPARENT_CHANNEL, body, label=f"{port} {what}")

    def _on_data(self, header: Header, payload: bytes) -> None:
        port = _PORTS.get(header.message_id)
        channel = self._channels.get(port) if port is not None else None
        if channel is not None:
            channel.receive(payload)

    def _end(self) -> None:
        for channel in self._channels.values():
            channel.end()
        self._channels.clear()
