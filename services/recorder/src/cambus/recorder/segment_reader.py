"""One recorded file, read for playing: its pictures and its sound as they were on the bus, any part of it. Blocks."""

import os
from bisect import bisect_right
from collections.abc import Iterator
from heapq import merge
from pathlib import Path
from typing import NamedTuple, Self

from cambus.media.audio import AudioConfig
from cambus.media.errors import ContainerError
from cambus.media.fmp4_reader import Fragment, Sample, TrackRun, scan
from cambus.media.frame import Codec
from cambus.media.mp4_entry_reader import read_audio_entry, read_video_entry
from cambus.media.mp4_samples import sample_to_annexb
from cambus.media.nal import join_annexb
from cambus.recorder.extent import TICKS_PER_S
from cambus.recorder.index import Segment

PIECE_BYTES = 2 << 20
"""About how much is read at a time; a single picture may be larger."""


class Unit(NamedTuple):
    """A picture, or a packet of sound.

    Attributes:
        at: when it was received, as its decode time, in ticks of 90 kHz since 1970.
        cts: presentation less decode time, in ticks.
        codec: how it is coded.
        keyframe: whether it is a picture that decoding can begin at.
        payload: as on the bus: Annex B with parameter sets in every keyframe, or sound as its codec makes it.
        sound: with a keyframe, what the sound of the file is; None if it has none.
        gap: with the first one behind a time without recordings, that time, in ticks.
    """

    at: int
    cts: int
    codec: Codec
    keyframe: bool
    payload: bytes
    sound: AudioConfig | None = None
    gap: tuple[int, int] | None = None


def to_ticks(at_us: int) -> int:
    """Ticks of 90 kHz, rounded down."""
    return at_us * 9 // 100


