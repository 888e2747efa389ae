"""Sample entries: what `stsd` says of a track's codec.

ISO/IEC 14496-12 §8.5.2; 14496-15 §5.4 and §8.4 for video; 14496-14 §6.7.2 for AAC; "Encapsulation of Opus in ISO Base
Media File Format" §4.3.2.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from cambus.media import aac, flac, opus
from cambus.media.audio import AudioConfig
from cambus.media.errors import AudioConfigError, ContainerError
from cambus.media.frame import Codec
from cambus.media.mp4_boxes import box, full_box
from cambus.media.parameter_sets import VideoParams, avc_decoder_configuration, hevc_decoder_configuration

_DPI_72 = 0x00480000
_G711 = {Codec.PCMA: b"alaw", Codec.PCMU: b"ulaw"}
_LAST_METADATA_BLOCK = 0x80
_ES, _DECODER_CONFIG, _DECODER_SPECIFIC, _SYNC_LAYER = (
    3,
    4,
    5,
    6,
)  # descriptor tags (ISO/IEC 14496-1 §7.2.2.1)
_AUDIO_ISO_14496_3 = 0x40
_AUDIO_STREAM = 5 << 2 | 1
_SYNC_LAYER_OF_MP4 = b"\x02"
_LARGEST_DESCRIPTOR = 127


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
    """The `alaw`, `ulaw` or `fLaC` box of G.711 sound, the `mp4a` box of AAC, the `Opus` and the `fLaC` box.

    Raises:
        ContainerError: another codec, or one that is not described; FLAC of more than one channel or at a rate it has
            no code for.
    """
    if config.codec is Codec.AAC:
        return _aac_entry(config)
    if config.codec is Codec.OPUS:
        return _opus_entry(config)
    if config.codec is Codec.FLAC:
        return _flac_entry(config.channels, config.sample_rate, config.extradata)
    if config.codec not in _G711 or config.sample_rate >= 1 << 16:
        raise ContainerError(f"no sample entry for {config.codec.name} at {config.sample_rate} Hz")
    if not as_flac:
        kind = _G711[config.codec]
        return AudioEntry(box(kind, _sound_fields(config.channels, config.sample_rate)), kind.decode())
    if config.channels != 1 or config.sample_rate not in flac.SAMPLE_RATES:
        raise ContainerError(f"no FLAC for {config.channels} channels at {config.sample_rate} Hz")
    return _flac_entry(1, config.sample_rate, flac.streaminfo(config.sample_rate))


def can_carry(config: AudioConfig, *, as_flac: bool = False) -> bool:
    """Whether there is a sample entry for this sound."""
    try:
        audio_entry(config, as_flac=as_flac)
    except ContainerError:
        return False
    return True


def _aac_entry(config: AudioConfig) -> AudioEntry:
    """`mp4a` with the AudioSpecificConfig in an elementary stream descriptor (ISO/IEC 14496-1 §7.2.6)."""
    try:
        parameters = aac.AacParameters.parse(config.extradata)
    except AudioConfigError as error:
        raise ContainerError(f"no sample entry for AAC: {error}") from error
    decoder = struct.pack(">BB3xII", _AUDIO_ISO_14496_3, _AUDIO_STREAM, 0, 0)
    decoder += _descriptor(_DECODER_SPECIFIC, config.extradata)
    stream = struct.pack(">HB", 0, 0) + _descriptor(_DECODER_CONFIG, decoder)
    stream += _descriptor(_SYNC_LAYER, _SYNC_LAYER_OF_MP4)
    # A rate above 65535 Hz has no place in the entry: 0, and the descriptor says it.
    rate = config.sample_rate if config.sample_rate < 1 << 16 else 0
    fields = _sound_fields(config.channels, rate)
    entry = box(b"mp4a", fields, full_box(b"esds", 0, 0, _descriptor(_ES, stream)))
    return AudioEntry(entry, f"mp4a.40.{parameters.object_type}")


def _opus_entry(config: AudioConfig) -> AudioEntry:
    found = opus.parse_head(config.extradata)
    if found is None:
        raise ContainerError("no sample entry for Opus without its identification header")
    channels, pre_skip, rate, gain = found
    specific = box(b"dOps", struct.pack(">BBHIhB", 0, channels, pre_skip, rate, gain, 0))
    return AudioEntry(box(b"Opus", _sound_fields(channels, opus.SAMPLE_RATE), specific), "opus")


def _flac_entry(channels: int, rate: int, info: bytes) -> AudioEntry:
    """`fLaC` with STREAMINFO as the only metadata ("Encapsulation of FLAC in ISO Base Media File Format" §3.3)."""
    if len(info) != flac.STREAMINFO_BYTES:
        raise ContainerError("no sample entry for FLAC without its STREAMINFO")
    block = bytes((_LAST_METADATA_BLOCK, 0, 0, len(info))) + info
    fields = _sound_fields(channels, rate if rate < 1 << 16 else 0)  # STREAMINFO says it then
    return AudioEntry(box(b"fLaC", fields, full_box(b"dfLa", 0, 0, block)), "flac")


def _sound_fields(channels: int, sample_rate: int) -> bytes:
    """The fields before the boxes of an AudioSampleEntry (ISO/IEC 14496-12 §12.2.3)."""
    return struct.pack(">6xH8xHHHHHH", 1, channels, 16, 0, 0, sample_rate, 0)


def _descriptor(tag: int, body: bytes) -> bytes:
    """A descriptor behind its tag and size (ISO/IEC 14496-1 §8.3.3)."""
    if len(body) > _LARGEST_DESCRIPTOR:
        raise ContainerError(f"a descriptor of {len(body)} bytes")
    return bytes((tag, len(body))) + body
