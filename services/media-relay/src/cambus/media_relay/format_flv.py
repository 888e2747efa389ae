"""FLV over HTTP."""

from collections.abc import Sequence

from cambus.media.audio import AudioConfig
from cambus.media.flv import FlvMuxer, can_carry, timestamp_ms
from cambus.media.frame import Frame
from cambus.media.parameter_sets import VideoParams
from cambus.media_relay.framing import wrap
from cambus.media_relay.output import Output, Sound


class FlvFormat:
    """Tags of the frames, the header before them.

    Args:
        output: framing and sound.
        video: the picture.
        audio: the sound, if the stream has any.
        base_dts: the decode time that becomes zero, 90 kHz.
    """

    def __init__(self, output: Output, video: VideoParams, audio: AudioConfig | None, base_dts: int) -> None:
        self._output = output
        self._base_dts = base_dts
        self._last_dts = base_dts
        self._codecs = video.codec, self._sound(audio)
        self._muxer = FlvMuxer(video, self._sound(audio))

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
        if (video.codec, self._sound(audio)) != self._codecs:
            return None
        self._muxer = FlvMuxer(video, self._sound(audio))
        configuration = self._muxer.configuration_tag(timestamp_ms(self._last_dts, self._base_dts))
        return wrap(self._output.framing, (configuration,))

    def _sound(self, audio: AudioConfig | None) -> AudioConfig | None:
        wanted = audio is not None and self._output.sound is not Sound.NONE and can_carry(audio)
        return audio if wanted else None
