"""The socket under a transport, written to directly.

`transport.write` copies what it cannot send and grows without bound; fan-out wants neither. A duplicate of
the descriptor gives `send` on the very same connection while the event loop's transport goes on reading it.
Once a `SocketWire` is taken, nobody may write through the transport any more.
"""

import asyncio
import fcntl
import os
import socket
import struct
import termios
from collections.abc import Callable
from typing import Final

_FLUSH_POLL_S: Final = 0.005
_UNSENT_BYTES: Final = 512 * 1024
"""What the kernel takes beyond what is on its way. More of it would be a copy for every slow viewer, of the memory all
connections of the machine share, and that memory does run out; what waits here is a view of a buffer all have."""

_INT: Final = struct.Struct("@i")


class SocketWire:
    """A `viewer.Wire` over a connected TCP transport whose own write buffer is empty.

    Args:
        transport: the connection; closing the wire aborts it.
        send_buffer_bytes: size of the kernel's send buffer, 0 for the kernel's own choice.
    """

    __slots__ = ("_loop", "_sock", "_transport", "_watching", "descriptor", "send")

    def __init__(self, transport: asyncio.WriteTransport, *, send_buffer_bytes: int = 0) -> None:
        if transport.get_write_buffer_size():
            raise RuntimeError("the transport still has bytes to write")
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._sock = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
        self._sock.setblocking(False)
        if send_buffer_bytes:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer_bytes)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        self._watching = False
        self.send = self._sock.send
        self.descriptor = self._sock.fileno()

    def unacknowledged(self) -> int:
        """Bytes the socket took that the peer has not acknowledged (tcp(7), SIOCOUTQ)."""
        return int(_INT.unpack(fcntl.ioctl(self.descriptor, termios.TIOCOUTQ, bytes(_INT.size)))[0])

    def watch(self, writable: Callable[[], None]) -> None:
        """Call back whenever the socket takes bytes again, until `unwatch`."""
        if not self._watching:
            self._watching = True
            self._loop.add_writer(self.descriptor, writable)

    def unwatch(self) -> None:
        """Stop calling back."""
        if self._watching:
            self._watching = False
            self._loop.remove_writer(self.descriptor)

    def close(self) -> None:
        """Close the duplicate and abort the connection."""
        self.unwatch()
        self._sock.close()
        self._transport.abort()


async def take_wire(
    transport: asyncio.WriteTransport, *, timeout_s: float = 5.0, send_buffer_bytes: int = 0
) -> SocketWire:
    """Take the socket of a transport that has just been written to, once all of that is on its way.

    Raises:
        ConnectionResetError: the peer has gone or takes nothing.
    """
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.sleep(0)  # uvloop writes at the end of the loop's turn
            # A transport tells nobody but its protocol, here aiohttp's, when its buffer has emptied.
            while transport.get_write_buffer_size() and not transport.is_closing():  # noqa: ASYNC110
                await asyncio.sleep(_FLUSH_POLL_S)
    except TimeoutError:
        raise ConnectionResetError("the peer does not read") from None
    if transport.is_closing():
        raise ConnectionResetError("the peer has gone")
    return SocketWire(transport, send_buffer_bytes=send_buffer_bytes)
