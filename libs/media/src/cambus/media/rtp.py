"""RTP packets of access units and audio packets.

RFC 3550 §5.1; RFC 6184 and RFC 7798 for video; RFC 3551 §4.5.14 for G.711, RFC 3640 for AAC, RFC 7587 for Opus.

One packetizer serves all viewers of a stream: they share SSRC, sequence numbers and timestamps, and so the
bytes.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Iterable, Iterator

from cambus.media.audio import AudioConfig
from cambus.media.errors import ContainerError
from cambus.media.frame import Codec
from cambus.media.nal import iter_nal_spans
from cambus.media.rtcp import sender_report

_TICKS_PER_S = 90_000  # of the timestamps handed in
HEADER_BYTES = 12
_HEADER = struct.Struct(">BBHII")
_INTERLEAVED = struct.Struct(">BBH")
_VERSION_2 = 0x80
_MARKER = 0x80
_DOLLAR = 0x24
_FU_A = 28  # RFC 6184 §5.8
_FU_H265 = 49  # RFC 7798 §4.4.3
_FU_START, _FU_END = 0x80, 0x40
_AU_HEADERS = struct.Struct(">HH")  # RFC 3640 §3.2.1, §3.3.6: length of the headers in bits, one header
_AU_HEADER_BITS = 16
_AU_SIZE_BITS = 13
_CODECS = frozenset({Codec.H264, Codec.H265, Codec.PCMA, Codec.PCMU, Codec.AAC, Codec.OPUS})
_SMALLEST_MTU = 64
_LARGEST_MTU = 0xFFFF

_Piece = tuple[bytes, int, int]
"""What goes in front, and the span of the payload behind it."""


class RtpPacketizer:
    """Makes the RTP packets of one track.

    Args:
        codec: H264, H265, PCMA, PCMU, AAC or OPUS.
        payload_type: 0..127; 8 is PCMA and 0 is PCMU at 8 kHz by RFC 3551, 96 and up are free.
        ssrc: synchronisation source; random if not given.
        mtu: the most bytes of a packet, RTP header included. Interleaved in TCP a larger one saves work.
        clock_rate: of the RTP timestamps: 90000 for video, the sampling rate for sound, 48000 for Opus.
        channels: of the audio.
        sequence: number of the first packet; random if not given (RFC 3550 §5.1).
        timestamp_offset: added to all timestamps; random if not given.

    Raises:
        ContainerError: another codec.
        ValueError: a number out of its range.
    """

    def __init__(
        self,
        codec: Codec,
        payload_type: int,
        ssrc: int | None = None,
        *,
        mtu: int = 1400,
        clock_rate: int = 90_000,
        channels: int = 1,
        sequence: int | None = None,
        timestamp_offset: int | None = None,
    ) -> None:
        if codec not in _CODECS:
            raise ContainerError(f"no RTP payload format for {codec.name}")
        if not (0 <= payload_type <= 0x7F and _SMALLEST_MTU <= mtu <= _LARGEST_MTU):
            message = f"payload type {payload_type} or MTU {mtu} is out of range"
            raise ValueError(message)
        self.codec = codec
        self.payload_type = payload_type
        self.ssrc = secrets.randbits(32) if ssrc is None else ssrc
        self.clock_rate = clock_rate
        self.packets = 0
        self.octets = 0
        self._channels = channels
        self._room = mtu - HEADER_BYTES
        self._sequence = secrets.randbits(16) if sequence is None else sequence
        self._timestamp_offset = secrets.randbits(32) if timestamp_offset is None else timestamp_offset

    @property
    def next_sequence(self) -> int:
        """Sequence number of the next packet, for `RTP-Info`."""
        return self._sequence

    def rtp_timestamp(self, timestamp: int) -> int:
        """The RTP timestamp of a pts in 90 kHz ticks."""
        return (timestamp * self.clock_rate // _TICKS_PER_S + self._timestamp_offset) & 0xFFFFFFFF

    def packetize(self, payload: bytes, timestamp: int, *, marker: bool = False) -> list[bytes]:
        """The packets of one access unit (Annex B) or audio packet; none if it is empty.

        Args:
            payload: as it is in a frame of the bus.
            timestamp: its pts in 90 kHz ticks.
            marker: for audio, that it begins a talk spurt (RFC 3551 §4.1). The last packet of an access unit
                always has the marker.
        """
        if self.codec is Codec.AAC:
            return self._aac(payload, self.rtp_timestamp(timestamp))
        if self.codec is Codec.OPUS:
            stamp = self.rtp_timestamp(timestamp)
            return [self._packet(b"", memoryview(payload), stamp, marker=marker)] if payload else []
        if self.codec.is_audio:
            return self._audio(payload, self.rtp_timestamp(timestamp), marker=marker)
        split = self._split_h265 if self.codec is Codec.H265 else self._split_h264
        pieces = [piece for span in iter_nal_spans(payload) for piece in split(payload, *span)]
        stamp = self.rtp_timestamp(timestamp)
        last = len(pieces) - 1
        view = memoryview(payload)
        return [
            self._packet(prefix, view[start:end], stamp, marker=index == last)
            for index, (prefix, start, end) in enumerate(pieces)
        ]

    def sender_report(self, wall_us: int, timestamp: int, *, cname: str = "cambus") -> bytes:
        """The RTCP sender report that says which wall clock a pts belongs to.

        Args:
            wall_us: microseconds since 1970 UTC.
            timestamp: the pts at that time, in 90 kHz ticks.
            cname: shared by the tracks of a presentation, so that players put them in step.
        """
        return sender_report(
            self.ssrc,
            wall_us=wall_us,
            rtp_timestamp=self.rtp_timestamp(timestamp),
            packets=self.packets,
            octets=self.octets,
            cname=cname,
        )

    def _audio(self, payload: bytes, stamp: int, *, marker: bool) -> list[bytes]:
        room = self._room - self._room % self._channels
        view = memoryview(payload)
        return [
            self._packet(
                b"",
                view[start : start + room],
                (stamp + start // self._channels) & 0xFFFFFFFF,
                marker=marker and start == 0,
            )
            for start in range(0, len(payload), room)
        ]

    def _aac(self, payload: bytes, stamp: int) -> list[bytes]:
        """One frame as it is, or in fragments with the same header (RFC 3640 §3.2.3.2); the marker ends it (§3.1)."""
        if len(payload) >> _AU_SIZE_BITS:
            return []
        room = self._room - _AU_HEADERS.size
        headers = _AU_HEADERS.pack(_AU_HEADER_BITS, len(payload) << _AU_HEADER_BITS - _AU_SIZE_BITS)
        view = memoryview(payload)
        return [
            self._packet(headers, view[start : start + room], stamp, marker=start + room >= len(payload))
            for start in range(0, len(payload), room)
        ]

    def _packet(self, prefix: bytes, body: memoryview, stamp: int, *, marker: bool) -> bytes:
        sequence = self._sequence
        self._sequence = (sequence + 1) & 0xFFFF
        self.packets += 1
        self.octets += len(prefix) + len(body)
        kind = _MARKER | self.payload_type if marker else self.payload_type
        return b"".join((_HEADER.pack(_VERSION_2, kind, sequence, stamp, self.ssrc), prefix, body))

    def _split_h264(self, payload: bytes, start: int, end: int) -> Iterator[_Piece]:
        """One NAL unit as it is (RFC 6184 §5.6), or as FU-A (§5.8)."""
        room = self._room
        if end - start <= room:
            yield b"", start, end
            return
        header = payload[start]
        indicator = header & 0xE0 | _FU_A
        yield from _fragments(bytes((indicator,)), header & 0x1F, start + 1, end, room - 2)

    def _split_h265(self, payload: bytes, start: int, end: int) -> Iterator[_Piece]:
        """One NAL unit as it is (RFC 7798 §4.4.1), or as fragmentation units (§4.4.3)."""
        room = self._room
        if end - start <= room:
            yield b"", start, end
            return
        first, second = payload[start], payload[start + 1]
        header = bytes((first & 0x81 | _FU_H265 << 1, second))
        yield from _fragments(header, first >> 1 & 0x3F, start + 2, end, room - 3)


def _fragments(header: bytes, unit_type: int, start: int, end: int, room: int) -> Iterator[_Piece]:
    """Spans of at most `room` bytes, each behind the payload header and its FU header."""
    for at in range(start, end, room):
        stop = min(at + room, end)
        mark = (_FU_START if at == start else 0) | (_FU_END if stop == end else 0)
        yield header + bytes((mark | unit_type,)), at, stop


def can_carry(audio: AudioConfig) -> bool:
    """Whether there are packets and a description for this sound (`cambus.media.sdp`)."""
    if audio.codec is Codec.AAC:
        return bool(audio.extradata)
    return audio.codec in _CODECS


def interleave(packets: Iterable[bytes], channel: int) -> bytes:
    """Packets as one piece of an RTSP connection: `$`, channel, length, packet, each (RFC 2326 §10.12).

    The result is what all viewers over TCP that use this channel are sent.
    """
    pack = _INTERLEAVED.pack
    return b"".join([part for packet in packets for part in (pack(_DOLLAR, channel, len(packet)), packet)])
