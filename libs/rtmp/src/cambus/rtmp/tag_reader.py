"""Tags of FLV as RTMP carries them, as units: H.264, H.265, AAC, G.711 (FLV 10.1 E.4; Enhanced RTMP v1, v2).

H.265 comes by its FourCC, as Enhanced RTMP has it, or by codec number 12, as many cameras do. What can not be taken
apart is counted and passed over; nothing in a tag raises.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from cambus.media.aac import AacParameters
from cambus.media.audio import AudioConfig
from cambus.media.errors import AudioConfigError
from cambus.media.frame import Codec
from cambus.media.mpegps import StreamUnit, Unwrapper
from cambus.media.nal import START_CODE
from cambus.rtmp.configuration import VideoConfiguration, read_avcc, read_hvcc

TICKS_PER_MS: Final = 90
G711_RATE: Final = 8000
_EXTENDED: Final = 0x80
_AVC, _HEVC = 7, 12
_COMMAND_FRAME: Final = 5
_START, _CODED, _END, _CODED_X = 0, 1, 2, 3
_MOD_EX: Final = 7
_MAX_MODIFIERS: Final = 8
_FOURCC: Final = {b"avc1": Codec.H264, b"hvc1": Codec.H265}
_PCMA, _PCMU, _AAC, _EX_AUDIO = 7, 8, 10, 9
_MAX_CONFIG: Final = 64


class _LeftOutError(Exception):
    """A tag that is passed over; `why` is what it is counted as."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class TagReader:
    """Reads the tags of one published stream.

    Attributes:
        video: what the pictures are; None before their configuration.
        sound: what the sound is; None before it is known.
        counts: what was left out: `foreign` codecs, `malformed` tags, `early` ones before their configuration.
    """

    def __init__(self) -> None:
        self.video: VideoConfiguration | None = None
        self.sound: AudioConfig | None = None
        self.counts: Counter[str] = Counter()
        self._unwrap = Unwrapper(32)
        self._broken = False

    def read(self, body: bytes, timestamp: int, *, video: bool) -> StreamUnit | None:
        """The unit of a tag; None for a configuration, and for what can not be taken apart.

        Args:
            body: of the tag.
            timestamp: milliseconds, 32 bits.
            video: whether it is of pictures.
        """
        time = self._unwrap(timestamp & 0xFFFFFFFF)
        try:
            if not body:
                return None
            return self._picture(body, time) if video else self._heard(body, time)
        except _LeftOutError as left_out:
            self.counts[left_out.why] += 1
            return None

    # --- pictures

    def _picture(self, body: bytes, time: int) -> StreamUnit | None:
        if body[0] & _EXTENDED:
            return self._enhanced(body, time)
        frame, number = body[0] >> 4, body[0] & 0x0F
        if frame == _COMMAND_FRAME:
            return None
        if number not in {_AVC, _HEVC}:
            raise _LeftOutError("foreign")
        if len(body) < 2:
            raise _LeftOutError("malformed")
        codec = Codec.H264 if number == _AVC else Codec.H265
        return self._packet(codec, body[1], body[2:], time)

    def _enhanced(self, body: bytes, time: int) -> StreamUnit | None:
        """A tag with a FourCC (Enhanced RTMP v1), perhaps with modifiers before it (v2)."""
        if body[0] >> 4 & 7 == _COMMAND_FRAME:
            return None
        kind, at = _past_modifiers(body)
        if kind > _CODED_X:
            return None  # metadata, MPEG-2 TS, several tracks
        codec, rest = _FOURCC.get(body[at : at + 4]), body[at + 4 :]
        if codec is None:
            raise _LeftOutError("foreign")
        if kind == _START:
            self._configure(codec, rest)
            return None
        if kind == _CODED_X:
            return self._coded(codec, rest, time, 0)
        return self._packet(codec, kind, rest, time)

    def _packet(self, codec: Codec, kind: int, rest: bytes, time: int) -> StreamUnit | None:
        """A packet that begins with how much later its picture is shown than decoded."""
        if kind == _END:
            return None
        if len(rest) < 3:
            raise _LeftOutError("malformed")
        if kind == _START:
            self._configure(codec, rest[3:])
            return None
        return self._coded(codec, rest[3:], time, _signed(rest[:3])) if kind == _CODED else None

    def _configure(self, codec: Codec, record: bytes) -> None:
        configuration = read_avcc(record) if codec is Codec.H264 else read_hvcc(record)
        if configuration is None:
            raise _LeftOutError("malformed")
        self.video = configuration

    def _coded(self, codec: Codec, data: bytes, time: int, shown_after: int) -> StreamUnit | None:
        video = self.video
        if video is None or video.codec is not codec:
            self._broken = True
            raise _LeftOutError("early")
        payload = _annexb(data, video.length_bytes)
        if payload is None:
            self._broken = True
            raise _LeftOutError("malformed")
        broken, self._broken = self._broken, False
        dts = time * TICKS_PER_MS
        return StreamUnit(codec, 0, payload, dts + shown_after * TICKS_PER_MS, broken, dts)

    # --- sound

    def _heard(self, body: bytes, time: int) -> StreamUnit | None:
        number = body[0] >> 4
        if number == _EX_AUDIO:
            if body[1:5] != b"mp4a":
                raise _LeftOutError("foreign")
            return self._aac(body[0] & 0x0F, body[5:], time)
        if number == _AAC:
            if len(body) < 2:
                raise _LeftOutError("malformed")
            return self._aac(body[1], body[2:], time)
        if number not in {_PCMA, _PCMU}:
            raise _LeftOutError("foreign")
        codec = Codec.PCMA if number == _PCMA else Codec.PCMU
        self.sound = AudioConfig(codec, G711_RATE, 1 + (body[0] & 1))
        return StreamUnit(codec, 0, body[1:], time * TICKS_PER_MS) if len(body) > 1 else None

    def _aac(self, kind: int, data: bytes, time: int) -> StreamUnit | None:
        if kind == _START:
            try:
                said = AacParameters.parse(data[:_MAX_CONFIG])
            except AudioConfigError:
                raise _LeftOutError("malformed") from None
            self.sound = AudioConfig(Codec.AAC, said.sample_rate, said.channels or 2, data[:_MAX_CONFIG])
            return None
        if kind != _CODED or not data:
            return None
        if self.sound is None or self.sound.codec is not Codec.AAC:
            raise _LeftOutError("early")
        return StreamUnit(Codec.AAC, 0, data, time * TICKS_PER_MS)


def _past_modifiers(body: bytes) -> tuple[int, int]:
    """The packet type and where the FourCC begins, behind modifiers (Enhanced RTMP v2, ModEx)."""
    kind, at = body[0] & 0x0F, 1
    for _ in range(_MAX_MODIFIERS):
        if kind != _MOD_EX or at >= len(body):
            break
        size = body[at] + 1
        at += 1
        if size == 256:
            size = int.from_bytes(body[at : at + 2], "big") + 1
            at += 2
        at += size
        if at >= len(body):
            break
        kind = body[at] & 0x0F
        at += 1
    return kind, at


def _annexb(data: bytes, width: int) -> bytes | None:
    """NAL units with lengths before them, with start codes instead; None where a length is wrong."""
    parts: list[bytes] = []
    at, end = 0, len(data)
    while at < end:
        size = int.from_bytes(data[at : at + width], "big")
        at += width
        if at + size > end:
            return None
        if size:
            parts += (START_CODE, data[at : at + size])
        at += size
    return b"".join(parts) if parts else None


def _signed(three: bytes) -> int:
    return int.from_bytes(three, "big", signed=True)
