"""Fragmented MP4 for players and, in WebSocket messages, for Media Source Extensions."""

import json
import time
from collections.abc import Callable, Sequence

from cambus.media.audio import AudioConfig
from cambus.media.fmp4 import TIMESCALE, Fmp4Muxer
from cambus.media.frame import Frame, Kind
from cambus.media.parameter_sets import VideoParams
from cambus.media_relay.framing import Framing, websocket_text, wrap
from cambus.media_relay.output import Output
from cambus.media_relay.sounds import as_flac


class Fmp4Format:
    r"""One fragment of each access unit and the audio before it.

    Over a WebSocket a text message stands before every initialisation segment, saying what is in it, and before
    every keyframe, tying the media time to the wall clock (all JSON)::

        {"type": "open", "mime": "video/mp4; codecs=\"avc1.64001F,flac\"", "codecs": "avc1.64001F,flac",
         "width": 1920, "height": 1080}
        {"type": "clock", "media_s": 12.04, "wall_ms": 1789984800123, "sent_ms": 1789984800171}

    Args:
        output: framing and sound.
        video: the picture.
        audio: the sound of the output (`sounds.sound_of`), None for none.
        base_dts: the decode time that becomes zero, 90 kHz.
        wall_clock: seconds since 1970.
    """

    def __init__(
        self,
        output: Output,
        video: VideoParams,
        audio: AudioConfig | None,
        base_dts: int,
        *,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._output = output
        self._base_dts = base_dts
        self._wall_clock = wall_clock
        self._video = video
        self._muxer = self._make_muxer(video, audio)

    def opening(self) -> bytes:
        """The initialisation segment, in a WebSocket its description before it."""
        init = wrap(self._output.framing, (self._muxer.init_segment(),))
        if self._output.framing is not Framing.WEBSOCKET:
            return init
        about = {
            "type": "open",
            "mime": self._muxer.mime_type,
            "codecs": self._muxer.codecs,
            "width": self._video.width,
            "height": self._video.height,
        }
        return websocket_text(json.dumps(about)) + init

    def pack(self, frames: Sequence[Frame]) -> bytes:
        """One fragment of the frames."""
        fragment = self._muxer.fragment(frames)
        if not fragment:
            return b""
        data = wrap(self._output.framing, (fragment,))
        last = frames[-1]
        if self._output.framing is Framing.WEBSOCKET and last.kind is Kind.VIDEO and last.keyframe:
            return self._clock(last) + data
        return data

    def reopen(self, video: VideoParams, audio: AudioConfig | None) -> bytes | None:
        """A new description and initialisation segment; a file over HTTP can't change, its readers come again."""
        if self._output.framing is not Framing.WEBSOCKET:
            return None
        self._video = video
        self._muxer = self._make_muxer(video, audio)
        return self.opening()

    def _make_muxer(self, video: VideoParams, audio: AudioConfig | None) -> Fmp4Muxer:
        return Fmp4Muxer(
            video,
            audio,
            base_pts=self._base_dts,
            audio_as_flac=as_flac(self._output, audio),
            # Players wait for both tracks, a camera's microphone may fall silent.
            fill_silence=True,
        )

    def _clock(self, frame: Frame) -> bytes:
        clock = {
            "type": "clock",
            "media_s": round((frame.dts - self._base_dts) / TIMESCALE, 3),
            "wall_ms": frame.wall_us // 1000,
            "sent_ms": int(self._wall_clock() * 1000),
        }
        return websocket_text(json.dumps(clock))
