"""MPEG transport streams of one video and one sound track (ISO/IEC 13818-1 §2.4), for players and HLS segments.

`cambus.media.mpegts` takes them apart again.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import Final

from cambus.media import aac, h264, h265
from cambus.media.audio import AudioConfig
from cambus.media.errors import AudioConfigError, ContainerError
from cambus.media.frame import Codec, Frame, Kind
from cambus.media.mpegps_writer import crc32
from cambus.media.mpegts import PACKET_BYTES, SYNC
from cambus.media.nal import START_CODE, iter_nal_offsets

CONTENT_TYPE: Final = "video/mp2t"
MAP_PID: Final = 0x1000
VIDEO_PID: Final = 0x100
AUDIO_PID: Final = 0x101
PCR_LEAD: Final = 27_000
"""By so many ticks of 90 kHz the program clock is behind the decode times: 300 ms, within which sound that was
transcoded comes, and 13818-1 §2.4.2.6 wants everything to be there before it is due."""
_TABLES_EVERY: Final = 45_000
_CLOCK_EVERY: Final = 7200  # §2.7.2: at most 100 ms
_STREAM_TYPES: Final = {Codec.H264: 0x1B, Codec.H265: 0x24, Codec.AAC: 0x0F}  # table 2-34
_VIDEO_ID, _AUDIO_ID = 0xE0, 0xC0  # stream ids (table 2-22)
_ROOM: Final = PACKET_BYTES - 4
_STARTS: Final = 0x4000
_PAYLOAD, _ADAPTATION = 0x10, 0x20
_RANDOM_ACCESS, _HAS_PCR, _DISCONTINUITY = 0x40, 0x10, 0x80  # §2.4.3.5
_TIME_MASK: Final = (1 << 33) - 1
_ALIGNED: Final = 0x84  # §2.4.3.7: the payload begins with a start code or sync word
_PTS_ALONE, _PTS_OF_BOTH, _DTS = 0x2, 0x3, 0x1
_DELIMITERS: Final = {
    Codec.H264: START_CODE + b"\x09\xf0",  # any slices (H.264 §7.3.2.4)
    Codec.H265: START_CODE + b"\x46\x01\x50",  # any slices (H.265 §7.3.2.5)
}
_DELIMITER_TYPES: Final = {Codec.H264: 9, Codec.H265: 35}
_MASK_4: Final = 0xF


def can_carry(audio: AudioConfig) -> bool:
    """Whether there is a place for this sound: AAC whose frames an ADTS header can describe."""
    if audio.codec is not Codec.AAC:
        return False
    try:
        parameters = aac.AacParameters.parse(audio.extradata)
        aac.adts_header(0, parameters.sample_rate, parameters.channels, parameters.object_type)
    except AudioConfigError:
        return False
    return parameters.frame_samples == aac.FRAME_SAMPLES


class TransportStreamMuxer:
    """Makes the packets of one stream; the same bytes for all viewers.

    The stream begins with its tables (`tables`); they come again before every keyframe and every half second. The
    clock is on the video's packets, on the sound's without video, and comes at least with every access unit; where
    those are rare, packets with the clock alone come with the sound.

    Times are taken modulo 2^33, so they may begin anywhere and run for ever.

    Args:
        video: H.264 or H.265, None for sound alone.
        audio: AAC (`can_carry`), None for video alone.

    Raises:
        ContainerError: a codec that has no place here, or neither video nor sound.
    """

    def __init__(self, video: Codec | None, audio: AudioConfig | None = None) -> None:
        if video is None and audio is None:
            raise ContainerError("a transport stream needs video or sound")
        if video is not None and video not in _DELIMITERS:
            raise ContainerError(f"no transport stream of {video.name}")
        if audio is not None and not can_carry(audio):
            raise ContainerError(f"no transport stream of {audio.codec.name}")
        self._video = video
        self._aac = aac.AacParameters.parse(audio.extradata) if audio is not None else None
        self._counters = {0: 0, MAP_PID: 0, VIDEO_PID: 0, AUDIO_PID: 0}
        self._tables_at: int | None = None
        self._clock_at: int | None = None
        self._sections = _association(), _map(video, self._aac is not None)

    def tables(self) -> bytes:
        """The association and the map of the program, a packet each (§2.4.4.3, §2.4.4.8)."""
        return b"".join(
            self._table(pid, body) for pid, body in zip((0, MAP_PID), self._sections, strict=True)
        )

    def packets(self, frame: Frame) -> bytes:
        """The packets of an access unit or a frame of AAC; b"" for one of neither track or without payload."""
        if frame.kind is Kind.VIDEO and frame.codec is self._video and frame.payload:
            return self._picture(frame)
        if frame.kind is Kind.AUDIO and frame.codec is Codec.AAC and self._aac is not None and frame.payload:
            return self._sound(frame, self._aac)
        return b""

    def _picture(self, frame: Frame) -> bytes:
        head = self._tables_if_due(frame.dts, force=frame.keyframe)
        unit = frame.payload
        if not _begins_with_delimiter(unit, frame.codec):
            unit = _DELIMITERS[frame.codec] + unit
        # The length may be left open for video alone (§2.4.3.7).
        pes = _pes_header(_VIDEO_ID, 0, frame.pts, frame.dts) + unit
        flags = _RANDOM_ACCESS if frame.keyframe else 0
        return head + self._packetize(VIDEO_PID, pes, self._clocked(frame.dts, flags))

    def _sound(self, frame: Frame, parameters: aac.AacParameters) -> bytes:
        size = len(frame.payload)
        if size > aac.LARGEST_FRAME:
            return b""
        adts = aac.adts_header(size, parameters.sample_rate, parameters.channels, parameters.object_type)
        pes = _pes_header(_AUDIO_ID, len(adts) + size, frame.pts, frame.pts) + adts + frame.payload
        if self._video is None:
            head = self._tables_if_due(frame.pts)
            return head + self._packetize(AUDIO_PID, pes, self._clocked(frame.pts, _RANDOM_ACCESS))
        return self._clock_if_due(frame.pts) + self._packetize(AUDIO_PID, pes, b"")

    # --- the clock and the tables

    def _clocked(self, dts: int, flags: int) -> bytes:
        """The fields of an adaptation that tell the time, which never steps back a little."""
        if self._clock_at is None or not 0 < self._clock_at - dts < PCR_LEAD:
            self._clock_at = dts
        return bytes((flags | _HAS_PCR,)) + _clock(self._clock_at - PCR_LEAD)

    def _clock_if_due(self, pts: int) -> bytes:
        """A packet of the clock alone, which does not count (§2.4.3.3); none while the video brings it."""
        if self._clock_at is None or pts - self._clock_at < _CLOCK_EVERY:
            return b""
        fields = self._clocked(pts, 0)
        counter = self._counters[VIDEO_PID] - 1 & _MASK_4
        head = struct.pack(">BHBB", SYNC, VIDEO_PID, _ADAPTATION | counter, _ROOM - 1)
        return head + fields + b"\xff" * (_ROOM - 1 - len(fields))

    def _tables_if_due(self, dts: int, *, force: bool = False) -> bytes:
        if not force and self._tables_at is not None and 0 <= dts - self._tables_at < _TABLES_EVERY:
            return b""
        self._tables_at = dts
        return self.tables()

    def _table(self, pid: int, section: bytes) -> bytes:
        counter = self._counters[pid]
        self._counters[pid] = counter + 1 & _MASK_4
        head = struct.pack(">BHBB", SYNC, _STARTS | pid, _PAYLOAD | counter, 0)
        return (head + section).ljust(PACKET_BYTES, b"\xff")

    # --- packets

    def _packetize(self, pid: int, pes: bytes, fields: bytes) -> bytes:
        """A PES packet in transport packets (§2.4.3.2).

        `fields` are of the adaptation field of the first; what the last has room for is stuffed.
        """
        heads = _heads(pid)
        counter = self._counters[pid]
        size = len(pes)
        taken = 0
        parts: list[bytes] = []
        if fields or size < _ROOM:
            taken = min(size, _ROOM - (1 + len(fields) if fields else 0))
            parts += (_adapted(pid, counter, fields, taken, starts=True), pes[:taken])
            counter += 1
        else:
            taken = _ROOM
            parts += (struct.pack(">BHB", SYNC, _STARTS | pid, _PAYLOAD | counter), pes[:taken])
            counter += 1
        whole = (size - taken) // _ROOM
        end = taken + whole * _ROOM
        for number, at in enumerate(range(taken, end, _ROOM), counter):
            parts += (heads[number & _MASK_4], pes[at : at + _ROOM])
        counter += whole
        if end < size:
            parts += (_adapted(pid, counter & _MASK_4, b"", size - end, starts=False), pes[end:])
            counter += 1
        self._counters[pid] = counter & _MASK_4
        return b"".join(parts)


def _adapted(pid: int, counter: int, fields: bytes, payload: int, *, starts: bool) -> bytes:
    """Header and adaptation field that leave room for just `payload` bytes (§2.4.3.4)."""
    head = struct.pack(">BHB", SYNC, (_STARTS if starts else 0) | pid, _ADAPTATION | _PAYLOAD | counter)
    size = _ROOM - payload - 1
    if size == 0:
        return head + b"\x00"
    field = fields or b"\x00"
    return head + bytes((size,)) + field + b"\xff" * (size - len(field))


@cache
def _heads(pid: int) -> tuple[bytes, ...]:
    """The header of a packet of payload alone, by its counter."""
    return tuple(struct.pack(">BHB", SYNC, pid, _PAYLOAD | counter) for counter in range(16))


def _begins_with_delimiter(unit: bytes, codec: Codec) -> bool:
    """Whether an access unit delimiter is there, which 13818-1 §2.14.1 and §2.17.1 want."""
    at = next(iter(iter_nal_offsets(unit)), None)
    if at is None or at >= len(unit):
        return False
    nal_type = h264.nal_type if codec is Codec.H264 else h265.nal_type
    return nal_type(unit[at]) == _DELIMITER_TYPES[codec]


def _pes_header(stream: int, size: int, pts: int, dts: int) -> bytes:
    """§2.4.3.6; `size` of what follows, 0 to leave it open."""
    if pts == dts:
        times, flags = _time(_PTS_ALONE, pts), 0x80
    else:
        times, flags = _time(_PTS_OF_BOTH, pts) + _time(_DTS, dts), 0xC0
    length = size + 3 + len(times) if size else 0
    return struct.pack(">3sBHBBB", b"\x00\x00\x01", stream, length, _ALIGNED, flags, len(times)) + times


def _time(marker: int, ticks: int) -> bytes:
    value = ticks & _TIME_MASK
    return struct.pack(
        ">BHH", marker << 4 | value >> 29 & 0x0E | 1, value >> 14 & 0xFFFE | 1, value << 1 & 0xFFFE | 1
    )


def _clock(ticks: int) -> bytes:
    """A program clock reference, its extension 0 (§2.4.3.5)."""
    return ((ticks & _TIME_MASK) << 15 | 0x3F << 9).to_bytes(6, "big")


def _association() -> bytes:
    """§2.4.4.3: program 1 is described at `MAP_PID`."""
    return _section(0x00, 1, struct.pack(">HH", 1, 0xE000 | MAP_PID))


def _map(video: Codec | None, audio: bool) -> bytes:
    """§2.4.4.8: what the program has, and whose packets have the clock."""
    body = struct.pack(">HH", 0xE000 | (VIDEO_PID if video is not None else AUDIO_PID), 0xF000)
    if video is not None:
        body += struct.pack(">BHH", _STREAM_TYPES[video], 0xE000 | VIDEO_PID, 0xF000)
    if audio:
        body += struct.pack(">BHH", _STREAM_TYPES[Codec.AAC], 0xE000 | AUDIO_PID, 0xF000)
    return _section(0x02, 1, body)


def _section(table: int, number: int, body: bytes) -> bytes:
    """A section of version 0 that is valid now, with its checksum (§2.4.4.1)."""
    head = struct.pack(">BHHBBB", table, 0xB000 | len(body) + 9, number, 0xC1, 0, 0)
    return head + body + struct.pack(">I", crc32(head + body))
