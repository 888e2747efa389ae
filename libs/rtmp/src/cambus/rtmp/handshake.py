"""The handshake: a version, a time, noise, and its echo (RTMP 1.0 §5.2), in the plain form all publishers take."""

from __future__ import annotations

import secrets
from typing import Final

from cambus.rtmp.errors import ProtocolError

VERSION: Final = 3
PACKET_BYTES: Final = 1536
_TLS, _TEXT = 0x16, range(0x20, 0x7F)


class Handshake:
    """The server's side. `feed` bytes; `data_to_send`; what is behind the handshake is given back.

    Attributes:
        done: whether chunks come now.
    """

    def __init__(self, noise: bytes | None = None) -> None:
        self.done = False
        self._noise = noise if noise is not None else secrets.token_bytes(PACKET_BYTES - 8)
        self._buffer = bytearray()
        self._output: list[bytes] = []
        self._answered = False

    def feed(self, data: bytes) -> bytes:
        """Take bytes; returns those that belong to the chunk stream.

        Raises:
            ProtocolError: the client speaks another version, or another protocol.
        """
        if self.done:
            return data
        self._buffer += data
        if self._buffer and self._buffer[0] != VERSION:
            first = self._buffer[0]
            other = "TLS" if first == _TLS else "text" if first in _TEXT else f"version {first}"
            raise ProtocolError(f"the client does not begin with RTMP version 3 but with {other}", offset=0)
        if not self._answered and len(self._buffer) > PACKET_BYTES:
            hello = bytes(self._buffer[1 : 1 + PACKET_BYTES])
            # Time and version zero: the plain handshake, whatever digests the client has put into its noise.
            self._output.append(bytes((VERSION,)) + bytes(8) + self._noise + hello)
            self._answered = True
        whole = 1 + 2 * PACKET_BYTES
        if len(self._buffer) < whole:
            return b""
        rest = bytes(self._buffer[whole:])
        self._buffer.clear()
        self.done = True
        return rest

    def data_to_send(self) -> list[bytes]:
        """What is to be written."""
        output, self._output = self._output, []
        return output
