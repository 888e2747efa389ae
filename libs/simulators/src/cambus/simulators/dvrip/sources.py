"""Media of a simulated device: endless live pictures, recordings, and what its microphone hears.

Each is a `MediaSource` of the device role. Frames share the bytes of the loops; nothing is copied or encoded here.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final

from cambus.dvrip.device_backend import OutFrame
from cambus.simulators.dvrip.archive import Recording
from cambus.simulators.dvrip.framing import (
    AUDIO_HEAD,
    SERVICE_BLOCK,
    delta_head,
    info_frame,
    key_head,
    other_codec,
    with_wrong_length,
)
from cambus.simulators.dvrip.quirks import Quirks
from cambus.simulators.tone import PACKETS_PER_S, channel_tone
from cambus.simulators.video_loop import LoopStore, VideoLoop, VideoSpec

_INFO_EVERY_S: Final = 1.0
_SERVICE_EVERY_S: Final = 2.0
_GARBAGE_BYTES: Final = 64
_EXCESS_BYTES: Final = 1000


class LiveSource:
    """A channel as it is now: pictures and sound interleaved by time, for ever.

    Args:
        spec: what the stream shall look like; asked again at each key frame, so that a change of the encoder
            settings shows in mid-stream.
        local_time: the device's clock, for the DateTime of key frames.
        stream: 0 main, 1 and up extra.
        quirks: switches of the content.
        random: what garbage is made of.
    """

    def __init__(
        self,
        spec: Callable[[], VideoSpec],
        local_time: Callable[[], datetime],
        stream: int,
        quirks: Quirks,
        random: Random,
    ) -> None:
        self.stream = stream
        self._wanted = spec
        self._spec = spec()
        self._local_time = local_time
        self._quirks = quirks
        self._random = random
        self._tone = channel_tone(self._spec.channel)
        self._loop: VideoLoop | None = None
        self._index = 0
        self._video_s = 0.0
        self._audio_count = 0
        self._info_s = 0.0
        self._service_s = _SERVICE_EVERY_S
        self._frames = 0

    @property
    def ready(self) -> bool:
        """Whether the loop is encoded."""
        if self._loop is None:
            self._loop = LoopStore.shared.peek(self._spec)
            if self._loop is not None and self._quirks.mid_gop_start:
                self._index = max(1, self._spec.gop_frames // 2)
        return self._loop is not None

    def next_frame(self) -> OutFrame | None:
        """The next frame; a picture comes before the sound of the same instant."""
        quirks = self._quirks
        audio_s = self._audio_count / PACKETS_PER_S
        if quirks.audio and audio_s < self._video_s:
            packet = self._tone[self._audio_count % len(self._tone)]
            self._audio_count += 1
            return OutFrame(audio_s, AUDIO_HEAD, packet, video=False, audio=True)
        if not quirks.audio:
            self._audio_count = int(self._video_s * PACKETS_PER_S) + 1
        if quirks.info_frames and self._info_s <= self._video_s:
            self._info_s = self._video_s + _INFO_EVERY_S
            return OutFrame(self._video_s, b"", info_frame(), video=False)
        if quirks.service_blocks and self._service_s <= self._video_s:
            self._service_s = self._video_s + _SERVICE_EVERY_S
            return OutFrame(self._video_s, delta_head(len(SERVICE_BLOCK)), SERVICE_BLOCK, video=False)
        return self._picture()

    def skip_to_key(self) -> None:
        """Continue with the next key frame."""
        if self._loop is not None:
            self._index = self._loop.next_key(self._index)

    def seek(self, _time: datetime, /) -> bool:
        """Live cannot be sought."""
        return False

    def _picture(self) -> OutFrame:
        self._change_format()
        loop = self._loop
        if loop is None:  # `ready` is asked first
            raise RuntimeError("live source used before its loop was ready")
        quirks = self._quirks
        unit = loop.unit(self._index)
        while unit.keyframe and self._video_s < quirks.no_i_frame_s:
            self._index += 1
            unit = loop.unit(self._index)
        due = self._video_s
        self._index += 1
        self._video_s += 1 / loop.spec.fps
        self._frames += 1
        size = len(unit.data)
        head = key_head(loop.spec, size, self._local_time()) if unit.keyframe else delta_head(size)
        if self._frames == quirks.corrupt_length_at:
            head = with_wrong_length(head, _EXCESS_BYTES)
        if self._frames == quirks.garbage_at:
            head = self._random.randbytes(_GARBAGE_BYTES) + head
        return OutFrame(due, head, unit.data, key=unit.keyframe)

    def _change_format(self) -> None:
        """At a key frame, go over to what the stream shall look like now, once that is encoded."""
        loop = self._loop
        if loop is None or not loop.unit(self._index).keyframe:
            return
        wanted = self._wanted()
        if self._quirks.change_codec_at_s and self._video_s >= self._quirks.change_codec_at_s:
            wanted = other_codec(wanted)
        if wanted != loop.spec and (other := LoopStore.shared.peek(wanted)) is not None:
            self._loop, self._index = other, 0


class PlaybackSource:
    """Recordings one after the other, with their own DateTime stamps.

    Args:
        recordings: what to play, in order.
        loop_of: the loop a recording shows.
        begin: leave out what is older; None: nothing.
        end: stop there; None: at the end of the last recording.
        only_keys: the fast scan of ``Value`` 2: key frames only.
    """

    def __init__(
        self,
        recordings: Sequence[Recording],
        loop_of: Callable[[Recording], VideoLoop],
        *,
        begin: datetime | None = None,
        end: datetime | None = None,
        only_keys: bool = False,
    ) -> None:
        self.stream = recordings[0].stream
        self._recordings = list(recordings)
        self._loop_of = loop_of
        self._end = end
        self._only_keys = only_keys
        self._at = 0
        self._index = 0
        self._audio_count = 0
        self._elapsed_s = 0.0
        self._enter(0)
        if begin is not None and begin > recordings[0].begin:
            self.seek(begin)

    @property
    def ready(self) -> bool:
        """Always: the loops were encoded when the recordings were listed."""
        return True

    def next_frame(self) -> OutFrame | None:
        """The next frame, None at the end."""
        while self._at < len(self._recordings):
            recording, loop = self._recordings[self._at], self._loop
            video_s, audio_s = self._index / loop.spec.fps, self._audio_count / PACKETS_PER_S
            over = recording.begin + timedelta(seconds=min(video_s, audio_s))
            if self._end is not None and over >= self._end:
                return None
            if audio_s < video_s and audio_s < recording.seconds:
                return self._sound(audio_s)
            if video_s < recording.seconds:
                frame = self._picture(recording, loop, video_s)
                if frame is not None:
                    return frame
                continue
            if audio_s < recording.seconds:
                return self._sound(audio_s)
            self._elapsed_s += recording.seconds
            self._enter(self._at + 1)
        return None

    def skip_to_key(self) -> None:
        """Continue with the next key frame."""
        self._index = self._loop.next_key(self._index)

    def seek(self, time: datetime, /) -> bool:
        """Continue with the key frame at or before a device time; False outside of the recordings."""
        for at, recording in enumerate(self._recordings):
            if recording.begin <= time < recording.end:
                self._enter(at)
                position = (time - recording.begin).total_seconds()
                self._index = self._loop.key_before(int(position * self._loop.spec.fps))
                self._audio_count = round(self._index / self._loop.spec.fps * PACKETS_PER_S)
                return True
        return False

    def _enter(self, at: int) -> None:
        self._at, self._index, self._audio_count = at, 0, 0
        if at < len(self._recordings):
            recording = self._recordings[at]
            self._loop = self._loop_of(recording)
            self._tone = channel_tone(recording.channel + 1)

    def _picture(self, recording: Recording, loop: VideoLoop, video_s: float) -> OutFrame | None:
        unit = loop.unit(self._index)
        self._index += 1
        if self._only_keys and not unit.keyframe:
            return None
        size = len(unit.data)
        time = recording.begin + timedelta(seconds=int(video_s))
        head = key_head(loop.spec, size, time) if unit.keyframe else delta_head(size)
        return OutFrame(self._elapsed_s + video_s, head, unit.data, key=unit.keyframe)

    def _sound(self, audio_s: float) -> OutFrame:
        packet = self._tone[self._audio_count % len(self._tone)]
        self._audio_count += 1
        return OutFrame(self._elapsed_s + audio_s, AUDIO_HEAD, packet, video=False, audio=True)


class TalkSource:
    """What the microphone hears while somebody talks: a tone."""

    stream = 0
    ready = True

    def __init__(self) -> None:
        self._count = 0
        self._tone = channel_tone(0)

    def next_frame(self) -> OutFrame | None:
        """The next 40 ms."""
        packet = self._tone[self._count % len(self._tone)]
        due = self._count / PACKETS_PER_S
        self._count += 1
        return OutFrame(due, AUDIO_HEAD, packet, video=False, audio=True)

    def skip_to_key(self) -> None:
        """Sound has no key frames."""

    def seek(self, _time: datetime, /) -> bool:
        """A microphone cannot be sought."""
        return False
