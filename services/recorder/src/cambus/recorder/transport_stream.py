"""Recorded files as one MPEG transport stream, the same bytes each time it is made. Blocks.

A transport stream has a place for AAC alone: other sound (G.711, Opus) is transcoded to it. What nobody here can decode
is left out, and so is sound that would be other than that of the first file, whose kind the stream says.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from cambus.media.audio import AudioConfig
from cambus.media.errors import ContainerError
from cambus.media.frame import Codec, Flag, Frame, Kind
from cambus.media.transcoder import AudioTranscoder, can_transcode
from cambus.media.ts_muxer import PCR_LEAD, TransportStreamMuxer, can_carry
from cambus.recorder.export_movie import ROUNDING_TICKS, LaidFile, Progress
from cambus.recorder.index import Segment
from cambus.recorder.segment_reader import SegmentReader, Unit, to_ticks

_FOR_EVER = 1 << 62


def segment_stream(root: Path, segment: Segment) -> Iterator[bytes]:
    """The packets of a whole file, some megabytes at a time.

    Raises:
        ContainerError: it cannot be played.
        OSError: it cannot be read.
    """
    path, begin = root / segment.name.path(), to_ticks(segment.start_us)
    yield from transport_stream(
        [LaidFile(path, segment.start_us, segment.extent.bytes, begin, _FOR_EVER, 0)], Progress()
    )


def transport_stream(files: Iterable[LaidFile], progress: Progress) -> Iterator[bytes]:
    """The packets of files that were laid end to end, some megabytes at a time.

    Raises:
        ContainerError: one cannot be played, or has another video codec than the first.
        OSError: one cannot be read.
    """
    stream: _Stream | None = None
    for file in files:
        with SegmentReader(file.path, file.origin_us, file.bytes) as reader:
            origin = file.begin - file.place - PCR_LEAD
            first = True
            for units in reader.forward(file.begin + 1):
                packets: list[bytes] = []
                for unit in units:
                    if unit.at >= file.end - ROUNDING_TICKS:
                        continue
                    if first and unit.codec.is_video:
                        first = False
                        stream = stream or _Stream(unit)
                        packets += stream.begin(unit)
                    if stream is not None and not first:
                        packets += stream.push(unit, origin)
                yield b"".join(packets)
                if units and units[-1].at >= file.end:
                    break
        progress.done += 1
    if stream is not None:
        yield b"".join(stream.flush())


class _Stream:
    """The muxer of all files, and the transcoder of the sound of one.

    Args:
        first: the first picture, which says what the pictures and the sound are.
    """

    def __init__(self, first: Unit) -> None:
        self._number = 0
        self._codec = first.codec
        self._source: AudioConfig | None = None
        self._transcoder = _transcoder_of(first.sound)
        sound = first.sound if self._transcoder is None else self._transcoder.config
        self._carried = sound if sound is not None and can_carry(sound) else None
        self._muxer = TransportStreamMuxer(first.codec, self._carried)
        self._heard = self._carried is not None
        self._source = first.sound

    def begin(self, first: Unit) -> Iterator[bytes]:
        """Another file begins with this picture."""
        if first.codec is not self._codec:
            raise ContainerError(
                f"pictures of {first.codec.name} behind those of {self._codec.name}: export an MP4"
            )
        if first.sound == self._source:
            return
        yield from self.flush()
        self._source, self._transcoder = first.sound, _transcoder_of(first.sound)
        sound = first.sound if self._transcoder is None else self._transcoder.config
        self._heard = sound is not None and sound == self._carried

    def push(self, unit: Unit, origin: int) -> Iterator[bytes]:
        """The packets a picture or a packet of sound completes; `origin` is subtracted from its times."""
        frame = self._frame(unit, origin)
        if frame.kind is Kind.VIDEO or (self._heard and self._transcoder is None):
            yield self._muxer.packets(frame)
        elif self._heard and self._transcoder is not None:
            yield from map(self._muxer.packets, self._transcoder.transcode([frame]))

    def flush(self) -> Iterator[bytes]:
        """What is still inside of the transcoder."""
        if self._heard and self._transcoder is not None:
            yield from map(self._muxer.packets, self._transcoder.flush())

    def _frame(self, unit: Unit, origin: int) -> Frame:
        self._number += 1
        dts = unit.at - origin
        kind = Kind.VIDEO if unit.codec.is_video else Kind.AUDIO
        flags = Flag.KEYFRAME if unit.keyframe else Flag.NONE
        return Frame(kind, unit.codec, flags, self._number, dts + unit.cts, dts, 0, unit.payload)


def _transcoder_of(sound: AudioConfig | None) -> AudioTranscoder | None:
    if sound is None or can_carry(sound) or not can_transcode(sound, Codec.AAC):
        return None
    return AudioTranscoder(sound, Codec.AAC)
