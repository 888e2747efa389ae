"""FLV of one video and one audio track: H.264, H.265 as enhanced RTMP has it, G.711, AAC.

Adobe Flash Video File Format 10.1 annex E; Enhanced RTMP v1 for H.265 (`hvc1`).
"""

from __future__ import annotations

import struct

from cambus.media.audio import AudioConfig
from cambus.media.errors import ContainerError
from cambus.media.flv_metadata import MetadataValue, on_metadata
from cambus.media.frame import Codec, Frame, Kind
from cambus.media.parameter_sets import (
    VideoParams,
    annexb_to_length_prefixed,
    avc_decoder_configuration,
    hevc_decoder_configuration,
)

_TICKS_PER_MS = 90
_AUDIO_TAG, _VIDEO_TAG, _SCRIPT_TAG = 8, 9, 18
_TAG_HEADER = struct.Struct(">B3sHBB3x")
_TAG_HEADER_BYTES = 11
_MAX_TAG_BYTES = 0xFFFFFF
_TIMESTAMP_MASK = 0x7FFFFFFF
_KEY, _INTER = 1 << 4, 2 << 4  # frame types (E.4.3.1)
_AVC = 7  # codec id
_AVC_SEQUENCE_HEADER, _AVC_NALU = 0, 1
_EXTENDED = 0x80  # Enhanced RTMP: a FourCC follows
_SEQUENCE_START, _CODED_FRAMES, _CODED_FRAMES_X = 0, 1, 3
_HVC1 = b"hvc1"
_SOUND_FORMATS = {Codec.PCMA: 7, Codec.PCMU: 8, Codec.AAC: 10}  # E.4.2.1
_AAC_HEAD = 10 << 4 | 3 << 2 | 1 << 1 | 1  # always said to be 44 kHz stereo: the configuration knows better
_AAC_SEQUENCE_HEADER, _AAC_RAW = b"\x00", b"\x01"  # E.4.2.2
_G711_RATE = 8000
_SIXTEEN_BITS = 1 << 1


