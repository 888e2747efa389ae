"""Sample entries: what `stsd` says of a track's codec (ISO/IEC 14496-12 §8.5.2, 14496-15 §5.4, §8.4)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from cambus.media import flac
from cambus.media.audio import AudioConfig
from cambus.media.errors import ContainerError
from cambus.media.frame import Codec
from cambus.media.mp4_boxes import box, full_box
from cambus.media.parameter_sets import VideoParams, avc_decoder_configuration, hevc_decoder_configuration

_DPI_72 = 0x00480000
_G711 = {Codec.PCMA: b"alaw", Codec.PCMU: b"ulaw"}
_LAST_METADATA_BLOCK = 0x80


@dataclass(frozen=True, slots=True)
class AudioEntry:
    """A sample entry, a whole box, and its name in a `codecs` parameter (RFC 6381)."""

    entry: bytes
    codec_string: str


def video_entry(params: VideoParams) -> bytes:
    """The `avc1` or `hvc1` box.

    Raises:
        ContainerError: a codec other than H.264 and H.265.
    """
    if params.codec is Codec.H264:
        kind, configuration = b"avc1", box(b"avcC", avc_decoder_configuration(params))
    elif params.codec is Codec.H265:
        kind, configuration = b"hvc1", box(b"hvcC", hevc_decoder_configuration(params))
    else:
        raise ContainerError(f"no sample entry for {params.codec.name}")
    fields = struct.pack(">6xH16xHHII4xH32xHh", 1, params.width, params.height, _DPI_72, _DPI_72, 1, 0x18, -1)
    return box(kind, fields, configuration)


def audio_entry(config: AudioConfig, *, as_flac: bool = False) -> AudioEntry:
    """The `alaw`, `ulaw` or `fLaC` box of G.711 sound.

    Raises:
        ContainerError: another codec; FLAC of more than one channel or at a rate it has no code for.
    """
    if config.codec not in _G711 or config.sample_rate >= 1 << 16:
        raise ContainerError(f"no sample entry for {config.codec.name} at {config.sample_rate} Hz")
    fields = struct.pack(">6xH8xHHHHHH", 1, config.channels, 16, 0, 0, config.sample_rate, 0)
    if not as_flac:
        kind = _G711[config.codec]
        return AudioEntry(box(kind, fields), kind.decode())
    if config.channels != 1 or config.sample_rate not in flac.SAMPLE_RATES:
        raise ContainerError(f"no FLAC for {config.channels} channels at {config.sample_rate} Hz")
    info = flac.streaminfo(config.sample_rate)
    block = bytes((_LAST_METADATA_BLOCK, 0, 0, len(info))) + info
    return AudioEntry(box(b"fLaC", fields, full_box(b"dfLa", 0, 0, block)), "flac")
