"""The audio of a movie: packets of the bus as samples laid end to end on the decode time line."""

from __future__ import annotations

from dataclasses import dataclass

from cambus.media import aac, opus
from cambus.media.audio import AudioConfig, packet_samples
from cambus.media.flac import MAX_BLOCK_SAMPLES, FlacEncoder
from cambus.media.frame import Codec, Frame
from cambus.media.g711 import decode_alaw, decode_ulaw
from cambus.media.mp4_movie import TIMESCALE

TOLERANCE = TIMESCALE // 10
"""How far packets may stray from the sample clock before it is set anew: 100 ms."""

LASTING = TIMESCALE // 25
"""How far they may stray on average: 40 ms, for what is seen and what is heard should be one."""

_SMOOTHING = 16
_ROUNDING = TIMESCALE // 100
_SILENT_AFTER = TIMESCALE // 2
_SILENT_AT_LAST = 4 * TIMESCALE
_LONGEST_FILL = 10 * TIMESCALE
_G711_SILENCE = {Codec.PCMA: b"\xd5", Codec.PCMU: b"\xff"}
_DECODERS = {Codec.PCMA: decode_alaw, Codec.PCMU: decode_ulaw}


@dataclass(frozen=True, slots=True)
class AudioSample:
    """One sample of the track: a packet's worth of sound. Times in 90 kHz ticks."""

    dts: int
    duration: int
    data: bytes


class AudioTrack:
    """Turns audio frames into samples.

    Timestamps of packets jitter, the sample clock does not: as long as both agree within `TOLERANCE`, and within
    `LASTING` on average, a packet begins where the last one ended. A packet that comes later begins at its own time;
    one that would have to begin earlier is dropped, until the clock has caught up. So is one that begins before the
    base: moved to it, it would put all sound behind it out of step.

    Args:
        config: G.711, AAC, Opus or FLAC.
        as_flac: make FLAC frames of G.711.
        base_pts: the time that becomes zero.
        fill_silence: put silence where packets are missing.
    """

    def __init__(
        self, config: AudioConfig, *, as_flac: bool = False, base_pts: int = 0, fill_silence: bool = False
    ) -> None:
        self._config = config
        self._flac = FlacEncoder(config.sample_rate) if as_flac else None
        self._base_pts = base_pts
        self._fill_silence = fill_silence
        self._started = False
        self._video_from: int | None = None
        self._anchor = 0
        self._samples = 0
        self._drift = 0.0
        self._silent_after = _SILENT_AFTER
        self._filled = False
        self.dropped = 0

    @property
    def end(self) -> int:
        """Where the next sample begins, in ticks."""
        return self._anchor + self._samples * TIMESCALE // self._config.sample_rate

    def take(self, frame: Frame) -> list[AudioSample]:
        """The samples of one packet; empty if it is of another codec, empty, or too late."""
        count = packet_samples(self._config, frame.payload)
        if frame.codec is not self._config.codec or not count:
            return []
        pts = frame.pts - self._base_pts
        if self.end - pts > (TOLERANCE if self._started else _ROUNDING) or self._runs_ahead(pts):
            self.dropped += 1
            if (
                self._filled
            ):  # it was only late: were there always silence in its place, it would never be heard
                self._filled, self._silent_after = False, min(2 * self._silent_after, _SILENT_AT_LAST)
            return []
        silence = []
        if not self._started:
            silence = self._begin(pts)
        elif pts - self.end > TOLERANCE or self._drift > LASTING:
            self._drift = 0.0
            silence = self._silence_until(pts) if self._fill_silence else []
            if not silence:
                self._restart(max(pts, self.end))
        return [*silence, self._sample(count, self._encode(frame.payload))]

    def fill(self, video_dts: int) -> list[AudioSample]:
        """Silence for as long as the video, now at `video_dts`, is half a second ahead; only if asked for."""
        if not self._fill_silence:
            return []
        if not self._started:
            if self._video_from is None:
                self._video_from = video_dts
            if video_dts - self._video_from <= self._silent_after:
                return []  # where the sound begins is for its first packet to say
            self._restart(self._video_from)
        if video_dts - self.end <= self._silent_after:
            return []
        self._filled = True
        return self._silence_until(video_dts - self._silent_after // 2)

    def _begin(self, pts: int) -> list[AudioSample]:
        """The first packet begins at its own time; the silence before it is filled in from the first picture on."""
        silence = []
        if self._video_from is not None and pts - self._video_from > TOLERANCE:
            self._restart(self._video_from)
            silence = self._silence_until(pts)
        self._restart(max(pts, self.end))
        return silence

    def _runs_ahead(self, pts: int) -> bool:
        """Whether the sample clock is ahead of the timestamps for long now."""
        if self._started:
            self._drift += (pts - self.end - self._drift) / _SMOOTHING
        if self._drift >= -LASTING:
            return False
        self._drift = 0.0
        return True

    def _silence_until(self, until: int) -> list[AudioSample]:
        if until - self.end > _LONGEST_FILL:
            self._restart(until)
        missing = (until - self.end) * self._config.sample_rate // TIMESCALE
        samples = []
        while missing > 0 and (silence := self._silence(missing)) is not None:
            count, data = silence
            missing -= count
            samples.append(self._sample(count, data))
        return samples

    def _silence(self, most: int) -> tuple[int, bytes] | None:
        """How many samples a piece of silence has, `most` or fewer, and what codes it; None if none is so short."""
        config = self._config
        if config.codec is Codec.AAC or config.codec is Codec.OPUS:
            piece = _coded_silence(config)
            return piece if piece is not None and piece[0] <= most else None
        if config.codec is Codec.FLAC:
            return None
        count = min(most, MAX_BLOCK_SAMPLES)
        if self._flac is not None:
            return count, self._flac.silence(count)
        return count, _G711_SILENCE[config.codec] * (count * config.channels)

    def _restart(self, at: int) -> None:
        self._started, self._anchor, self._samples = True, at, 0
        self._drift = 0.0

    def _sample(self, count: int, data: bytes) -> AudioSample:
        dts = self.end
        self._samples += count
        return AudioSample(dts, self.end - dts, data)

    def _encode(self, payload: bytes) -> bytes:
        if self._flac is None:
            return payload
        return self._flac.encode(_DECODERS[self._config.codec](payload))


def _coded_silence(config: AudioConfig) -> tuple[int, bytes] | None:
    if config.codec is Codec.OPUS:
        return opus.SILENCE_SAMPLES, opus.SILENCE
    if config.channels not in {1, 2}:
        return None
    silence = aac.silent_frame(config.channels)
    return packet_samples(config, silence), silence
