"""The frames of recordings, as fragmented MP4: one fragment for each group of pictures, nothing re-encoded.

The same frames always become the same file, so that a download can be resumed.
"""

from collections.abc import Iterable
from typing import Final

from cambus.media.audio import AudioConfig
from cambus.media.errors import ContainerError
from cambus.media.fmp4 import Fmp4Muxer
from cambus.media.frame import Frame, Kind
from cambus.media.mp4_entries import audio_entry
from cambus.media.parameter_sets import ParameterSetTracker, VideoParams
from cambus.schemas.errors import Unsupported

MAX_GROUP_BYTES: Final = 16 << 20
"""A longer group of pictures becomes several fragments."""


class Mp4Writer:
    """Takes frames, gives bytes of an MP4.

    Attributes:
        sound: what the sound is; to be set before the first fragment, else the file has none.
    """

    def __init__(self) -> None:
        self.sound: AudioConfig | None = None
        self._tracker = ParameterSetTracker()
        self._muxer: Fmp4Muxer | None = None
        self._video: VideoParams | None = None
        self._group: list[Frame] = []
        self._group_bytes = 0

    def feed(self, frames: Iterable[Frame]) -> bytes:
        """Take the next frames; return what of the file is complete.

        Raises:
            Unsupported: the video has no place in an MP4, or changes its size or codec on the way.
        """
        out = []
        for frame in frames:
            if frame.kind is Kind.VIDEO and (frame.keyframe or self._group_bytes > MAX_GROUP_BYTES):
                out.append(self._flush(frame.dts))
                self._follow(frame)
            if frame.kind in {Kind.VIDEO, Kind.AUDIO}:
                self._group.append(frame)
                self._group_bytes += len(frame.payload)
        return b"".join(out)

    def finish(self) -> bytes:
        """There are no more frames: return the last group."""
        return self._flush(None)

    def _follow(self, frame: Frame) -> None:
        params = self._tracker.update(frame.payload, frame.codec)
        if params is not None and self._video is not None and params != self._video:
            raise Unsupported(
                "codec or picture size change on the way, which an MP4 can not", reason="format-changed"
            )
        self._video = params or self._video
        if self._video is None:
            raise Unsupported(f"no MP4 carries this {frame.codec.name} video", reason="codec")

    def _flush(self, next_dts: int | None) -> bytes:
        """A fragment of the group; before the first one, what the file holds."""
        group, self._group, self._group_bytes = self._group, [], 0
        if not group or self._video is None:
            return b""
        opening = b""
        if self._muxer is None:
            self._muxer = Fmp4Muxer(self._video, _carried(self.sound), base_pts=group[0].dts)
            opening = self._muxer.init_segment()
        return opening + self._muxer.fragment(group, next_video_dts=next_dts)


def _carried(config: AudioConfig | None) -> AudioConfig | None:
    """The sound, if an MP4 carries such."""
    if config is None:
        return None
    try:
        audio_entry(config)
    except ContainerError:
        return None
    return config
