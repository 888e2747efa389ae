"""The media byte stream (DVRIP §9.2, §9.3): packets in, whole frames out.

Concatenate the data of one socket and channel into a `StreamSplitter`. Packet borders mean nothing: a frame
spans many packets, one packet may hold several frames. Work is done per frame; a packet in the middle of a
frame is only kept.
"""

import re
from collections import Counter
from typing import Final

from cambus.dvrip.errors import MalformedPayload
from cambus.dvrip.frames import (
    DEFAULT_FPS,
    MAX_FRAME_BYTES,
    AudioFrame,
    FrameHeader,
    FrameType,
    InfoFrame,
    MediaFrame,
    PictureFrame,
    VideoFrame,
    parse_header,
    unpack_time,
)
from cambus.dvrip.sniffing import is_jpeg, is_service_block, sniff_codec
from cambus.media.frame import Codec

__all__ = [
    "AudioFrame",
    "FrameHeader",
    "FrameType",
    "InfoFrame",
    "MediaFrame",
    "PictureFrame",
    "StreamSplitter",
    "VideoFrame",
]

#: A frame header inside video is a lost end: no H.264, H.265 or MPEG-4 NAL unit can hold these bytes.
_FRAME_START: Final = re.compile(b"\x00\x00\x01[\xf9\xfa\xfc\xfd\xfe]")
#: The same from its third byte on: that one is searched for at the speed of memchr, zeros are too common.
_FRAME_START_AT_ONE: Final = re.compile(b"\x01[\xf9\xfa\xfc\xfd\xfe](?<=\x00\x00\x01.)", re.DOTALL)
_MAX_PARTS: Final = 4096
_VIDEO: Final = frozenset({FrameType.KEY, FrameType.DELTA})


def _find_start(data: bytes, start: int, stop: int) -> int:
    """Where a frame header begins within these bounds, or -1."""
    match = _FRAME_START_AT_ONE.search(data, start + 2, stop)
    return -1 if match is None else match.start() - 2


