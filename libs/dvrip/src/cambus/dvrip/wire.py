"""Packets on the wire (DVRIP §2.1, §2.2): the 20-byte header, and framing that never over-allocates.

`PacketReader` is fed whatever a socket delivered and hands out whole packets; `serialize` builds one,
`fragment` builds the parts of a long control message (DVRIP §2.3). The layout is declared a second time, for
reading and for tests, in `wire_layout`.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from cambus.dvrip.errors import FramingError
from cambus.dvrip.ids import MEDIA_IDS, ZIP_IDS

HEAD_FLAG: Final = 0xFF
HEADER_SIZE: Final = 20
#: What Cambus puts into the Version byte: 0 on requests it originates, 1 on replies and on all of the device
#: role.
REQUEST_VERSION: Final = 0
REPLY_VERSION: Final = 1
#: Control messages longer than this leave in parts (DVRIP §2.1, §2.3).
FRAGMENT_SIZE: Final = 16 * 1024

_HEADER: Final = struct.Struct("<BBBBIIBBHI")
_U32: Final = 0xFFFFFFFF


class Header(NamedTuple):
    """The 20 bytes before every payload, little-endian, in wire order (DVRIP §2.1).

    Attributes:
        flag: always 0xFF.
        version: any value is accepted; see `REQUEST_VERSION` and `REPLY_VERSION`.
        stream: reserved; 1 on extra-stream media of some firmware. Ignored.
        mark: reserved; 0x80 on audio packets of some firmware. Ignored.
        session_id: the session; the value here wins over the one in the JSON body.
        sequence: +1 per message, wraps at 2^32.
        total_or_channel: TotalPacket, or the 0-based Channel on media ids.
        current_or_end: CurPacket, or EndFlag on media ids.
        message_id: see `cambus.dvrip.ids`.
        length: bytes that follow the header.
    """

    flag: int
    version: int
    stream: int
    mark: int
    session_id: int
    sequence: int
    total_or_channel: int
    current_or_end: int
    message_id: int
    length: int

    @property
    def is_media(self) -> bool:
        """Whether bytes 12-13 mean Channel and EndFlag; depends on the message id alone."""
        return self.message_id in MEDIA_IDS

    @property
    def channel(self) -> int:
        """The 0-based channel of a media packet; 0 for control messages."""
        return self.total_or_channel if self.is_media else 0

    @property
    def end(self) -> bool:
        """EndFlag of a media packet or of a zip transfer that is not in Total/Cur parts."""
        if self.is_media or (self.message_id in ZIP_IDS and self.total_or_channel < 2):
            return self.current_or_end == 1
        return False

    @property
    def is_fragment(self) -> bool:
        """Whether this is one of several parts of a control message (DVRIP §2.3)."""
        return self.total_or_channel > 1 and self.message_id not in MEDIA_IDS

    def serialize(self) -> bytes:
        """The 20 bytes."""
        return _HEADER.pack(*self)

    @classmethod
    def parse(cls, data: bytes | bytearray | memoryview, offset: int = 0) -> "Header":
        """Read a header at ``offset``.

        Raises:
            FramingError: fewer than 20 bytes, or the flag byte is not 0xFF.
        """
        if len(data) - offset < HEADER_SIZE:
            raise FramingError(
                f"need {HEADER_SIZE} bytes, got {len(data) - offset}", offset=offset, context="header"
            )
        header = cls._make(_HEADER.unpack_from(data, offset))
        if header.flag != HEAD_FLAG:
            spot = bytes(data[offset : offset + HEADER_SIZE]).hex()
            raise FramingError(
                f"flag byte is 0x{header.flag:02x}, want 0xff ({spot})", offset=offset, context="header"
            )
        return header


class Packet(NamedTuple):
    """A header and its payload, ``header.length`` bytes."""

    header: Header
    payload: bytes


@dataclass(frozen=True, slots=True)
class PacketLimits:
    """The longest payloads accepted, bytes (DVRIP §2.1)."""

    control_bytes: int = 256 * 1024
    media_bytes: int = 4 * 1024 * 1024


#: Limits of a session that is logged in.
SESSION_LIMITS: Final = PacketLimits()
#: Limits before a peer has authenticated on a listener of ours.
PRE_AUTH_LIMITS: Final = PacketLimits(control_bytes=64 * 1024, media_bytes=64 * 1024)


class PacketReader:
    """Cuts a byte stream into packets; segment borders mean nothing (DVRIP §2.2).

    A wrong flag byte or a length above the limit loses the framing for good: `failure` is set, the packets
    before the bad spot are still handed out, and later input is ignored. Memory held is at most one
    incomplete packet, and nothing is allocated from a length that was not yet received.

    Attributes:
        limits: may be replaced while reading, e.g. after login.
        failure: why framing was lost, or None.
        bytes_received: everything fed so far.
    """

    __slots__ = ("_offset", "_pending", "_wanted", "bytes_received", "failure", "limits")

    def __init__(self, limits: PacketLimits = SESSION_LIMITS) -> None:
        self.limits = limits
        self.failure: FramingError | None = None
        self.bytes_received = 0
        self._pending = bytearray()
        self._wanted = HEADER_SIZE  # bytes the pending packet needs in all, as far as known
        self._offset = 0  # stream offset of the next packet's first byte

    @property
    def at_boundary(self) -> bool:
        """Whether the stream may end here without cutting a packet (DVRIP §2.2)."""
        return not self._pending

    def receive_data(self, data: bytes | bytearray | memoryview) -> list[Packet]:
        """Take bytes as they arrived; return the packets they completed, in order."""
        packets: list[Packet] = []
        if self.failure is not None:
            return packets
        self.bytes_received += len(data)
        view = memoryview(data)
        try:
            start = self._complete_pending(view, packets) if self._pending else 0
            self._read_whole(view, start, packets)
        except FramingError as error:
            self.failure = error
            self._pending.clear()
        finally:
            view.release()
        return packets

    def _complete_pending(self, view: memoryview, packets: list[Packet]) -> int:
        """Fill up the packet begun earlier; return how many bytes of ``view`` it took."""
        pending = self._pending
        taken = 0
        while pending and taken < len(view):
            step = min(self._wanted - len(pending), len(view) - taken)
            pending += view[taken : taken + step]
            taken += step
            if len(pending) < self._wanted:
                break
            header = self._header(pending, 0)
            self._wanted = HEADER_SIZE + header.length
            if len(pending) == self._wanted:
                packets.append(Packet(header, bytes(memoryview(pending)[HEADER_SIZE:])))
                self._offset += self._wanted
                self._pending = bytearray()
                self._wanted = HEADER_SIZE
                break
        return taken

    def _read_whole(self, view: memoryview, start: int, packets: list[Packet]) -> None:
        """Cut the packets that lie whole in ``view``; keep the rest for later."""
        size = len(view)
        while size - start >= HEADER_SIZE:
            header = self._header(view, start)
            body = start + HEADER_SIZE
            stop = body + header.length
            if stop > size:
                self._wanted = stop - start
                break
            packets.append(Packet(header, view[body:stop].tobytes()))
            self._offset += stop - start
            start = stop
        if start < size:
            self._check_flag(view, start)  # a wrong byte is known at once, not after 19 more
            self._pending += view[start:]

    def _check_flag(self, data: bytearray | memoryview, start: int) -> None:
        if data[start] != HEAD_FLAG:
            spot = bytes(data[start : start + HEADER_SIZE]).hex()
            raise FramingError(
                f"flag byte is 0x{data[start]:02x}, want 0xff ({spot})",
                offset=self._offset,
                context="packet header",
            )

    def _header(self, data: bytearray | memoryview, start: int) -> Header:
        header = Header._make(_HEADER.unpack_from(data, start))
        if header.flag != HEAD_FLAG:
            self._check_flag(data, start)
        is_media = header.message_id in MEDIA_IDS
        limit = self.limits.media_bytes if is_media else self.limits.control_bytes
        if header.length > limit:
            raise FramingError(
                f"message {header.message_id} announces {header.length} bytes, limit {limit}",
                offset=self._offset,
                context="packet header",
            )
        return header


def serialize(
    message_id: int,
    payload: bytes = b"",
    *,
    session_id: int = 0,
    sequence: int = 0,
    version: int = REQUEST_VERSION,
    channel: int = 0,
    end: bool = False,
    stream: int = 0,
    mark: int = 0,
) -> bytes:
    """One packet: header and payload. ``channel`` and ``end`` are for media ids and zip transfers."""
    header = _HEADER.pack(
        HEAD_FLAG,
        version,
        stream,
        mark,
        session_id,
        sequence & _U32,
        channel,
        int(end),
        message_id,
        len(payload),
    )
    return header + payload


def fragment(
    message_id: int,
    payload: bytes,
    *,
    session_id: int = 0,
    sequence: int = 0,
    version: int = REQUEST_VERSION,
    size: int = FRAGMENT_SIZE,
) -> Iterator[bytes]:
    """The packets of one control message: a single one, or Total/Cur parts of ``size`` bytes (DVRIP §2.3).

    Raises:
        ValueError: more than 255 parts; TotalPacket is one byte.
    """
    if len(payload) <= size:
        yield serialize(message_id, payload, session_id=session_id, sequence=sequence, version=version)
        return
    total = -(-len(payload) // size)
    if total > 255:
        raise ValueError(
            f"message {message_id}: {len(payload)} bytes need {total} parts of {size}, at most 255"
        )
    for current in range(total):
        part = payload[current * size : (current + 1) * size]
        yield (
            _HEADER.pack(
                HEAD_FLAG,
                version,
                0,
                0,
                session_id,
                sequence & _U32,
                total,
                current,
                message_id,
                len(part),
            )
            + part
        )
