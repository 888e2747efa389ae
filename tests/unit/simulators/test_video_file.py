"""Files a device is given to show: what leaves it is what is in them, dressed as DVRIP."""

from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from random import Random

import av
import pytest

from cambus.dvrip.frames import FrameType, VideoFrame, parse_header, unpack_time
from cambus.dvrip.media import StreamSplitter
from cambus.media.frame import Codec
from cambus.media.nal import iter_nal_units, join_annexb
from cambus.simulators.dvrip.media_plan import MediaPlan
from cambus.simulators.dvrip.quirks import Quirks
from cambus.simulators.dvrip.sources import LiveSource
from cambus.simulators.video_file import load_video
from cambus.simulators.video_loop import LoopStore, VideoSpec

NOON = datetime.fromisoformat("2026-03-01 12:00:00")
SPECS = {
    Codec.H264: VideoSpec(Codec.H264, 2592, 1944, fps=12, bitrate=500_000, gop_s=1.0, loop_s=2.0, channel=7),
    Codec.H265: VideoSpec(Codec.H265, 352, 288, fps=20, bitrate=200_000, gop_s=1.0, loop_s=3.0, channel=7),
}
FFMPEG = {Codec.H264: "h264", Codec.H265: "hevc"}


def without_repeated_sets(loop):
    """The loop's bytes as some encoders write them: parameter sets at the very beginning only."""
    first = loop.units[0].data
    kinds = {7, 8} if loop.spec.codec is Codec.H264 else {32, 33, 34}
    out = [first]
    for unit in loop.units[1:]:
        nals = [
            nal
            for nal in iter_nal_units(unit.data)
            if (nal[0] & 31 if loop.spec.codec is Codec.H264 else nal[0] >> 1 & 63) not in kinds
        ]
        out.append(join_annexb(*nals))
    return b"".join(out)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """An MP4 of each codec, and a bare stream with its parameter sets at the beginning only."""
    folder = tmp_path_factory.mktemp("video")
    made = {}
    for codec, spec in SPECS.items():
        loop = LoopStore.shared.get(spec)
        bare = folder / f"bare.{FFMPEG[codec]}"
        bare.write_bytes(without_repeated_sets(loop))
        made[codec, "bare"] = bare
        mp4 = made[codec, "mp4"] = folder / f"{FFMPEG[codec]}.mp4"
        with av.open(str(bare), format=FFMPEG[codec]) as source, av.open(str(mp4), "w") as target:
            stream = target.add_stream_from_template(source.streams.video[0])
            for number, packet in enumerate(source.demux(video=0)):
                if packet.size:
                    packet.stream = stream
                    packet.time_base = Fraction(1, spec.fps)
                    packet.pts = packet.dts = number
                    packet.duration = 1
                    target.mux(packet)
    return made


def slices(units, codec):
    """The coded pictures, without what stands around them."""
    first_other = 6 if codec is Codec.H264 else 32
    kind = (lambda nal: nal[0] & 31) if codec is Codec.H264 else (lambda nal: nal[0] >> 1 & 63)
    return [[nal for nal in iter_nal_units(unit) if kind(nal) < first_other] for unit in units]


def live(loop, **quirks):
    MediaPlan(videos=(loop,))
    return LiveSource(lambda: loop.spec, lambda: NOON, 0, Quirks(**{"audio": False, **quirks}), Random(1))


def frames_of(source, count):
    assert source.ready
    return [source.next_frame() for _ in range(count)]


@pytest.mark.parametrize("form", ["mp4", "bare"])
@pytest.mark.parametrize("codec", SPECS)
def test_every_picture_of_a_file_is_in_its_loop(files, codec, form):
    loop, made = load_video(files[codec, form]), LoopStore.shared.get(SPECS[codec])
    assert (loop.spec.codec, loop.spec.width, loop.spec.height) == (codec, made.spec.width, made.spec.height)
    pictures = slices([unit.data for unit in loop.units], codec)
    assert pictures == slices([unit.data for unit in made.units], codec)
    keys = [index for index, unit in enumerate(loop.units) if unit.keyframe]
    assert keys == [index for index, unit in enumerate(made.units) if unit.keyframe]
    decoder = av.CodecContext.create(FFMPEG[codec], "r")  # may begin at any key frame: the sets are repeated
    assert decoder.decode(av.Packet(loop.units[keys[-1]].data)) + decoder.decode(None)