class StreamSplitter:
    """Cuts one channel's media bytes into frames.

    The result does not depend on how the bytes were cut into calls. After garbage or a corrupt length it
    scans for the next plausible header, counts it, and delivers nothing until the next key frame.

    Args:
        wait_for_key: deliver nothing, audio included, before the first key frame (DVRIP §9.1); off for
            archives that may hold pictures or audio alone.
        max_frame_bytes: longer frames are refused.

    Attributes:
        counters: ``frames``, ``resyncs``, ``service_blocks``, ``oversize``, ``skipped_bytes``, ``waiting``
            (frames dropped before a key frame), ``opaque_audio``.
    """

    def __init__(self, *, wait_for_key: bool = True, max_frame_bytes: int = MAX_FRAME_BYTES) -> None:
        self.counters: Counter[str] = Counter()
        self._wait_for_key = wait_for_key
        self._max_frame_bytes = max_frame_bytes
        self._parts: list[bytes] = []
        self._have = 0
        self._wanted = 1  # bytes needed before anything can be done
        self._in_step = True
        self._header: FrameHeader | None = None  # of the incomplete frame
        self._in_video = False  # whether that is video
        self._searched = 0  # how much of it holds no other frame's header
        self._waiting = wait_for_key
        self._gap = False
        self._codec = Codec.OPAQUE
        self._fps = DEFAULT_FPS
        self._width = 0
        self._height = 0

    def receive_data(self, data: bytes) -> list[MediaFrame]:
        """Take the data of one media packet; return the frames it completed."""
        self._parts.append(data)
        self._have += len(data)
        if self._have < self._wanted and not (self._in_video and _FRAME_START.match(data)):
            if len(self._parts) > _MAX_PARTS:  # tiny ones weigh many times what they hold
                self._parts = [b"".join(self._parts)]
            return []
        joined = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        frames: list[MediaFrame] = []
        rest = self._split(joined, frames)
        tail = joined[rest:]
        self._parts = [tail] if tail else []
        self._have = len(tail)
        self.counters["frames"] += len(frames)
        return frames

    def mark_gap(self) -> None:
        """What follows does not continue what came before: nothing more until the next key frame."""
        self._gap = self._waiting = True

    @property
    def pending_bytes(self) -> int:
        """Bytes of a frame that is not complete yet."""
        return self._have

    def _split(self, data: bytes, frames: list[MediaFrame]) -> int:
        """Cut frames off ``data``; return the offset of what has to wait for more."""
        offset = 0
        header, searched = self._header, self._searched
        while True:
            if header is None:
                offset, header = self._locate(data, offset)
                if header is None:
                    self._header, self._in_video = None, False
                    return offset
                searched = offset + header.size
            start = offset + header.size
            stop = start + header.length
            in_video = header.type in _VIDEO
            if in_video and (found := _find_start(data, searched, stop)) >= 0:
                # The length was wrong: the next frame's header lies inside this one.
                self._lose_step()
                offset = found
            elif stop > len(data):
                self._header, self._in_video = header, in_video
                self._searched = max(header.size, len(data) - offset - 3)
                self._wanted = stop - offset
                return offset
            else:
                frame = self._build(header, data[start:stop])
                if frame is not None:
                    frames.append(frame)
                offset = stop
            header = None

    def _locate(self, data: bytes, offset: int) -> tuple[int, FrameHeader | None]:
        """The frame header at ``offset``, or the next one if that is none; None: more bytes needed."""
        if not self._in_step:
            return self._scan(data, offset)
        try:
            header = parse_header(data, offset)
        except MalformedPayload:
            self._lose_step()
            return self._scan(data, offset)
        if header is None:
            self._wanted = len(data) - offset + 1
        elif header.length > self._max_frame_bytes:
            self.counters["oversize"] += 1
            self._lose_step()
            return self._scan(data, offset)
        return offset, header

    def _lose_step(self) -> None:
        self.counters["resyncs"] += 1
        self._in_step = False
        self._gap = True
        self._waiting = True

    def _scan(self, data: bytes, offset: int) -> tuple[int, FrameHeader | None]:
        """Look for a header that can be one (DVRIP §9.2), from ``offset``; None: more bytes needed."""
        search = offset
        while match := _FRAME_START.search(data, search):
            header = parse_header(data, match.start())
            if header is None or self._sane(header):
                self._in_step = header is not None
                self._wanted = len(data) - match.start() + 1
                self.counters["skipped_bytes"] += match.start() - offset
                return match.start(), header
            search = match.start() + 1
        rest = max(offset, len(data) - 3)  # a header may begin in the last three bytes
        self._wanted = len(data) - rest + 1
        self.counters["skipped_bytes"] += rest - offset
        return rest, None

    def _sane(self, header: FrameHeader) -> bool:
        if header.type is FrameType.KEY:
            known = header.codec is not Codec.OPAQUE and header.width > 0 and header.height > 0
            return known and 0 < header.length <= self._max_frame_bytes
        return header.length <= self._max_frame_bytes

    def _build(self, header: FrameHeader, payload: bytes) -> MediaFrame | None:
        if header.type is FrameType.KEY:
            return self._key(header, payload, sniff_codec(payload) or header.codec)
        if header.type is FrameType.PICTURE and not is_jpeg(payload) and (codec := sniff_codec(payload)):
            return self._key(header, payload, codec)  # some firmware marks video key frames FE
        if self._waiting:
            self.counters["waiting"] += 1
            return None
        if header.type is FrameType.DELTA:
            return self._delta(payload)
        return self._other(header, payload)

    def _other(self, header: FrameHeader, payload: bytes) -> MediaFrame:
        if header.type is FrameType.AUDIO:
            frame = AudioFrame(header.media, header.rate, payload)
            self.counters["opaque_audio"] += frame.codec is Codec.OPAQUE
            return frame
        if header.type is FrameType.INFO:
            return InfoFrame(header.media, header.rate, payload)
        return PictureFrame(payload, header.width, header.height, unpack_time(header.time))

    def _key(self, header: FrameHeader, payload: bytes, codec: Codec) -> VideoFrame | None:
        if is_service_block(codec, payload):
            self.counters["service_blocks"] += 1
            return None
        known = self._codec is not Codec.OPAQUE
        changed = known and (codec, header.width, header.height) != (self._codec, self._width, self._height)
        gap = self._gap
        self._gap = self._waiting = False
        self._codec = codec
        self._fps = header.fps or DEFAULT_FPS
        self._width, self._height = header.width, header.height
        return VideoFrame(
            codec,
            True,
            payload,
            header.width,
            header.height,
            self._fps,
            unpack_time(header.time),
            gap,
            changed,
        )

    def _delta(self, payload: bytes) -> VideoFrame | None:
        if is_service_block(self._codec, payload):
            self.counters["service_blocks"] += 1
            return None
        return VideoFrame(self._codec, False, payload, self._width, self._height, self._fps)