def from_ticks(at: int) -> int:
    """Microseconds, rounded up, so that `to_ticks` gives the same ticks again."""
    return -(-at * 100 // 9)


class SegmentReader:
    """A file that is open for reading, up to where its row says it is durable.

    Raises:
        ContainerError: it cannot be played, or not any more.
        OSError: it cannot be read; it may have been deleted meanwhile.
    """

    def __init__(self, path: Path, origin_us: int, size: int) -> None:
        self.start = -(-origin_us * 9 // 100)  # never before its row says
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._end = min(os.fstat(self._descriptor).st_size, size)
            self._read_heads()
        except BaseException:
            os.close(self._descriptor)
            raise

    @classmethod
    def of(cls, root: Path, segment: Segment) -> Self:
        """The file of a segment."""
        return cls(root / segment.name.path(), segment.start_us, segment.extent.bytes)

    def _read_heads(self) -> None:
        found = scan(self._read, self._end)
        video, audio = found.init.track(video=True), found.init.track(video=False)
        if video is None or any(track.timescale != TICKS_PER_S for track in found.init.tracks):
            raise ContainerError("no video track, or one with another timescale")
        params = read_video_entry(video.entry)
        self._video, self._codec = video.track_id, params.codec
        self._sets = join_annexb(*params.sets)
        self._audio = None if audio is None else audio.track_id
        self._sound = None if audio is None else read_audio_entry(audio.entry)
        runs = [(each, run) for each in found.fragments if (run := each.run(self._video)) is not None]
        self._fragments: list[tuple[Fragment, TrackRun]] = runs
        self._begins = [run.dts for _, run in runs]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    @property
    def end(self) -> int:
        """Where its pictures end, in ticks since 1970."""
        return self.start + max((run.end_dts for _, run in self._fragments[-1:]), default=0)

    def forward(self, at: int) -> Iterator[list[Unit]]:
        """Everything from the keyframe at or before an instant on, some megabytes at a time."""
        first, dts = self._keyframe_before(at - self.start)
        yield from self._everything(first, dts)

    def behind(self, at: int) -> Iterator[list[Unit]]:
        """Everything that is later than an instant: for a file that has grown since it was read."""
        wanted = at - self.start + 1
        first = max(bisect_right(self._begins, wanted) - 1, 0)
        yield from self._everything(first, wanted)

    def keyframes(self, at: int) -> Iterator[list[Unit]]:
        """The keyframes from the one at or before an instant on, one by one."""
        first, dts = self._keyframe_before(at - self.start)
        for _, run in self._fragments[first:]:
            for sample in run.samples():
                if sample.sync and sample.dts >= dts:
                    yield [self._picture(sample)]

    def keyframes_behind(self, at: int) -> Iterator[list[Unit]]:
        """The keyframes that are later than an instant."""
        for _, run in self._fragments[max(bisect_right(self._begins, at - self.start) - 1, 0) :]:
            for sample in run.samples():
                if sample.sync and sample.dts > at - self.start:
                    yield [self._picture(sample)]

    def backwards(self, at: int) -> Iterator[list[Unit]]:
        """The keyframes that are earlier than an instant, the last one first."""
        for _, run in reversed(self._fragments):
            if run.dts + self.start < at:
                for sample in reversed([each for each in run.samples() if each.sync]):
                    if sample.dts + self.start < at:
                        yield [self._picture(sample)]

    def _everything(self, first: int, dts: int) -> Iterator[list[Unit]]:
        for fragment, run in self._fragments[first:]:
            wanted = run.since(dts)
            if wanted is None:
                continue
            sounds = list(self._sounds(fragment, dts))
            for piece in _pieces(wanted):
                last = piece[-1].dts + piece[-1].duration
                now = [each for each in sounds if each.at - self.start < last]
                sounds = sounds[len(now) :]
                yield list(merge(self._pictures(piece), now, key=lambda unit: unit.at))
            if sounds:
                yield sounds

    def _pictures(self, samples: list[Sample]) -> Iterator[Unit]:
        begin = samples[0].offset
        data = self._whole(begin, samples[-1].offset + samples[-1].size - begin)
        for sample in samples:
            yield self._unit(sample, data[sample.offset - begin :][: sample.size])

    def _picture(self, sample: Sample) -> Unit:
        return self._unit(sample, self._whole(sample.offset, sample.size))

    def _unit(self, sample: Sample, data: bytes) -> Unit:
        payload = sample_to_annexb(data, self._sets if sample.sync else b"")
        sound = self._sound if sample.sync else None
        at, cts = sample.dts + self.start, sample.pts - sample.dts
        return Unit(at, cts, self._codec, sample.sync, payload, sound)

    def _sounds(self, fragment: Fragment, dts: int) -> Iterator[Unit]:
        run = fragment.run(self._audio) if self._audio is not None else None
        run = run.since(dts) if run is not None else None
        if run is None or self._sound is None:
            return
        data = self._whole(run.offset, run.size)
        for sample in run.samples():
            payload = data[sample.offset - run.offset :][: sample.size]
            yield Unit(sample.dts + self.start, 0, self._sound.codec, keyframe=False, payload=payload)

    def _keyframe_before(self, dts: int) -> tuple[int, int]:
        """The fragment of the last keyframe at or before a time of the file, and its time; else of the first."""
        for index in range(bisect_right(self._begins, max(dts, 0)) - 1, -1, -1):
            run = self._fragments[index][1]
            found = [each.dts for each in run.samples() if each.sync and each.dts <= max(dts, 0)]
            if found:
                return index, found[-1]
        return 0, 0

    def _read(self, offset: int, size: int) -> bytes:
        return os.pread(self._descriptor, max(min(size, self._end - offset), 0), offset)

    def _whole(self, offset: int, size: int) -> bytes:
        data = self._read(offset, size)
        if len(data) != size:
            raise ContainerError("the file is shorter than it was", offset=offset)
        return data


def _pieces(run: TrackRun) -> Iterator[list[Sample]]:
    """The samples of a run, about `PIECE_BYTES` at a time; they lie one behind the other."""
    piece: list[Sample] = []
    size = 0
    for sample in run.samples():
        if piece and size + sample.size > PIECE_BYTES:
            yield piece
            piece, size = [], 0
        piece.append(sample)
        size += sample.size
    if piece:
        yield piece
