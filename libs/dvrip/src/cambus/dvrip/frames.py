"""Media frames (DVRIP §9.2): what they are, and their headers read and written.

A frame is an 8- or 16-byte header and a payload. Types: FC key frame, FD delta frame, FA audio, F9
information, FE picture. All lengths are little-endian and do not count the header.

Everything here is a named tuple: some fifty are made a second for each stream, and these are the cheapest.
"""

import struct
from datetime import datetime
from enum import IntEnum
from typing import Final, NamedTuple

from cambus.dvrip.errors import MalformedPayload
from cambus.media.frame import Codec

#: The longest payload of a frame, bytes (DVRIP §9.2).
MAX_FRAME_BYTES: Final = 8 * 1024 * 1024
#: Frames per second assumed when a key frame says 0 (DVRIP §9.3).
DEFAULT_FPS: Final = 25

_START: Final = b"\x00\x00\x01"
_LONG: Final = struct.Struct("<3sBBBBBII")
_DELTA: Final = struct.Struct("<3sBI")
_SHORT: Final = struct.Struct("<3sBBBH")

#: The nibble of T that names a video codec.
_VIDEO_CODECS: Final = {1: Codec.MPEG4, 2: Codec.H264, 3: Codec.H265}
_VIDEO_NIBBLES: Final = {codec: nibble for nibble, codec in _VIDEO_CODECS.items()}
#: T of audio that has a name among the codecs of the suite; the rest passes as OPAQUE.
_AUDIO_CODECS: Final = {10: Codec.PCMU, 14: Codec.PCMA, 15: Codec.AAC, 16: Codec.AAC, 22: Codec.PCMU}
#: S of audio, in Hz.
SAMPLE_RATES: Final = {
    1: 4000,
    2: 8000,
    3: 11025,
    4: 16000,
    5: 20000,
    6: 22050,
    7: 32000,
    8: 44100,
    9: 48000,
}
#: T of G.711 A-law and S of 8 kHz: what talk sends and most devices use.
AUDIO_G711A: Final = 14
RATE_8000: Final = 2


class FrameType(IntEnum):
    """The fourth byte of a frame."""

    INFO = 0xF9
    AUDIO = 0xFA
    KEY = 0xFC
    DELTA = 0xFD
    PICTURE = 0xFE


_TYPES: Final = {each.value: each for each in FrameType}
#: Header bytes by frame type.
HEADER_SIZES: Final = {
    FrameType.INFO: 8,
    FrameType.AUDIO: 8,
    FrameType.KEY: 16,
    FrameType.DELTA: 8,
    FrameType.PICTURE: 16,
}


class FrameHeader(NamedTuple):
    """One frame header, all types in one shape; fields a type does not have are 0.

    Attributes:
        type: what kind of frame.
        length: payload bytes.
        media: T: codec bits and size extension of video, codec of audio, type of information.
        rate: F (bits 0-4 frames per second), S of audio, N of information.
        width: pixels.
        height: pixels.
        time: DateTime as it is on the wire; see `unpack_time`.
    """

    type: FrameType
    length: int
    media: int = 0
    rate: int = 0
    width: int = 0
    height: int = 0
    time: int = 0

    @property
    def size(self) -> int:
        """Bytes of the header itself."""
        return HEADER_SIZES[self.type]

    @property
    def fps(self) -> int:
        """Frames per second, as announced; 0 when not said."""
        return self.rate & 0x1F

    @property
    def codec(self) -> Codec:
        """The codec T announces for video; OPAQUE when it is none known."""
        return _VIDEO_CODECS.get(self.media & 0x0F, Codec.OPAQUE)

    def serialize(self) -> bytes:
        """The 8 or 16 bytes.

        Raises:
            ValueError: a size that is no multiple of 8 or above 8184 pixels, or a length that does not fit.
        """
        try:
            if self.size == 16:
                media, width, height = self._packed_size()
                return _LONG.pack(_START, self.type, media, self.rate, width, height, self.time, self.length)
            if self.type is FrameType.DELTA:
                return _DELTA.pack(_START, self.type, self.length)
            return _SHORT.pack(_START, self.type, self.media, self.rate, self.length)
        except struct.error as error:
            raise ValueError(f"{self.type.name} frame header: {error}") from None

    def _packed_size(self) -> tuple[int, int, int]:
        columns, odd_width = divmod(self.width, 8)
        rows, odd_height = divmod(self.height, 8)
        if odd_width or odd_height or columns > 0x3FF or rows > 0x3FF:
            raise ValueError(f"size {self.width}x{self.height}: want multiples of 8, at most 8184")
        media = self.media & 0x0F | columns >> 8 << 4 | rows >> 8 << 6
        return media, columns & 0xFF, rows & 0xFF


