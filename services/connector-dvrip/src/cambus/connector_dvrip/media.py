"""Frames of the device, as frames of the bus: stamped by a timeline, sound described at every keyframe."""

from datetime import datetime
from typing import Final

from cambus.connector_dvrip.clock import DeviceZone
from cambus.dvrip.frames import AudioFrame, InfoFrame, MediaFrame, PictureFrame, VideoFrame
from cambus.media.aac import AacParameters, iter_adts
from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Flag, Frame, Kind
from cambus.media.recorded_timeline import RecordedTimeline
from cambus.media.timeline import Timeline

_TICKS: Final = 90_000
_BYTES_PER_SAMPLE: Final = {Codec.PCMA: 1, Codec.PCMU: 1}


class FrameMaker:
    """Makes the bus's frames of one stream.

    Args:
        zone: of the device's clock, to compare its dates with ours.
        audio: whether sound is wanted.
        timeline: gives the frames their times; by default by their arrival.

    Attributes:
        format_changes: how often codec or size changed in mid-stream.
        clock_jump_s: by how much the device's clock was set, when the last picture showed that it was.
        sound: what the sound is, None before the first.
        opaque_audio: packets of sound nobody here can name.
    """

    def __init__(
        self, zone: DeviceZone, *, audio: bool = True, timeline: Timeline | RecordedTimeline | None = None
    ) -> None:
        self.format_changes = 0
        self.clock_jump_s: float | None = None
        self.sound: AudioConfig | None = None
        self.opaque_audio = 0
        self._zone = zone
        self._audio = audio
        self._timeline = timeline or Timeline()
        self._pts = 0

    @property
    def drift_s(self) -> float | None:
        """Seconds the device's clock is ahead of ours, by the dates in the video; None before the first."""
        return self._timeline.clock_offset_s

    def frames(self, media: MediaFrame, arrival_us: int) -> list[Frame]:
        """Return what one frame of the device becomes: none, one, or a keyframe and what the sound is."""
        if isinstance(media, VideoFrame):
            return self._video(media, arrival_us)
        if isinstance(media, AudioFrame):
            return self._sound(media, arrival_us) if self._audio else []
        if isinstance(media, InfoFrame):
            return [self._frame(Kind.DATA, Codec.OPAQUE, Flag.NONE, self._pts, arrival_us, media.payload)]
        return [self._picture(media, arrival_us)]

    def _video(self, media: VideoFrame, arrival_us: int) -> list[Frame]:
        if not media.codec.is_video:
            return []
        stamp = self._timeline.video(
            keyframe=media.keyframe,
            fps=media.fps,
            arrival_us=arrival_us,
            device_time=self._utc(media.device_time),
        )
        self._pts = stamp.pts
        if stamp.clock_jump_s is not None:
            self.clock_jump_s = stamp.clock_jump_s
        self.format_changes += media.format_changed
        flags = Flag.KEYFRAME if media.keyframe else Flag.NONE
        if stamp.discontinuity or media.discontinuity or media.format_changed:
            flags |= Flag.DISCONTINUITY
        frames = [self._frame(Kind.VIDEO, media.codec, flags, stamp.pts, arrival_us, media.payload)]
        if media.keyframe and self.sound is not None:
            frames.append(self._config(self.sound, stamp.pts, arrival_us))
        return frames

    def _sound(self, media: AudioFrame, arrival_us: int) -> list[Frame]:
        codec = media.codec
        if codec is Codec.AAC and (pieces := list(iter_adts(media.payload))):
            return self._aac(pieces, arrival_us)
        if codec is Codec.OPAQUE:
            self.opaque_audio += 1
        samples = len(media.payload) // _BYTES_PER_SAMPLE[codec] if codec in _BYTES_PER_SAMPLE else 0
        stamp = self._timeline.audio(samples=samples, sample_rate=media.sample_rate, arrival_us=arrival_us)
        frames = [self._frame(Kind.AUDIO, codec, Flag.NONE, stamp.pts, arrival_us, media.payload)]
        known = self.sound
        if known is None or known.codec is not codec or known.sample_rate != media.sample_rate:
            self.sound = AudioConfig(codec, media.sample_rate, 1)
            frames.insert(0, self._config(self.sound, stamp.pts, arrival_us))
        return frames

    def _aac(self, pieces: list[tuple[AacParameters, bytes]], arrival_us: int) -> list[Frame]:
        """AAC without its headers, described as the bus has it.

        Without a header it is left as it came, and not described: a few devices say AAC and send PCM (DVRIP §9.2).
        """
        parameters = pieces[0][0]
        rate, samples = parameters.sample_rate, parameters.frame_samples
        config = AudioConfig(Codec.AAC, rate, parameters.channels, parameters.serialize())
        stamp = self._timeline.audio(samples=len(pieces) * samples, sample_rate=rate, arrival_us=arrival_us)
        frames = []
        for number, (_, payload) in enumerate(pieces):
            pts = stamp.pts + number * samples * _TICKS // rate
            frames.append(self._frame(Kind.AUDIO, Codec.AAC, Flag.NONE, pts, arrival_us, payload))
        if config != self.sound:
            self.sound = config
            frames.insert(0, self._config(config, stamp.pts, arrival_us))
        return frames

    def _config(self, sound: AudioConfig, pts: int, arrival_us: int) -> Frame:
        payload = sound.serialize()
        return self._frame(Kind.AUDIO_CONFIG, sound.codec, Flag.CONFIG, pts, arrival_us, payload)

    def _picture(self, media: PictureFrame, arrival_us: int) -> Frame:
        return self._frame(Kind.DATA, Codec.MJPEG, Flag.NONE, self._pts, arrival_us, media.payload)

    def _frame(self, kind: Kind, codec: Codec, flags: Flag, pts: int, wall_us: int, payload: bytes) -> Frame:
        return Frame(kind, codec, flags, 0, pts, pts, wall_us, payload)

    def _utc(self, local: datetime | None) -> datetime | None:
        return None if local is None else self._zone.to_utc(local)