@pytest.mark.parametrize("codec", SPECS)
def test_headers_and_pace_are_those_of_the_file(files, codec):
    loop, spec = load_video(files[codec, "mp4"]), SPECS[codec]
    assert loop.spec.fps == spec.fps
    count = 2 * len(loop.units) + 5  # past the end it begins anew
    frames = frames_of(live(loop), count)
    splitter = StreamSplitter()
    data = b"".join(frame.head + frame.body for frame in frames)
    got = splitter.receive_data(data)
    assert [frame.payload for frame in got] == [loop.unit(index).data for index in range(count)]
    assert {(f.codec, f.width, f.height, f.fps) for f in got} == {(codec, spec.width, spec.height, spec.fps)}
    assert splitter.counters["resyncs"] == 0
    for frame, unit in zip(frames, map(loop.unit, range(count)), strict=True):
        header = parse_header(frame.head)
        assert header.type is (FrameType.KEY if unit.keyframe else FrameType.DELTA)
        if unit.keyframe:
            assert unpack_time(header.time) == NOON
    assert all(
        after.due_s - before.due_s == pytest.approx(1 / spec.fps) for before, after in pairwise(frames)
    )


def test_a_stream_begins_in_the_middle_of_a_group_and_has_service_blocks(files):
    loop = load_video(files[Codec.H265, "mp4"])
    frames = frames_of(live(loop, mid_gop_start=True, service_blocks=True), 5 * loop.spec.fps)
    splitter = StreamSplitter()
    got = [each for frame in frames for each in splitter.receive_data(frame.head + frame.body)]
    assert not frames[0].key
    first_key = next(index for index, frame in enumerate(frames) if frame.key)
    assert splitter.counters["waiting"] == first_key
    assert splitter.counters["service_blocks"] == 2  # one every 2 s
    assert all(isinstance(frame, VideoFrame) for frame in got)
    assert len(got) == len(frames) - first_key - 2


def test_channels_take_turns_with_several_files(files):
    loops = tuple(load_video(files[codec, "mp4"]) for codec in SPECS)
    plan = MediaPlan(videos=loops)
    assert [plan.spec(channel, 0) for channel in range(3)] == [loops[0].spec, loops[1].spec, loops[0].spec]
    assert plan.spec(0, 1).source is None


def test_what_cannot_be_played_is_refused_by_name(tmp_path, files):
    text = tmp_path / "notes.txt"
    text.write_text("no video " * 100)
    odd = tmp_path / "odd.mp4"
    reordered = tmp_path / "reordered.mp4"
    for path, width, b_frames in ((odd, 324, 0), (reordered, 320, 2)):
        with av.open(str(path), "w") as target:
            stream = target.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = width, 240, "yuv420p"
            stream.codec_context.max_b_frames = b_frames
            stream.options = {"x264-params": "b-adapt=0:scenecut=0"}  # whatever the pictures show
            for index in range(30):
                frame = av.VideoFrame(width, 240, "yuv420p")
                frame.pts = index
                target.mux(stream.encode(frame))
            target.mux(stream.encode(None))
    for path, reason in (
        (text, "notes.txt"),
        (tmp_path / "missing.mp4", "No such file"),
        (odd, "multiples of 8"),
        (reordered, "B-frames"),
    ):
        with pytest.raises(ValueError, match=reason):
            load_video(path)


def test_dates_of_key_frames_follow_the_devices_clock(files):
    loop = load_video(files[Codec.H264, "mp4"])
    MediaPlan(videos=(loop,))
    clock = iter(range(100))
    source = LiveSource(
        lambda: loop.spec, lambda: NOON + timedelta(seconds=next(clock)), 0, Quirks(audio=False), Random(1)
    )
    keys = [frame for frame in frames_of(source, 3 * loop.spec.fps) if frame.key]
    assert [unpack_time(parse_header(key.head).time) for key in keys] == [
        NOON + timedelta(seconds=n) for n in range(3)
    ]
