"""What is fetched of a recording, as a file: a program stream, or an MP4; nothing is re-encoded.

Both are put together from pictures and sound as they came out of the RTP, with times that depend on nothing else: the
same recording gives the same bytes each time, so that a download can be resumed.
"""

from typing import Protocol

from cambus.connector.mp4_writer import Mp4Writer
from cambus.media.frame import Codec, Frame, Kind
from cambus.media.mpegps import StreamUnit
from cambus.media.mpegps_writer import ProgramStreamMuxer
from cambus.media.stamps import FileStamps
from cambus.media.unit_frames import FrameMaker


class RecordingFile(Protocol):
    """Takes units, gives bytes of a file."""

    def feed(self, unit: StreamUnit) -> bytes:
        """Take the next unit; return what of the file is complete. Raises CambusError."""

    def finish(self) -> bytes:
        """There are no more units: return the rest."""


class Mp4File:
    """A fragmented MP4."""

    def __init__(self) -> None:
        self._maker = FrameMaker(FileStamps())
        self._writer = Mp4Writer()

    def feed(self, unit: StreamUnit) -> bytes:
        """Take the next unit; return what of the file is complete. Raises Unsupported."""
        frames = self._maker.frames(unit, 0)
        self._writer.sound = self._maker.sound
        return self._writer.feed(frames)

    def finish(self) -> bytes:
        """Return the last group of pictures."""
        return self._writer.finish()


class ProgramFile:
    """A program stream as GB/T 28181 has it: MPEG-PS with a pack for each picture."""

    def __init__(self) -> None:
        self._maker = FrameMaker(FileStamps())
        self._muxer: ProgramStreamMuxer | None = None
        self._codecs: tuple[Codec | None, Codec | None] = (None, None)

    def feed(self, unit: StreamUnit) -> bytes:
        """Take the next unit; return its pack. Sound the format has no number for is left out."""
        if unit.codec is Codec.OPAQUE:
            return b""
        return b"".join(self._packs(unit, self._maker.frames(unit, 0)))

    def finish(self) -> bytes:
        """Nothing is held back."""
        return b""

    def _packs(self, unit: StreamUnit, frames: list[Frame]) -> list[bytes]:
        media = next((frame for frame in frames if frame.kind in {Kind.VIDEO, Kind.AUDIO}), None)
        if media is None:
            return []
        if media.kind is Kind.VIDEO:
            muxer = self._with(media.codec, self._codecs[1])
            return [muxer.picture(media.payload, media.pts, keyframe=media.keyframe)]
        if self._codecs[0] is None:  # pictures tell when the file begins
            self._codecs = (None, unit.codec)
            return []
        return [self._with(self._codecs[0], unit.codec).sound(unit.payload, media.pts)]

    def _with(self, video: Codec | None, audio: Codec | None) -> ProgramStreamMuxer:
        """What writes these; its map goes out with the next keyframe."""
        if self._muxer is None or self._codecs != (video, audio):
            self._codecs = (video, audio)
            self._muxer = ProgramStreamMuxer(video, audio)
        return self._muxer
