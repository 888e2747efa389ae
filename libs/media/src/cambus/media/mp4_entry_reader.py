"""Sample entries read back: what has to be known before the first sample (ISO/IEC 14496-15 §5.3, §8.3)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from cambus.media import opus
from cambus.media.aac import AacParameters
from cambus.media.audio import AudioConfig
from cambus.media.errors import ContainerError
from cambus.media.frame import Codec
from cambus.media.mp4_boxes import bytes_reader, iter_boxes
from cambus.media.nal import join_annexb
from cambus.media.parameter_sets import ParameterSetTracker, VideoParams

_BOX_HEADER_BYTES = 8
_VISUAL_FIELDS_BYTES = 78
_CONFIGURATIONS = {b"avc1": (b"avcC", Codec.H264), b"hvc1": (b"hvcC", Codec.H265)}
_SOUND_FIELDS_BYTES = 28
_SOUNDS = {b"alaw": Codec.PCMA, b"ulaw": Codec.PCMU, b"mp4a": Codec.AAC, b"Opus": Codec.OPUS}
_DESCRIPTORS = ((3, 3), (4, 13), (5, 0))  # tag, bytes of its own fields: from outside to inside
_LONGEST_SIZE = 4
_AVC_SETS_AT = 5
_HEVC_ARRAYS_AT = 22


def read_video_entry(entry: bytes) -> VideoParams:
    """The parameters of an `avc1` or `hvc1` box; their `sets` go before each keyframe on the bus.

    Raises:
        ContainerError: another box, or one that is cut short or holds no readable parameter sets.
    """
    name, codec = _CONFIGURATIONS.get(entry[4:8], (b"", Codec.OPAQUE))
    if not name:
        raise ContainerError(f"no video in a sample entry {entry[4:8]!r}")
    inner = iter_boxes(bytes_reader(entry), _BOX_HEADER_BYTES + _VISUAL_FIELDS_BYTES, len(entry))
    found = next((box for box in inner if box.kind == name), None)
    if found is None:
        raise ContainerError(f"a sample entry without {name.decode()}")
    record = entry[found.payload : found.end]
    try:
        sets = list(_avc_sets(record) if codec is Codec.H264 else _hevc_sets(record))
    except (struct.error, IndexError) as error:
        raise ContainerError(f"{name.decode()} is cut short") from error
    params = ParameterSetTracker().update(join_annexb(*sets), codec)
    if params is None:
        raise ContainerError(f"{name.decode()} holds no readable parameter sets")
    return params


def read_audio_entry(entry: bytes) -> AudioConfig:
    """The parameters of an `alaw`, `ulaw`, `mp4a` or `Opus` box.

    Raises:
        ContainerError: another box, FLAC among them: it has no place on the bus; or one that is cut short.
    """
    codec = _SOUNDS.get(entry[4:8])
    if codec is None:
        raise ContainerError(f"no sound of the bus in a sample entry {entry[4:8]!r}")
    try:
        channels, sample_rate = struct.unpack_from(">16xH6xH", entry, _BOX_HEADER_BYTES)
    except struct.error as error:
        raise ContainerError("the sample entry is cut short") from error
    if codec is Codec.AAC:
        config = _aac_config(entry)
        rate = sample_rate or AacParameters.parse(config).sample_rate
        return AudioConfig(codec, rate, channels, config)
    if codec is Codec.OPUS:
        return AudioConfig(codec, sample_rate, channels, _opus_head(entry))
    return AudioConfig(codec, sample_rate, channels)


def _inner(entry: bytes, kind: bytes) -> bytes:
    """The payload of a box behind the fields of an AudioSampleEntry."""
    boxes = iter_boxes(bytes_reader(entry), _BOX_HEADER_BYTES + _SOUND_FIELDS_BYTES, len(entry))
    found = next((box for box in boxes if box.kind == kind), None)
    if found is None:
        raise ContainerError(f"a sample entry without {kind.decode()}")
    return entry[found.payload : found.end]


def _aac_config(entry: bytes) -> bytes:
    """The AudioSpecificConfig in the descriptors of an `esds` box (ISO/IEC 14496-1 §7.2.6, §8.3.3)."""
    body = _inner(entry, b"esds")[4:]
    for tag, fields in _DESCRIPTORS:
        if body[:1] != bytes((tag,)):
            raise ContainerError(f"an esds box without descriptor {tag}")
        size, at = 0, 1
        while True:
            if at >= min(len(body), _LONGEST_SIZE + 1):
                raise ContainerError("the size of a descriptor is cut short")
            size = size << 7 | body[at] & 0x7F
            at += 1
            if body[at - 1] < 0x80:
                break
        body = body[at + fields : at + size]
    if not body:
        raise ContainerError("an esds box without configuration")
    return body


def _opus_head(entry: bytes) -> bytes:
    try:
        version, channels, pre_skip, rate, _gain, family = struct.unpack_from(
            ">BBHIhB", _inner(entry, b"dOps")
        )
    except struct.error as error:
        raise ContainerError("dOps is cut short") from error
    if version or family:
        raise ContainerError(f"Opus of mapping family {family}")
    return opus.head(channels, pre_skip=pre_skip, input_rate=rate)


def _avc_sets(record: bytes) -> Iterator[bytes]:
    """SPS, then PPS: each list behind its count, each unit behind its length."""
    count, at = record[_AVC_SETS_AT] & 0x1F, _AVC_SETS_AT + 1
    for _ in range(2):
        for _ in range(count):
            unit, at = _unit(record, at)
            yield unit
        count = record[at] if at < len(record) else 0
        at += 1


def _hevc_sets(record: bytes) -> Iterator[bytes]:
    """Arrays of one NAL unit type each."""
    at = _HEVC_ARRAYS_AT + 1
    for _ in range(record[_HEVC_ARRAYS_AT]):
        (count,) = struct.unpack_from(">H", record, at + 1)
        at += 3
        for _ in range(count):
            unit, at = _unit(record, at)
            yield unit


def _unit(record: bytes, at: int) -> tuple[bytes, int]:
    (size,) = struct.unpack_from(">H", record, at)
    unit = record[at + 2 : at + 2 + size]
    if len(unit) < size or not unit:
        raise IndexError(at)
    return unit, at + 2 + size