def parse_header(data: bytes | bytearray | memoryview, offset: int = 0) -> FrameHeader | None:
    """The frame header at ``offset``; None when its end has not arrived yet.

    Raises:
        MalformedPayload: no frame starts there.
    """
    have = len(data) - offset
    frame_type = _TYPES.get(data[offset + 3]) if have >= 4 else None
    if frame_type is None or data[offset : offset + 3] != _START:
        head = bytes(data[offset : offset + 4])
        if have >= 4 or head != _START[:have]:
            raise MalformedPayload(f"no frame starts with {head.hex()}", offset=offset, context="media frame")
        return None
    size = HEADER_SIZES[frame_type]
    if have < size:
        return None
    if frame_type is FrameType.DELTA:
        return FrameHeader(frame_type, _DELTA.unpack_from(data, offset)[2])
    if size == 8:
        _, _, media, rate, length = _SHORT.unpack_from(data, offset)
        return FrameHeader(frame_type, length, media, rate)
    _, _, media, rate, columns, rows, time, length = _LONG.unpack_from(data, offset)
    width = ((media >> 4 & 3) << 8 | columns) * 8
    height = ((media >> 6 & 3) << 8 | rows) * 8
    return FrameHeader(frame_type, length, media, rate, width, height, time)


def pack_time(time: datetime) -> int:
    """A device time as DateTime: low bits first second 6, minute 6, hour 5, day 5, month 4, year-2000 6."""
    return (
        time.second
        | time.minute << 6
        | time.hour << 12
        | time.day << 17
        | time.month << 22
        | (time.year - 2000 & 0x3F) << 26
    )


def unpack_time(value: int) -> datetime | None:
    """DateTime as device local time; None for 0 and for impossible dates."""
    try:
        return datetime(  # noqa: DTZ001 - device local time has no zone
            2000 + (value >> 26 & 0x3F),
            value >> 22 & 0x0F,
            value >> 17 & 0x1F,
            value >> 12 & 0x1F,
            value >> 6 & 0x3F,
            value & 0x3F,
        )
    except ValueError:
        return None


class VideoFrame(NamedTuple):
    """One access unit, Annex-B.

    Attributes:
        codec: as the bitstream shows, which wins over the header.
        keyframe: an FC frame (or FE with video inside).
        payload: the access unit; keyframes carry their parameter sets.
        width: pixels the last key frame header announced; the true size is in the SPS.
        height: pixels, likewise.
        fps: announced frames per second, 25 when not said.
        device_time: clock of the device, local, whole seconds; only on keyframes.
        discontinuity: something before this frame is missing.
        format_changed: codec or announced size differ from the key frame before.
    """

    codec: Codec
    keyframe: bool
    payload: bytes
    width: int = 0
    height: int = 0
    fps: int = DEFAULT_FPS
    device_time: datetime | None = None
    discontinuity: bool = False
    format_changed: bool = False

    def serialize(self) -> bytes:
        """Header and payload as a device sends them."""
        if not self.keyframe:
            return FrameHeader(FrameType.DELTA, len(self.payload)).serialize() + self.payload
        header = FrameHeader(
            FrameType.KEY,
            len(self.payload),
            _VIDEO_NIBBLES.get(self.codec, 0),
            self.fps & 0x1F,
            self.width,
            self.height,
            pack_time(self.device_time) if self.device_time else 0,
        )
        return header.serialize() + self.payload


class AudioFrame(NamedTuple):
    """A run of audio.

    Attributes:
        audio_type: T of the header (DVRIP §9.2).
        rate_code: S of the header.
        payload: codec bytes as they came.
    """

    audio_type: int
    rate_code: int
    payload: bytes

    @property
    def codec(self) -> Codec:
        """The codec, OPAQUE when the suite has no name for it."""
        return _AUDIO_CODECS.get(self.audio_type, Codec.OPAQUE)

    @property
    def sample_rate(self) -> int:
        """Samples per second; 8000 when the code is unknown."""
        return SAMPLE_RATES.get(self.rate_code, 8000)

    def serialize(self) -> bytes:
        """Header and payload as a device sends them."""
        header = FrameHeader(FrameType.AUDIO, len(self.payload), self.audio_type, self.rate_code)
        return header.serialize() + self.payload


class InfoFrame(NamedTuple):
    """Data beside the picture: vehicle state (type 1, see `cambus.dvrip.info`) or opaque bytes."""

    info_type: int
    number: int
    payload: bytes

    def serialize(self) -> bytes:
        """Header and payload as a device sends them."""
        header = FrameHeader(FrameType.INFO, len(self.payload), self.info_type, self.number)
        return header.serialize() + self.payload


class PictureFrame(NamedTuple):
    """A JPEG.

    Attributes:
        payload: the JPEG file.
        width: pixels announced.
        height: pixels announced.
        device_time: clock of the device, local.
    """

    payload: bytes
    width: int = 0
    height: int = 0
    device_time: datetime | None = None

    def serialize(self) -> bytes:
        """Header and payload as a device sends them."""
        time = pack_time(self.device_time) if self.device_time else 0
        header = FrameHeader(FrameType.PICTURE, len(self.payload), 0, 0, self.width, self.height, time)
        return header.serialize() + self.payload


class RawMedia(NamedTuple):
    """Bytes of a recording as the device sent them, cut anywhere."""

    payload: bytes


MediaFrame = VideoFrame | AudioFrame | InfoFrame | PictureFrame
