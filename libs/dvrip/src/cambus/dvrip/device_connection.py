"""One TCP connection of the device role, without the socket: bytes in, bytes out, how it shall end."""

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from cambus.dvrip.reassembly import Reassembler
from cambus.dvrip.wire import PRE_AUTH_LIMITS, Packet, PacketReader

if TYPE_CHECKING:
    from cambus.dvrip.device_sessions import Session
    from cambus.dvrip.device_stream import StreamSender


class Ending(Enum):
    """What the IO side has to do with a connection once its output is written."""

    NONE = "none"
    HALF_CLOSE = "half_close"
    CLOSE = "close"
    RESET = "reset"


class DeviceConnection:
    """State of one connection.

    Attributes:
        host: address of the peer.
        reader: framing; its limits grow once the connection has shown a session.
        parts: control messages that come in parts.
        session: the session that logged in on this very socket.
        bound: every session that used the socket; claims come without a login.
        refuse_code: answer the first message with this code and close; 0: do not.
        ending: see `Ending`.
        writable: False while the peer does not read fast enough.
        blocked: streams that wait for `writable`, in order.
        sequence: own counter, for messages that answer nothing.
        expected: what to do with an answer to a request of ours, by its id (registration, DVRIP §11).
        bytes_sent: handed out so far.
    """

    __slots__ = (
        "__weakref__",
        "_out",
        "blocked",
        "bound",
        "bytes_sent",
        "ending",
        "expected",
        "host",
        "lost",
        "parts",
        "reader",
        "refuse_code",
        "sequence",
        "session",
        "writable",
    )

    def __init__(self, host: str) -> None:
        self.host = host
        self.reader = PacketReader(PRE_AUTH_LIMITS)
        self.parts = Reassembler()
        self.session: Session | None = None
        self.bound: set[Session] = set()
        self.refuse_code = 0
        self.ending = Ending.NONE
        self.lost = False
        self.writable = True
        self.blocked: deque[StreamSender] = deque()
        self.sequence = 0
        self.expected: dict[int, Callable[[Packet], None]] = {}
        self.bytes_sent = 0
        self._out: list[bytes | memoryview] = []

    def send(self, *pieces: bytes | memoryview) -> None:
        """Queue bytes; forgotten once the connection is ending."""
        if self.ending is Ending.NONE and not self.lost:
            self._out.extend(pieces)

    def end(self, how: Ending) -> None:
        """End the connection once what was queued is written; a reset forgets that too."""
        if self.ending in {Ending.NONE, Ending.HALF_CLOSE}:
            self.ending = how
        if how is Ending.RESET:
            self.ending = how
            self._out.clear()

    def data_to_send(self) -> bytes:
        """What is queued, which the caller must write."""
        data = b"".join(self._out)
        self._out.clear()
        self.bytes_sent += len(data)
        return data

    @property
    def has_data(self) -> bool:
        """Whether `data_to_send` would return something."""
        return bool(self._out)

    def next_sequence(self) -> int:
        """The own counter, from 0."""
        value = self.sequence
        self.sequence = (value + 1) & 0xFFFFFFFF
        return value
