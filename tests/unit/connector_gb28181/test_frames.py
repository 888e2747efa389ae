"""Units of a media session become frames that can be decoded, with sound that is described."""

from itertools import pairwise

import pytest

from cambus.connector_gb28181.unit_queue import UnitQueue
from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Kind
from cambus.media.mpegps import StreamUnit
from cambus.media.stamps import FileStamps, LiveStamps, PlaybackStamps
from cambus.media.unit_frames import SVAC_VIDEO, FrameMaker
from cambus.simulators.video_loop import LoopStore, VideoSpec

STEP = 9000


@pytest.fixture(scope="module", params=[Codec.H264, Codec.H265])
def loop(request):
    """Two groups of ten pictures."""
    spec = VideoSpec(codec=request.param, width=96, height=80, fps=10, bitrate=60_000, gop_s=1.0, loop_s=2.0)
    return LoopStore.shared.future(spec).result()


def units(loop, count=20, first=0, pts=1_000_000):
    codec = loop.spec.codec
    return [StreamUnit(codec, 0, loop.unit(first + n).data, pts + n * STEP) for n in range(count)]


def frames(maker, units, arrival_us=0):
    return [frame for unit in units for frame in maker.frames(unit, arrival_us)]


def keys(frames):
    return [number for number, frame in enumerate(frames) if frame.keyframe]


def without_sets(unit):
    """A keyframe as an encoder writes it that sends its parameter sets apart; and these."""
    start = b"\x00\x00\x00\x01"
    pieces = [
        piece
        for piece in unit.payload.replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01")
        if piece
    ]
    wanted = {7, 8} if unit.codec is Codec.H264 else {32, 33, 34}
    kind = (lambda p: p[0] & 31) if unit.codec is Codec.H264 else (lambda p: p[0] >> 1 & 63)
    sets = b"".join(start + piece for piece in pieces if kind(piece) in wanted)
    rest = b"".join(start + piece for piece in pieces if kind(piece) not in wanted)
    return StreamUnit(unit.codec, 0, sets, unit.pts), StreamUnit(unit.codec, 0, rest, unit.pts)


def test_keyframes_are_seen_and_what_comes_before_the_first_is_left_out(loop):
    maker = FrameMaker(LiveStamps())
    made = frames(maker, units(loop, 20, first=3))
    assert keys(made) == [0, 10]
    assert len(made) == 13
    assert maker.left_out["waiting"] == 7


def test_parameter_sets_that_come_apart_are_put_before_every_keyframe(loop):
    maker, plain = FrameMaker(LiveStamps()), units(loop, 20)
    sets, bare = without_sets(plain[0])
    assert keys(frames(maker, [bare])) == []  # nobody could decode it
    made = frames(maker, [sets, bare, *plain[1:10], without_sets(plain[10])[1], *plain[11:]])
    assert keys(made) == [0, 10]
    assert made[0].payload.startswith(sets.payload)
    assert made[10].payload.startswith(sets.payload)
    assert len(made) == 20


@pytest.mark.parametrize(
    ("slice_", "keyframe"),
    [
        (b"\x41\x9a\x00", False),  # first_mb 0, type 5: P
        (b"\x61\x88\x80", True),  # first_mb 0, type 7: I
        (b"\x61\xb0\x00", True),  # first_mb 0, type 2: I
        (b"\x61", False),  # cut short
    ],
)
def test_a_group_without_an_idr_picture_begins_with_a_slice_that_needs_no_other(slice_, keyframe):
    spec = VideoSpec(width=96, height=80, fps=10, bitrate=60_000, gop_s=1.0, loop_s=1.0)
    sets, _ = without_sets(units(LoopStore.shared.future(spec).result(), 1)[0])
    start = b"\x00\x00\x00\x01"
    with_sets = StreamUnit(Codec.H264, 0, sets.payload + start + slice_, 0)
    assert bool(keys(frames(FrameMaker(LiveStamps()), [with_sets]))) is keyframe
    assert not keys(frames(FrameMaker(LiveStamps()), [sets, StreamUnit(Codec.H264, 0, start + slice_, 0)]))


def test_what_is_missing_is_marked_and_told(loop):
    maker, plain = FrameMaker(LiveStamps()), units(loop, 5)
    plain[3] = StreamUnit(plain[3].codec, 0, plain[3].payload, plain[3].pts, discontinuity=True)
    assert [frame.discontinuity for frame in frames(maker, plain)] == [False, False, False, True, False]
    assert maker.damaged


