"""Real frames and a folder to record into."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Flag, Frame, Kind
from cambus.recorder.cutting import Cutter
from cambus.recorder.index import Index
from cambus.recorder.layout import StreamKey
from cambus.recorder.stream_writer import StreamWriter
from cambus.simulators.tone import channel_tone
from cambus.simulators.video_loop import LoopStore, VideoSpec

SPECS = {
    Codec.H264: VideoSpec(width=320, height=240, fps=25, bitrate=300_000),
    Codec.H265: VideoSpec(codec=Codec.H265, width=320, height=240, fps=25, bitrate=300_000),
}
START_US = 1_770_000_000_000_000
SOUND = AudioConfig(Codec.PCMA, 8000, 1)
KEY = StreamKey("gate-1", 0, "main")


def real_frames(
    count: int, *, codec: Codec = Codec.H264, sound: bool = True, first: int = 0, flag_first: Flag = Flag.NONE
) -> list[Frame]:
    """So many pictures of a loop with their sound, 25 a second."""
    loop = LoopStore.shared.get(SPECS[codec])
    tone = channel_tone(1)
    frames: list[Frame] = []

    def add(kind: Kind, of: Codec, index: int, payload: bytes, flags: Flag) -> None:
        pts = index * 3600
        wall_us = START_US + index * 40_000
        frames.append(Frame(kind, of, flags, len(frames), pts, pts, wall_us, payload))

    for index in range(first, first + count):
        unit = loop.unit(index)
        flags = Flag.KEYFRAME if unit.keyframe else Flag.NONE
        if index == first:
            flags |= flag_first
        add(Kind.VIDEO, codec, index, unit.data, flags)
        if sound:
            if unit.keyframe:
                add(Kind.AUDIO_CONFIG, SOUND.codec, index, SOUND.serialize(), Flag.CONFIG)
            add(Kind.AUDIO, SOUND.codec, index, tone[index % len(tone)], Flag.NONE)
    return frames


@pytest.fixture
def frames() -> Callable[..., list[Frame]]:
    return real_frames


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "recordings"


@pytest.fixture
def record(root: Path) -> Callable[..., list[tuple[int, int]]]:
    """Records frames as the service does; the spans that were reported durable."""

    def run(
        frames: list[Frame], *, segment_s: float = 4.0, key: StreamKey = KEY, close: bool = True
    ) -> list[tuple[int, int]]:
        spans: list[tuple[int, int]] = []
        cutter = Cutter(segment_s=segment_s, fragment_s=1.0)
        with Index(root) as index:
            writer = StreamWriter(
                key,
                root,
                index,
                on_durable=lambda start, end: spans.append((start, end)),
                on_closed=lambda segment: None,
            )
            for frame in frames:
                writer.write(cutter.push(frame))
            if close:
                writer.write(cutter.finish())
        return spans

    return run
