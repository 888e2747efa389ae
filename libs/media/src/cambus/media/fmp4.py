"""Fragmented MP4 of one video and one audio track (ISO/IEC 14496-12 §8.8), for MSE players and recordings.

A fragment is one `moof` and one `mdat` and stands for itself. The live relay makes one of each frame, the
recorder one of each GOP or two seconds; `cambus.media.fmp4_reader` lists them again.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from cambus.media.audio import AudioConfig
from cambus.media.errors import ContainerError
from cambus.media.fmp4_audio import AudioTrack
from cambus.media.frame import Frame, Kind
from cambus.media.mp4_boxes import box, box_header, full_box
from cambus.media.mp4_entries import audio_entry, video_entry
from cambus.media.mp4_movie import LONGEST_SAMPLE, TIMESCALE, MovieTrack, moov
from cambus.media.parameter_sets import VideoParams, annexb_to_length_prefixed

__all__ = ["AUDIO_TRACK", "TIMESCALE", "VIDEO_TRACK", "Fmp4Muxer"]

VIDEO_TRACK = 1
AUDIO_TRACK = 2
_FTYP = box(b"ftyp", b"iso6", (1).to_bytes(4, "big"), b"iso6iso5mp41")
_SYNC_SAMPLE = 0x02000000  # depends on no other (§8.8.3.1)
_OTHER_SAMPLE = 0x01010000  # depends on others, is no sync sample
_TYPICAL_FRAME = TIMESCALE // 25
_LONGEST_GUESS = TIMESCALE  # a longer pause is no frame duration to go on with
_BASE_IS_MOOF = 0x020000
_DEFAULT_FLAGS = 0x20
_MOOF_AND_MFHD_BYTES = 8 + 16


@dataclass(slots=True)
class _Run:
    """The samples of one track for one fragment; `rows` are the `trun` columns, row by row."""

    track_id: int
    dts: int
    count: int
    trun_flags: int
    rows: array[int]
    samples: list[bytes]
    size: int

    @property
    def traf_bytes(self) -> int:
        return 8 + 20 + 20 + 20 + 4 * len(self.rows)

    def traf(self, data_offset: int) -> bytes:
        """The `traf` box whose samples begin `data_offset` bytes behind the start of the `moof`."""
        rows = self.rows
        if sys.byteorder == "little":
            rows.byteswap()
        tfhd = full_box(
            b"tfhd", 0, _BASE_IS_MOOF | _DEFAULT_FLAGS, struct.pack(">II", self.track_id, _SYNC_SAMPLE)
        )
        tfdt = full_box(b"tfdt", 1, 0, self.dts.to_bytes(8, "big"))
        counts = struct.pack(">Ii", self.count, data_offset)
        return box(b"traf", tfhd, tfdt, full_box(b"trun", 1, self.trun_flags, counts, rows.tobytes()))


class Fmp4Muxer:
    """Makes the init segment and the fragments of one stream.

    Times are 90 kHz ticks. The decode time of a fragment is that of its first frame less `base_pts`, so
    fragments can be handed to viewers that join at any keyframe. Audio is laid end to end as long as its
    timestamps agree within 100 ms (see `AudioTrack`).

    Args:
        video: what the video track holds, None for audio alone.
        audio: what the audio track holds, None for video alone.
        base_pts: the time that becomes zero.
        audio_as_flac: carry G.711 as FLAC, which browsers can play in MSE.
        fill_silence: when audio falls half a second behind the video fill in silence (FLAC and G.711), so
            that a player that waits for both tracks goes on.

    Raises:
        ContainerError: a codec that has no sample entry here, or neither video nor audio.
    """

    def __init__(
        self,
        video: VideoParams | None,
        audio: AudioConfig | None = None,
        *,
        base_pts: int = 0,
        audio_as_flac: bool = False,
        fill_silence: bool = False,
    ) -> None:
        if video is None and audio is None:
            raise ContainerError("a movie needs video or audio")
        self._video = video
        self._base_pts = base_pts
        self._audio_entry = audio_entry(audio, as_flac=audio_as_flac) if audio is not None else None
        self._audio = None
        if audio is not None:
            self._audio = AudioTrack(
                audio, as_flac=audio_as_flac, base_pts=base_pts, fill_silence=fill_silence
            )
        self._sequence = 0
        self._last_dts = -1
        self._frame_duration = _TYPICAL_FRAME

    @property
    def codecs(self) -> str:
        """The `codecs` parameter of RFC 6381, e.g. `avc1.64001f,flac`."""
        video = () if self._video is None else (self._video.codec_string,)
        audio = () if self._audio_entry is None else (self._audio_entry.codec_string,)
        return ",".join((*video, *audio))

    @property
    def mime_type(self) -> str:
        """What `MediaSource.addSourceBuffer` wants."""
        return f'{"audio" if self._video is None else "video"}/mp4; codecs="{self.codecs}"'

    def init_segment(self) -> bytes:
        """`ftyp` and `moov`; the same bytes each time."""
        tracks = []
        if (video := self._video) is not None:
            entry = video_entry(video)
            tracks.append(MovieTrack(VIDEO_TRACK, b"vide", TIMESCALE, (entry,), video.width, video.height))
        if (audio := self._audio_entry) is not None:
            tracks.append(MovieTrack(AUDIO_TRACK, b"soun", TIMESCALE, (audio.entry,)))
        return _FTYP + moov(tracks, timescale=TIMESCALE)

    def fragment(self, frames: Sequence[Frame], *, next_video_dts: int | None = None) -> bytes:
        """`moof` and `mdat` of the frames, in decoding order; b"" if none of them has anything for a track.

        Args:
            frames: video and audio as they came; frames of other codecs than the tracks' are left out.
            next_video_dts: when the video frame behind them is due, which gives the last one its exact
                duration; without it the duration of the one before is taken.
        """
        video = self._video_run([f for f in frames if f.kind is Kind.VIDEO], next_video_dts)
        audio = self._audio_run([f for f in frames if f.kind is Kind.AUDIO])
        runs = [run for run in (video, audio) if run is not None]
        if not runs:
            return b""
        self._sequence += 1
        moof_bytes = _MOOF_AND_MFHD_BYTES + sum(run.traf_bytes for run in runs)
        mdat = box_header(b"mdat", sum(run.size for run in runs))
        data_offset = moof_bytes + len(mdat)
        trafs = []
        for run in runs:
            trafs.append(run.traf(data_offset))
            data_offset += run.size
        mfhd = full_box(b"mfhd", 0, 0, (self._sequence & 0xFFFFFFFF).to_bytes(4, "big"))
        samples = [sample for run in runs for sample in run.samples]
        return b"".join((box(b"moof", mfhd, *trafs), mdat, *samples))

    def _video_run(self, frames: list[Frame], next_dts: int | None) -> _Run | None:
        video = self._video
        if video is None:
            return None
        samples = [
            (frame, sample)
            for frame in frames
            if frame.codec is video.codec
            and (sample := annexb_to_length_prefixed(frame.payload, frame.codec))
        ]
        if not samples:
            return None
        times = self._decode_times([frame for frame, _ in samples], next_dts)
        reordered = any(frame.pts != frame.dts for frame, _ in samples)
        rows = array("I")
        for index, (frame, sample) in enumerate(samples):
            rows.append(min(times[index + 1] - times[index], LONGEST_SAMPLE))
            rows.append(len(sample))
            rows.append(_SYNC_SAMPLE if frame.keyframe else _OTHER_SAMPLE)
            if reordered:
                rows.append(frame.pts - frame.dts & 0xFFFFFFFF)
        flags = 0xF01 if reordered else 0x701
        data = [sample for _, sample in samples]
        return _Run(VIDEO_TRACK, times[0], len(samples), flags, rows, data, sum(map(len, data)))

    def _decode_times(self, frames: list[Frame], next_dts: int | None) -> list[int]:
        """Strictly rising decode times of the frames, and the end of the last."""
        times: list[int] = []
        for frame in frames:
            dts = max(frame.dts - self._base_pts, self._last_dts + 1)
            step = dts - self._last_dts
            if self._last_dts >= 0 and step <= _LONGEST_GUESS:
                # Rather too long than too short: MSE takes a frame that comes later than twice the duration
                # of the one before for a discontinuity and drops everything up to the next keyframe.
                self._frame_duration = max(step, (7 * self._frame_duration + step) // 8)
            self._last_dts = dts
            times.append(dts)
        end = times[-1] + self._frame_duration if next_dts is None else next_dts - self._base_pts
        times.append(max(end, times[-1] + 1))
        return times

    def _audio_run(self, frames: list[Frame]) -> _Run | None:
        track = self._audio
        if track is None:
            return None
        samples = [sample for frame in frames for sample in track.take(frame)]
        if self._last_dts >= 0:
            samples += track.fill(self._last_dts)
        if not samples:
            return None
        rows = array("I")
        ends = [sample.dts for sample in samples[1:]] + [samples[-1].dts + samples[-1].duration]
        for sample, end in zip(
            samples, ends, strict=True
        ):  # a gap between packets prolongs the one before it
            rows.append(min(end - sample.dts, LONGEST_SAMPLE))
            rows.append(len(sample.data))
        data = [sample.data for sample in samples]
        return _Run(AUDIO_TRACK, samples[0].dts, len(samples), 0x301, rows, data, sum(map(len, data)))
