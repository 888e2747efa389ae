"""MPEG transport streams, which some devices send where program streams were agreed (ISO/IEC 13818-1 §2.4).

One program, fed frame by frame; what does not add up is dropped and counted, nothing in a stream raises.
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from cambus.media.frame import Codec
from cambus.media.mpegps import (
    MAX_UNIT_BYTES,
    PTS_BITS,
    STREAM_TYPES,
    StreamUnit,
    Unwrapper,
    sniff_audio,
    sniff_video,
)

PACKET_BYTES: Final = 188
SYNC: Final = 0x47
MAX_STREAMS: Final = 8
_PAT_PID: Final = 0
_TABLE_PAT, _TABLE_PMT = 0x00, 0x02
_FIRST_VIDEO: Final = 0xE0
_U16 = struct.Struct(">H")
_PTS = struct.Struct(">BHH")


def looks_like_ts(data: bytes) -> bool:
    """Whether a payload is transport stream packets from its first byte on."""
    return len(data) > PACKET_BYTES and data[0] == SYNC and data[PACKET_BYTES] == SYNC


@dataclass(slots=True)
class _Stream:
    """One elementary stream: the PES packet under way."""

    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    counter: int = -1
    damaged: bool = False
    discontinuity: bool = False
    unwrap: Unwrapper = field(default_factory=lambda: Unwrapper(PTS_BITS))


class TransportStreamDemuxer:
    """Takes one transport stream apart.

    Attributes:
        counts: what was skipped or dropped, by reason.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._map_pid = -1
        self._types: dict[int, int] = {}
        self._streams: dict[int, _Stream] = {}
        self._rest = b""

    def feed(
        self,
        data: bytes,
        timestamp: int | None = None,  # noqa: ARG002 - as `ProgramStreamDemuxer.feed`
        *,
        complete: bool = False,
    ) -> list[StreamUnit]:
        """Take bytes of the stream.

        Args:
            data: the payloads of an RTP frame, joined; or any piece of the stream.
            timestamp: of that frame; the PES packets have their own.
            complete: whether the frame has ended, and what is in it.

        Returns:
            What has been completed.
        """
        found: list[StreamUnit] = []
        data, self._rest = self._rest + data, b""
        at = 0
        while len(data) - at >= PACKET_BYTES:
            if data[at] != SYNC:
                self.counts["resync"] += 1
                at = data.find(SYNC, at)
                if at < 0:
                    return found
                continue
            self._packet(data[at : at + PACKET_BYTES], found)
            at += PACKET_BYTES
        self._rest = b"" if complete else data[at:]
        if complete:
            for pid in list(self._streams):
                self._end(pid, found)
        return found

    def lost(self) -> None:
        """Bytes are missing here."""
        self._rest = b""
        for stream in self._streams.values():
            stream.damaged = stream.discontinuity = True

    # --- packets ----------------------------------------------------------------------------------------

    def _packet(self, packet: bytes, found: list[StreamUnit]) -> None:
        """§2.4.3.2."""
        head = _U16.unpack_from(packet, 1)[0]
        pid, starts, control = head & 0x1FFF, bool(head & 0x4000), packet[3] >> 4 & 3
        at = 4 + (1 + packet[4] if control & 2 else 0)
        if not control & 1 or at >= PACKET_BYTES or head & 0x8000:
            return
        payload = packet[at:]
        if pid in {_PAT_PID, self._map_pid}:
            if starts:
                self._table(payload)
            return
        if pid in self._types:
            self._put(pid, payload, starts=starts, counter=packet[3] & 0xF, found=found)

    def _put(self, pid: int, payload: bytes, *, starts: bool, counter: int, found: list[StreamUnit]) -> None:
        stream = self._streams.setdefault(pid, _Stream())
        if stream.counter >= 0 and counter != stream.counter + 1 & 0xF:
            if counter == stream.counter:
                return  # sent twice, which is allowed
            self.counts["gap"] += 1
            stream.damaged = stream.discontinuity = True
        stream.counter = counter
        if starts:
            self._end(pid, found)
        elif not stream.parts:
            return
        stream.parts.append(payload)
        stream.size += len(payload)
        if stream.size > MAX_UNIT_BYTES:
            self.counts["oversize"] += 1
            stream.parts, stream.size = [], 0  # what follows of it is passed over, up to the next
            stream.damaged = stream.discontinuity = True

    def _end(self, pid: int, found: list[StreamUnit]) -> None:
        """The PES packet of a stream is whole (§2.4.3.6)."""
        stream = self._streams[pid]
        pes, damaged = b"".join(stream.parts), stream.damaged
        stream.parts, stream.size, stream.damaged = [], 0, False
        if len(pes) < 9 or damaged or not pes.startswith(b"\x00\x00\x01"):
            self.counts["damaged"] += bool(pes)
            return
        pts = None
        if pes[7] & 0x80 and pes[8] >= 5 and len(pes) >= 14:
            high, middle, low = _PTS.unpack_from(pes, 9)
            pts = stream.unwrap((high >> 1 & 7) << 30 | (middle >> 1) << 15 | low >> 1)
        payload = pes[9 + pes[8] :]
        type_ = self._types.get(pid, 0)
        codec = STREAM_TYPES.get(type_)
        if codec is None and pes[3] >= _FIRST_VIDEO:
            codec = sniff_video(payload)
        elif codec is None:
            codec = sniff_audio(payload) if type_ == 0 else None
        if payload:
            found.append(StreamUnit(codec or Codec.OPAQUE, type_, payload, pts, stream.discontinuity))
            stream.discontinuity = False

    # --- tables -----------------------------------------------------------------------------------------

    def _table(self, payload: bytes) -> None:
        """§2.4.4: a section within one packet, as that of a device is."""
        at = 1 + payload[0]
        if at + 8 > len(payload):
            return
        end = at + 3 + (_U16.unpack_from(payload, at + 1)[0] & 0xFFF) - 4
        if end > len(payload):
            self.counts["bad-table"] += 1
            return
        body = payload[at + 8 : end]
        if payload[at] == _TABLE_PAT:
            programs = [_U16.unpack_from(body, i)[0] for i in range(0, len(body) - 3, 4)]
            pids = [_U16.unpack_from(body, i + 2)[0] & 0x1FFF for i in range(0, len(body) - 3, 4)]
            self._map_pid = next((pid for number, pid in zip(programs, pids, strict=True) if number), -1)
        elif payload[at] == _TABLE_PMT and len(body) >= 4:
            self._map(body)

    def _map(self, body: bytes) -> None:
        types: dict[int, int] = {}
        at = 4 + (_U16.unpack_from(body, 2)[0] & 0xFFF)
        while at + 5 <= len(body) and len(types) < MAX_STREAMS:
            types[_U16.unpack_from(body, at + 1)[0] & 0x1FFF] = body[at]
            at += 5 + (_U16.unpack_from(body, at + 3)[0] & 0xFFF)
        self._types = types
        self._streams = {pid: stream for pid, stream in self._streams.items() if pid in types}
