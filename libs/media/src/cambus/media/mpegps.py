"""MPEG program streams as surveillance devices send them, taken apart (ISO/IEC 13818-1 §2.5, GB/T 28181-2022 annex C).

Works on whole RTP frames, never on packets: a stream that is fed frame by frame costs one walk over its headers.
Where a header lies, the walk goes on at the next start code; nothing in a stream raises.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from dataclasses import dataclass
from typing import Final

from cambus.media.frame import Codec

MAX_UNIT_BYTES: Final = 8 * 1024 * 1024
PTS_BITS: Final = 33

_PACK, _SYSTEM, _MAP, _END, _PRIVATE = 0xBA, 0xBB, 0xBC, 0xB9, 0xBD
_PREFIX: Final = b"\x00\x00\x01"
_PACK_CODE: Final = b"\x00\x00\x01\xba"
_STARTS: Final = (b"\x00\x00\x01", b"\x00\x00\x00\x01")
_SYSTEM_CODE = re.compile(rb"\x00\x00\x01[\xb9-\xff]", re.DOTALL)
"""Start codes of a program stream; those of NAL units and of MPEG-4 are smaller."""
_U16 = struct.Struct(">H")
_PTS = struct.Struct(">BHH")
_PTS_BYTES: Final = 5
_FIRST_VIDEO: Final = 0xE0  # ISO/IEC 13818-1 table 2-22
_MPEG1_STUFFING: Final = 16

STREAM_TYPES: Final = {
    0x0F: Codec.AAC,
    0x10: Codec.MPEG4,
    0x1B: Codec.H264,
    0x24: Codec.H265,
    0x90: Codec.PCMA,
    0x91: Codec.PCMU,
}
"""Stream types of ISO/IEC 13818-1 and GB/T 28181 that have a codec of ours; all others are passed on as opaque."""


@dataclass(frozen=True, slots=True)
class StreamUnit:
    """A picture, or a piece of sound.

    Attributes:
        codec: OPAQUE for a stream type without a codec of ours.
        stream_type: as the map has it; 0 where it was guessed.
        payload: Annex-B for H.264 and H.265; what the PES packets held for others.
        pts: in 90 kHz, unwrapped; None where there was none.
        discontinuity: whether something before it is missing.
        dts: when it is decoded, on the time line of pts; None where nobody says.
    """

    codec: Codec
    stream_type: int
    payload: bytes
    pts: int | None
    discontinuity: bool = False
    dts: int | None = None


class Unwrapper:
    """Turns a counter of some bits into one that does not wrap."""

    __slots__ = ("_half", "_last", "_period")

    def __init__(self, bits: int) -> None:
        self._period = 1 << bits
        self._half = self._period >> 1
        self._last: int | None = None

    def __call__(self, value: int) -> int:
        """The value, as near as possible to the one before."""
        if self._last is None:
            self._last = value
        else:
            delta = (value - self._last) % self._period
            self._last += delta if delta < self._half else delta - self._period
        return self._last


class ProgramStreamDemuxer:
    """Takes one program stream apart.

    Args:
        max_unit_bytes: larger pictures are dropped.

    Attributes:
        counts: what was skipped or dropped, by reason.
    """

    def __init__(self, *, max_unit_bytes: int = MAX_UNIT_BYTES) -> None:
        self.counts: Counter[str] = Counter()
        self._most = max_unit_bytes
        self._types: dict[int, int] = {}
        self._map = b""
        self._sniffed: dict[int, Codec] = {}
        self._unwrap: dict[int, Unwrapper] = {}
        self._rest = b""
        self._seeking = True
        self._discontinuity = False
        self._video: list[bytes] = []
        self._video_bytes = 0
        self._video_pts: int | None = None
        self._video_id = 0
        self._new_pack = False
        self._open_id = 0
        self._missing = 0
        self._unbounded = False
        self._audio: list[bytes] = []
        self._audio_bytes = 0
        self._audio_pts: int | None = None
        self._timestamp: int | None = None

    # --- in ---------------------------------------------------------------------------------------------

    def feed(self, data: bytes, timestamp: int | None = None, *, complete: bool = False) -> list[StreamUnit]:
        """Take bytes of the stream.

        Args:
            data: the payloads of an RTP frame, joined; or any piece of the stream.
            timestamp: of that frame; another one than before ends the picture before it.
            complete: whether the frame has ended (its marker was set), and the picture with it.

        Returns:
            What has been completed.
        """
        found: list[StreamUnit] = []
        if timestamp != self._timestamp and timestamp is not None:
            if not self._missing and not self._rest:
                self._end_video(found)
            self._timestamp = timestamp
        if self._rest:
            data, self._rest = self._rest + data, b""
        self._walk(data, found)
        if complete and not self._missing:
            self._end_unbounded(found)
            self._end_video(found)
        return found

    def lost(self) -> None:
        """Bytes are missing here: what is under way is worth nothing any more."""
        if self._video or self._missing:
            self.counts["damaged"] += 1
        self._drop_video()
        self._drop_audio()
        self._rest = b""
        self._missing = self._open_id = 0
        self._unbounded = False
        self._seeking = True
        self._discontinuity = True

    def flush(self) -> list[StreamUnit]:
        """The stream has ended: what is left of it."""
        found: list[StreamUnit] = []
        if not self._missing:
            self._end_video(found)
        return found

    # --- the walk ---------------------------------------------------------------------------------------

    def _walk(self, data: bytes, found: list[StreamUnit]) -> None:
        at, end = 0, len(data)
        if self._missing or self._unbounded:
            at = self._continue(data, found)
        while at < end:
            if self._seeking:
                at = data.find(_PACK_CODE, at)
                if at < 0:
                    self._rest = data[end - _partial_code(data) :]
                    return
                self._seeking = False
            if end - at < 6:
                self._rest = data[at:]
                return
            if data[at : at + 3] != _PREFIX or data[at + 3] < _END:
                at = self._resynchronise(data, at)
                continue
            after = self._one(data, at, data[at + 3], found)
            if after < 0:
                self._rest = data[at:]
                return
            at = after

    def _one(self, data: bytes, at: int, code: int, found: list[StreamUnit]) -> int:
        """Deal with what begins here; where the next begins, -1 if it is not all there yet."""
        end = len(data)
        if code == _PACK:
            self._new_pack = True
            return _after_pack(data, at)
        if code == _END:
            return at + 4
        after: int = at + 6 + _U16.unpack_from(data, at + 4)[0]
        if 0xC0 <= code <= 0xEF:
            return self._pes(data, at, code, after, found)
        if not _lands(data, after):
            match = _SYSTEM_CODE.search(data, at + 4)
            if match is not None:  # its length is wrong: what comes behind it is not lost for that (GB-176)
                self.counts["bad-length"] += 1
                return match.start()
        if after > end:
            return -1
        if code == _MAP:
            self._read_map(data[at + 6 : after])
        return after

    def _resynchronise(self, data: bytes, at: int) -> int:
        self.counts["resync"] += 1
        match = _SYSTEM_CODE.search(data, at)
        return match.start() if match else len(data)

    # --- PES packets ------------------------------------------------------------------------------------

    def _pes(self, data: bytes, at: int, code: int, after: int, found: list[StreamUnit]) -> int:
        """ISO/IEC 13818-1 §2.4.3.6."""
        end = len(data)
        if end < at + 9:
            return -1
        if data[at + 6] >> 6 == 2:
            start = at + 9 + data[at + 8]
            timed = at + 9 if data[at + 7] & 0x80 and data[at + 8] >= _PTS_BYTES else -1
        else:
            start, timed = _mpeg1_header(data, at)
        if start < 0 or start > end:
            return -1
        pts = self._pts(data, timed, code) if timed >= 0 else None
        declared = after != at + 6
        if declared and start > after:
            self.counts["bad-pes"] += 1
            return min(after, end)
        if code >= _FIRST_VIDEO:
            self._begin_video(code, pts, data[start : start + 4], found)
        else:
            self._audio_pts = pts
        if not declared:
            self._unbounded, self._open_id = True, code
            return self._until_next(data, start, found)
        if after <= end:
            self._put(code, data[start:after], found)
            return after
        self._missing, self._open_id = after - end, code
        self._put(code, data[start:], found, more=True)
        return end

    def _continue(self, data: bytes, found: list[StreamUnit]) -> int:
        """The packet that was cut goes on."""
        if self._unbounded:
            return self._until_next(data, 0, found)
        taken = min(self._missing, len(data))
        self._missing -= taken
        self._put(self._open_id, data[:taken] if taken < len(data) else data, found, more=self._missing > 0)
        return taken

    def _until_next(self, data: bytes, start: int, found: list[StreamUnit]) -> int:
        """A packet without a length ends where the next thing begins."""
        match = _SYSTEM_CODE.search(data, start)
        if match is not None:
            self._put(self._open_id, data[start : match.start()], found)
            self._unbounded = False
            return match.start()
        tail = _partial_code(data)
        self._put(self._open_id, data[start : len(data) - tail], found, more=True)
        self._rest = data[len(data) - tail :] if tail else b""
        return len(data)

    def _end_unbounded(self, found: list[StreamUnit]) -> None:
        """The frame has ended, and with it a packet without a length."""
        if self._unbounded:
            self._put(self._open_id, self._rest, found)
            self._rest = b""
            self._unbounded = False

    def _pts(self, data: bytes, at: int, code: int) -> int:
        high, middle, low = _PTS.unpack_from(data, at)
        unwrap = self._unwrap.get(code)
        if unwrap is None:
            unwrap = self._unwrap[code] = Unwrapper(PTS_BITS)
        return unwrap((high >> 1 & 7) << 30 | (middle >> 1) << 15 | low >> 1)

    def _begin_video(self, code: int, pts: int | None, head: bytes, found: list[StreamUnit]) -> None:
        """A new picture has a new PTS; where there is none, or always the same, it begins a pack with a start code."""
        later = pts is not None and pts != self._video_pts
        if self._video and (later or (self._new_pack and head.startswith(_STARTS))):
            self._end_video(found)
        if pts is not None:
            self._video_pts = pts
        self._video_id = code
        self._new_pack = False

    def _put(self, code: int, payload: bytes, found: list[StreamUnit], *, more: bool = False) -> None:
        if code >= _FIRST_VIDEO:
            if payload:
                self._video.append(payload)
            self._video_bytes += len(payload)
            if self._video_bytes > self._most:
                self.counts["oversize"] += 1
                self.lost()
            return
        if payload:
            self._audio.append(payload)
        self._audio_bytes += len(payload)
        if self._audio_bytes > self._most:  # a packet without a length, and without an end
            self.counts["oversize"] += 1
            self.lost()
            return
        if not more:
            joined = self._audio[0] if len(self._audio) == 1 else b"".join(self._audio)
            self._drop_audio()
            if joined:
                codec, type_ = self._codec(code, joined)
                found.append(StreamUnit(codec or Codec.OPAQUE, type_, joined, self._audio_pts))

    # --- pictures ---------------------------------------------------------------------------------------

    def _end_video(self, found: list[StreamUnit]) -> None:
        if not self._video:
            return
        payload = self._video[0] if len(self._video) == 1 else b"".join(self._video)
        pts = self._video_pts
        self._drop_video()
        codec, type_ = self._codec(self._video_id, payload)
        if codec is None:
            self.counts["no-codec"] += 1
            return
        found.append(StreamUnit(codec, type_, payload, pts, self._discontinuity))
        self._discontinuity = False

    def _drop_video(self) -> None:
        self._video = []
        self._video_bytes = 0
        self._video_pts = None

    def _drop_audio(self) -> None:
        self._audio.clear()
        self._audio_bytes = 0

    # --- what is in it ----------------------------------------------------------------------------------

    def _read_map(self, body: bytes) -> None:
        """ISO/IEC 13818-1 §2.5.4; one that does not add up changes nothing (GB-176)."""
        if body == self._map:
            return
        types: dict[int, int] = {}
        try:
            at = 4 + _U16.unpack_from(body, 2)[0]
            end = at + 2 + _U16.unpack_from(body, at)[0]
            at += 2
            while at + 4 <= min(end, len(body)):
                types[body[at + 1]] = body[at]
                at += 4 + _U16.unpack_from(body, at + 2)[0]
        except struct.error:
            at, end = 1, 0
        if at > end or not types:
            self.counts["bad-map"] += 1
            return
        self._map, self._types = bytes(body), types
        self._sniffed.clear()

    def _codec(self, code: int, payload: bytes) -> tuple[Codec | None, int]:
        """What a stream holds: as the map says, else as it looks."""
        type_ = self._types.get(code)
        if type_ is not None:
            return STREAM_TYPES.get(type_, Codec.OPAQUE), type_
        codec = self._sniffed.get(code)
        if codec is None:
            codec = sniff_video(payload) if code >= _FIRST_VIDEO else sniff_audio(payload)
            if codec is not None:
                self._sniffed[code] = codec
        return codec, 0


def sniff_video(payload: bytes) -> Codec | None:
    """The codec of a picture by its first start codes; None where they do not tell (GB-175)."""
    at = payload.find(_PREFIX)
    while 0 <= at < len(payload) - 4:
        first, second = payload[at + 3], payload[at + 4]
        if first in {0x40, 0x42, 0x44} and second == 1:
            return Codec.H265
        if first & 0x80 == 0 and first & 0x1F in {7, 8} and first & 0x60:
            return Codec.H264
        if first in {0xB0, 0xB3, 0xB6}:
            return Codec.MPEG4
        at = payload.find(_PREFIX, at + 3)
    return None


def sniff_audio(payload: bytes) -> Codec:
    """AAC by its ADTS header, else G.711 A-law, which is what nearly everybody sends."""
    return (
        Codec.AAC if payload[:1] == b"\xff" and len(payload) > 1 and payload[1] & 0xF6 == 0xF0 else Codec.PCMA
    )


def _after_pack(data: bytes, at: int) -> int:
    """Where a pack header ends (ISO/IEC 13818-1 §2.5.3.3), -1 if it is not all there."""
    if data[at + 4] >> 4 == 2:
        after = at + 12
    elif len(data) < at + 14:
        return -1
    else:
        after = at + 14 + (data[at + 13] & 7)
    return after if after <= len(data) else -1


def _mpeg1_header(data: bytes, at: int) -> tuple[int, int]:
    """Where the payload of an MPEG-1 packet begins, -1 if that is not there yet, and its PTS, -1 without one.

    ISO/IEC 11172-1 §2.4.3.3: stuffing, the size of a buffer, and one or two times, or 0x0F.
    """
    end, spot = len(data), at + 6
    most = min(end, spot + _MPEG1_STUFFING)
    while spot < most and data[spot] == 0xFF:
        spot += 1
    if spot < end and data[spot] >> 6 == 1:
        spot += 2
    if spot >= end:
        return -1, -1
    kind = data[spot] >> 4
    if kind in {2, 3}:
        after = spot + _PTS_BYTES * (kind - 1)
        return (after, spot) if after <= end else (-1, -1)
    return spot + 1 if data[spot] == 0x0F else spot, -1


def _lands(data: bytes, at: int) -> bool:
    """Whether a start code is where one has to be, as far as can be seen."""
    return at <= len(data) and data[at : at + 3] == _PREFIX[: len(data) - at]


def _partial_code(data: bytes) -> int:
    """How many bytes at the end may be the beginning of a start code."""
    for size in (3, 2, 1):
        if data[-size:] == _PREFIX[:size]:
            return size
    return 0