def test_live_time_is_the_devices_from_when_it_began_and_goes_on_when_it_begins_anew(loop):
    maker = FrameMaker(LiveStamps())
    made = frames(maker, units(loop, 10), arrival_us=50_000_000)
    assert made[0].pts == 50_000_000 * 9 // 100
    assert {after.pts - before.pts for before, after in pairwise(made)} == {STEP}


def test_a_device_whose_seconds_are_too_long_is_set_right_at_a_keyframe(loop):
    maker = FrameMaker(LiveStamps())
    slow = units(loop, 20)
    made = [frame for n, unit in enumerate(slow) for frame in maker.frames(unit, n * 2_000_000)]
    assert made[10].discontinuity
    assert made[10].pts == 10 * 2_000_000 * 9 // 100
    assert all(before.pts < after.pts for before, after in pairwise(made))


@pytest.mark.parametrize("drift", [0.9995, 1.0005, 0.99, 1.01])
def test_a_clock_that_drifts_is_followed_over_the_days(loop, drift):
    maker, plain = FrameMaker(LiveStamps()), units(loop, 20)
    made = []
    for number in range(40_000):  # more than an hour of pictures
        unit = plain[number % 20]
        arrival_us = 10**9 + number * 100_000 + number * 7919 % 30_000
        timed = StreamUnit(unit.codec, 0, unit.payload, round(number * STEP * drift))
        made += [(frame.pts, arrival_us * 9 // 100) for frame in maker.frames(timed, arrival_us)]
    assert all(before[0] < after[0] for before, after in pairwise(made))
    most = 90_000 * (0.3 if abs(drift - 1) < 0.001 else 3)
    assert max(abs(pts - arrival) for pts, arrival in made) < most


def test_without_any_time_arrival_counts(loop):
    maker = FrameMaker(LiveStamps())
    plain = [StreamUnit(unit.codec, 0, unit.payload, None) for unit in units(loop, 3)]
    made = [frame for n, unit in enumerate(plain) for frame in maker.frames(unit, n * 100_000)]
    assert [frame.pts for frame in made] == [0, STEP, 2 * STEP]


def test_time_of_a_file_depends_on_nothing_but_its_content(loop):
    def written(pts, arrival_us):
        maker, sound = FrameMaker(FileStamps()), b"\xd5" * 800
        mixed = [
            u
            for unit in units(loop, 20, pts=pts)
            for u in (unit, StreamUnit(Codec.PCMA, 0x90, sound, arrival_us))
        ]
        return [(frame.kind, frame.pts) for frame in frames(maker, mixed, arrival_us)]

    first, second = written(77, 5), written(77, 999_999)
    assert first == second
    heard = [pts for kind, pts in first if kind is Kind.AUDIO]
    assert [after - before for before, after in pairwise(heard)] == [STEP] * 19


def test_sound_of_a_file_that_drifts_is_set_back_to_the_picture(loop):
    maker, short = FrameMaker(FileStamps()), b"\xd5" * 400  # half of what the pictures last
    mixed = [u for unit in units(loop, 20) for u in (unit, StreamUnit(Codec.PCMA, 0x90, short, None))]
    made = frames(maker, mixed)
    heard = [frame.pts for frame in made if frame.kind is Kind.AUDIO]
    shown = [frame.pts for frame in made if frame.kind is Kind.VIDEO]
    assert abs(heard[11] - shown[11]) < 2 * STEP


def test_a_playback_at_another_speed_is_timed_by_arrival_and_at_its_own_by_the_device(loop):
    stamps = PlaybackStamps()
    maker = FrameMaker(stamps)
    plain = units(loop, 20)
    made = frames(maker, plain[:5], 0)
    stamps.speed = 4.0
    made += [frame for n, unit in enumerate(plain[5:10]) for frame in maker.frames(unit, n * 25_000)]
    stamps.speed = 1.0
    made += frames(maker, plain[10:], 10**9)
    steps = [after.pts - before.pts for before, after in pairwise(made)]
    assert steps[:4] == [STEP] * 4
    assert steps[5:9] == [STEP // 4] * 4
    assert steps[10:] == [STEP] * 9
    assert all(step > 0 for step in steps)


def test_sound_is_described_before_it_comes_and_with_every_keyframe(loop):
    maker = FrameMaker(LiveStamps())
    mixed = [u for unit in units(loop, 20) for u in (StreamUnit(Codec.PCMU, 0x91, b"\xff" * 800, None), unit)]
    made = frames(maker, mixed)
    kinds = [frame.kind for frame in made]
    assert kinds[:2] == [Kind.AUDIO_CONFIG, Kind.AUDIO]
    configs = [AudioConfig.parse(frame.payload) for frame in made if frame.kind is Kind.AUDIO_CONFIG]
    assert configs == [AudioConfig(Codec.PCMU, 8000, 1)] * 3


def adts(payload, *, index=8, channels=1, crc=False):
    """An ADTS frame of AAC-LC (ISO/IEC 13818-7 §6.2)."""
    size = len(payload) + (9 if crc else 7)
    head = bytes(
        (
            0xFF,
            0xF0 if crc else 0xF1,
            1 << 6 | index << 2 | channels >> 2,
            (channels & 3) << 6 | size >> 11,
            size >> 3 & 0xFF,
            (size & 7) << 5 | 0x1F,
            0xFC,
        )
    )
    return head + (b"\x00\x00" if crc else b"") + payload


@pytest.mark.parametrize("crc", [False, True])
def test_aac_is_cut_into_frames_without_their_headers(crc):
    maker = FrameMaker(LiveStamps())
    pieces = [bytes([n]) * (50 + n) for n in range(3)]
    data = b"".join(adts(piece, crc=crc) for piece in pieces)
    made = maker.frames(StreamUnit(Codec.AAC, 0x0F, data, 900), 0)
    assert [frame.payload for frame in made if frame.kind is Kind.AUDIO] == pieces
    config = AudioConfig.parse(made[0].payload)
    assert config == AudioConfig(Codec.AAC, 16000, 1, bytes((0x14, 0x08)))
    heard = [frame.pts for frame in made if frame.kind is Kind.AUDIO]
    assert {after - before for before, after in pairwise(heard)} == {1024 * 90_000 // 16000}


@pytest.mark.parametrize(
    "data", [b"", b"\xff", adts(b"x" * 20)[:12], b"\xff\xf1\xff\xff\xff\xff\xff\xff", b"\x00" * 50]
)
def test_aac_that_is_none_is_left_out(data):
    assert FrameMaker(LiveStamps()).frames(StreamUnit(Codec.AAC, 0x0F, data, 0), 0) == []


def test_pictures_nobody_decodes_are_counted_and_unknown_sound_is_passed_on():
    maker = FrameMaker(LiveStamps())
    assert maker.frames(StreamUnit(Codec.OPAQUE, SVAC_VIDEO, b"svac", 0), 0) == []
    assert maker.left_out["foreign"] == 1
    made = maker.frames(StreamUnit(Codec.OPAQUE, 0x92, b"g722", 0), 0)
    assert [frame.codec for frame in made] == [Codec.OPAQUE, Codec.OPAQUE]


def test_mpeg4_keyframes_are_told_by_their_vop():
    maker = FrameMaker(LiveStamps())
    intra = StreamUnit(Codec.MPEG4, 0x10, b"\x00\x00\x01\xb0\x01\x00\x00\x01\xb6\x10", 0)
    other = StreamUnit(Codec.MPEG4, 0x10, b"\x00\x00\x01\xb6\x50", 3600)
    assert keys(frames(maker, [other, intra, other])) == [0]


async def test_a_queue_that_is_full_leaves_out_and_marks_what_comes_after(loop):
    queue, plain = UnitQueue(max_units=3), units(loop, 6)
    queue.put(plain[:5])
    assert (queue.dropped, len(queue)) == (2, 3)
    assert [await queue.get() for _ in range(3)] == plain[:3]
    queue.put(plain[5:])
    assert (await queue.get()).discontinuity
    assert queue.bytes == 0


async def test_a_queue_is_bounded_in_bytes(loop):
    plain = units(loop, 6)
    queue = UnitQueue(max_bytes=len(plain[0].payload))
    queue.put(plain)
    assert len(queue) == 1
    queue.clear()
    assert (len(queue), queue.bytes) == (0, 0)
