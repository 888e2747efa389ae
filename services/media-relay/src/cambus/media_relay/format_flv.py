"""FLV over HTTP and, a tag or some in a binary message, over WebSocket, as flv.js and mpegts.js read it."""

from collections.abc import Sequence

from cambus.media.audio import AudioConfig
from cambus.media.flv import FlvMuxer, timestamp_ms
from cambus.media.frame import Frame
from cambus.media.parameter_sets import VideoParams
from cambus.media_relay.framing import wrap
from cambus.media_relay.output import Output


class FlvFormat:
    """Tags of the frames, the header before them.

    Args:
        output: framing.
        video: the picture.
        audio: the sound of the output (`sounds.sound_of`), None for none.
        base_dts: the decode time that becomes zero, 90 kHz.
    """

    def __init__(self, output: Output, video: VideoParams, audio: AudioConfig | None, base_dts: int) -> None:
        self._output = output
        self._base_dts = base_dts
        self._last_dts = base_dts
        self._codecs = video.codec, audio
        self._muxer = FlvMuxer(video, audio)

    def opening(self) -> bytes:
        """File header, metadata and the parameter sets."""
        return wrap(self._output.framing, (self._muxer.header(),))

    def pack(self, frames: Sequence[Frame]) -> bytes:
        """A tag of each frame."""
        self._last_dts = frames[-1].dts
        tags = [tag for frame in frames if (tag := self._muxer.tag(frame, self._base_dts))]
        return wrap(self._output.framing, tags) if tags else b""

    def reopen(self, video: VideoParams, audio: AudioConfig | None) -> bytes | None:
        """New parameter sets in mid-file; a change of codec needs a new file."""
        if (video.codec, audio) != self._codecs:
            return None
        self._muxer = FlvMuxer(video, audio)
        configuration = self._muxer.configuration_tag(timestamp_ms(self._last_dts, self._base_dts))
        return wrap(self._output.framing, (configuration,))
