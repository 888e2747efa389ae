"""A recorded file as an MPEG transport stream, the same bytes each time it is made. Blocks.

A transport stream has a place for AAC alone: other sound (G.711, Opus) is transcoded to it; what nobody here can decode
is left out.
"""

from collections.abc import Iterator
from pathlib import Path

from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Flag, Frame, Kind
from cambus.media.transcoder import AudioTranscoder, can_transcode
from cambus.media.ts_muxer import PCR_LEAD, TransportStreamMuxer, can_carry
from cambus.recorder.index import Segment
from cambus.recorder.segment_reader import SegmentReader, Unit, to_ticks


def transport_stream(root: Path, segment: Segment) -> Iterator[bytes]:
    """The packets of a file, from its first keyframe on, some megabytes at a time.

    Raises:
        ContainerError: it cannot be played.
        OSError: it cannot be read.
    """
    with SegmentReader(root, segment) as reader:
        stream: _Stream | None = None
        for units in reader.forward(to_ticks(segment.start_us)):
            packets: list[bytes] = []
            for unit in units:
                if stream is None and unit.codec.is_video:
                    stream = _Stream(unit, reader.start - PCR_LEAD)
                if stream is not None:
                    packets += stream.push(unit)
            yield b"".join(packets)
        if stream is not None:
            yield b"".join(stream.flush())


class _Stream:
    """The muxer of one file, and the transcoder before it.

    Args:
        first: its first picture, which says what the sound is.
        origin: what is subtracted from all times, in ticks.
    """

    def __init__(self, first: Unit, origin: int) -> None:
        self._origin = origin
        self._number = 0
        self._transcoder = _transcoder_of(first.sound)
        sound = first.sound if self._transcoder is None else self._transcoder.config
        carried = sound if sound is not None and can_carry(sound) else None
        self._muxer = TransportStreamMuxer(first.codec, carried)

    def push(self, unit: Unit) -> Iterator[bytes]:
        """The packets a picture or a packet of sound completes."""
        frame = self._frame(unit)
        if self._transcoder is None or frame.kind is Kind.VIDEO:
            yield self._muxer.packets(frame)
        else:
            yield from map(self._muxer.packets, self._transcoder.transcode([frame]))

    def flush(self) -> Iterator[bytes]:
        """What is still inside of the transcoder at the end."""
        if self._transcoder is not None:
            yield from map(self._muxer.packets, self._transcoder.flush())

    def _frame(self, unit: Unit) -> Frame:
        self._number += 1
        dts = unit.at - self._origin
        kind = Kind.VIDEO if unit.codec.is_video else Kind.AUDIO
        flags = Flag.KEYFRAME if unit.keyframe else Flag.NONE
        return Frame(kind, unit.codec, flags, self._number, dts + unit.cts, dts, 0, unit.payload)


def _transcoder_of(sound: AudioConfig | None) -> AudioTranscoder | None:
    if sound is None or can_carry(sound) or not can_transcode(sound, Codec.AAC):
        return None
    return AudioTranscoder(sound, Codec.AAC)