class FlvMuxer:
    """Makes the header and the tags of one stream; the tags are the same bytes for all viewers.

    Args:
        video: H.264 or H.265, None for audio alone.
        audio: G.711 at 8 kHz, or AAC with its configuration; None for video alone.

    Raises:
        ContainerError: a codec or sampling rate that FLV has no number for.
    """

    def __init__(self, video: VideoParams | None, audio: AudioConfig | None = None) -> None:
        if video is not None and video.codec not in {Codec.H264, Codec.H265}:
            raise ContainerError(f"no FLV for {video.codec.name}")
        if audio is not None and not can_carry(audio):
            raise ContainerError(f"no FLV for {audio.codec.name} at {audio.sample_rate} Hz")
        self._video = video
        self._audio = audio
        self._audio_head = b""
        if audio is not None and audio.codec is Codec.AAC:
            self._audio_head = bytes((_AAC_HEAD,)) + _AAC_RAW
        elif audio is not None:
            head = _SOUND_FORMATS[audio.codec] << 4 | _SIXTEEN_BITS | (audio.channels == 2)
            self._audio_head = bytes((head,))

    def header(self) -> bytes:
        """What every viewer gets first: file header, metadata and the configurations."""
        flags = (self._video is not None) | (self._audio is not None) << 2
        start = b"FLV\x01" + bytes((flags,)) + struct.pack(">II", 9, 0)
        return start + _tag(_SCRIPT_TAG, 0, on_metadata(self._metadata())) + self.configuration_tag()

    def configuration_tag(self, timestamp_ms: int = 0) -> bytes:
        """The tags with the parameter sets and the configuration of AAC; again when they have changed."""
        return self._video_configuration(timestamp_ms) + self._audio_configuration(timestamp_ms)

    def _audio_configuration(self, timestamp_ms: int) -> bytes:
        audio = self._audio
        if audio is None or audio.codec is not Codec.AAC:
            return b""
        body = bytes((_AAC_HEAD,)) + _AAC_SEQUENCE_HEADER + audio.extradata
        return _tag(_AUDIO_TAG, timestamp_ms, body)

    def _video_configuration(self, timestamp_ms: int) -> bytes:
        video = self._video
        if video is None:
            return b""
        if video.codec is Codec.H265:
            head = bytes((_EXTENDED | _KEY | _SEQUENCE_START,)) + _HVC1
            return _tag(_VIDEO_TAG, timestamp_ms, head + hevc_decoder_configuration(video))
        head = bytes((_KEY | _AVC, _AVC_SEQUENCE_HEADER, 0, 0, 0))
        return _tag(_VIDEO_TAG, timestamp_ms, head + avc_decoder_configuration(video))

    def tag(self, frame: Frame, base_pts: int) -> bytes:
        """The tag of a frame; b"" for one of neither track, without media, too large, or sound before the base.

        Args:
            frame: of the bus.
            base_pts: the time that becomes zero, in 90 kHz ticks.
        """
        milliseconds = timestamp_ms(frame.dts, base_pts)
        if frame.kind is Kind.AUDIO:
            if self._audio is None or frame.codec is not self._audio.codec or not frame.payload:
                return b""
            if frame.dts < base_pts:  # there is no time before zero, and at zero it would be beside the next
                return b""
            return _tag(_AUDIO_TAG, milliseconds, self._audio_head + frame.payload)
        if frame.kind is not Kind.VIDEO or self._video is None or frame.codec is not self._video.codec:
            return b""
        sample = annexb_to_length_prefixed(frame.payload, frame.codec)
        if not sample:
            return b""
        body = self._video_head(frame) + sample
        return _tag(_VIDEO_TAG, milliseconds, body) if len(body) <= _MAX_TAG_BYTES else b""

    def _video_head(self, frame: Frame) -> bytes:
        kind = _KEY if frame.keyframe else _INTER
        composition = ((frame.pts - frame.dts) // _TICKS_PER_MS & 0xFFFFFF).to_bytes(3, "big")
        if frame.codec is Codec.H264:
            return bytes((kind | _AVC, _AVC_NALU)) + composition
        if frame.pts == frame.dts:
            return bytes((_EXTENDED | kind | _CODED_FRAMES_X,)) + _HVC1
        return bytes((_EXTENDED | kind | _CODED_FRAMES,)) + _HVC1 + composition

    def _metadata(self) -> dict[str, MetadataValue]:
        values: dict[str, MetadataValue] = {"encoder": "Cambus"}
        if (video := self._video) is not None:
            values |= {"width": video.width, "height": video.height}
            values["videocodecid"] = _AVC if video.codec is Codec.H264 else int.from_bytes(_HVC1, "big")
            if video.frame_rate:
                values["framerate"] = video.frame_rate
        if (audio := self._audio) is not None:
            values |= {
                "audiocodecid": _SOUND_FORMATS[audio.codec],
                "audiosamplerate": audio.sample_rate,
                "stereo": audio.channels == 2,
            }
        return values


def can_carry(audio: AudioConfig) -> bool:
    """Whether FLV has a number for this sound."""
    if audio.codec is Codec.AAC:
        return bool(audio.extradata)
    return audio.codec in _SOUND_FORMATS and audio.sample_rate == _G711_RATE and audio.channels in {1, 2}


def timestamp_ms(ticks: int, base_pts: int) -> int:
    """The FLV timestamp of a time in 90 kHz ticks: 31 bits of milliseconds, 0 before the base."""
    return max(ticks - base_pts, 0) // _TICKS_PER_MS & _TIMESTAMP_MASK


def _tag(kind: int, milliseconds: int, body: bytes) -> bytes:
    """A tag with the size of itself behind it (E.3, E.4.1)."""
    size = len(body).to_bytes(3, "big")
    low, high = milliseconds & 0xFFFFFF, milliseconds >> 24
    header = _TAG_HEADER.pack(kind, size, low >> 8, low & 0xFF, high)
    return b"".join((header, body, (_TAG_HEADER_BYTES + len(body)).to_bytes(4, "big")))
