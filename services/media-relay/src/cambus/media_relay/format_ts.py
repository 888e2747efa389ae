"""MPEG transport streams over HTTP."""

from collections.abc import Sequence

from cambus.media.audio import AudioConfig
from cambus.media.frame import Frame
from cambus.media.parameter_sets import VideoParams
from cambus.media.ts_muxer import PCR_LEAD, TransportStreamMuxer
from cambus.media_relay.framing import wrap
from cambus.media_relay.output import Output


class TsFormat:
    """The packets of the frames, tables before every keyframe.

    Args:
        output: framing.
        video: the picture.
        audio: the sound of the output (`sounds.sound_of`), None for none.
        base_dts: the decode time that becomes that of the first picture, one clock lead after zero, 90 kHz.
    """

    def __init__(self, output: Output, video: VideoParams, audio: AudioConfig | None, base_dts: int) -> None:
        self._framing = output.framing
        self._base = base_dts - PCR_LEAD
        self._codecs = video.codec, audio
        self._muxer = TransportStreamMuxer(video.codec, audio)

    def opening(self) -> bytes:
        """Nothing: the tables come before every keyframe."""
        return b""

    def pack(self, frames: Sequence[Frame]) -> bytes:
        """The packets of each frame."""
        base, packets = self._base, self._muxer.packets
        made = [packets(frame._replace(pts=frame.pts - base, dts=frame.dts - base)) for frame in frames]
        return wrap(self._framing, made) if any(made) else b""

    def reopen(self, video: VideoParams, audio: AudioConfig | None) -> bytes | None:
        """Go on within the same codecs: parameter sets come with every keyframe. Otherwise begin anew."""
        return b"" if (video.codec, audio) == self._codecs else None
