"""Real frames on their way to a recorder's disk, without a recorder: what was recorded before a test began."""

from collections.abc import Iterable
from pathlib import Path

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


def real_frames(
    count: int,
    *,
    codec: Codec = Codec.H264,
    sound: bool = True,
    first: int = 0,
    flag_first: Flag = Flag.NONE,
    pause: int = 0,
    start_us: int = START_US,
) -> list[Frame]:
    """So many pictures of a loop with their sound, 25 a second; received `pause` pictures later than they count."""
    loop = LoopStore.shared.get(SPECS[codec])
    tone = channel_tone(1)
    frames: list[Frame] = []

    def add(kind: Kind, of: Codec, index: int, payload: bytes, flags: Flag) -> None:
        pts = (index + pause) * 3600
        wall_us = start_us + (index + pause) * 40_000
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


def keyframe_first(frames: list[Frame]) -> list[Frame]:
    """The same from the first keyframe on, which continues nothing."""
    first = next(i for i, frame in enumerate(frames) if frame.kind is Kind.VIDEO and frame.keyframe)
    frame = frames[first]
    return [frame._replace(flags=frame.flags | Flag.DISCONTINUITY), *frames[first + 1 :]]


def write_recordings(
    root: Path, key: StreamKey, frames: Iterable[Frame], *, segment_s: float = 4.0, close: bool = True
) -> list[tuple[int, int]]:
    """Record frames as the service does; the spans that were reported durable."""
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
