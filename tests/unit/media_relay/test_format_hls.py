"""HLS: where segments and parts are cut, what is listed and kept, what the playlists say."""

import asyncio
import re

import pytest

from cambus.media.fmp4_reader import read_fragment, scan
from cambus.media.frame import Flag
from cambus.media.mp4_boxes import bytes_reader
from cambus.media.parameter_sets import ParameterSetTracker
from cambus.media_relay.format_hls import HlsFormat
from cambus.media_relay.hls_playlist import media_playlist, multivariant_playlist
from cambus.media_relay.hls_segments import HlsLimits


class Cutter:
    """A rendition fed with pictures at a rate, a keyframe every so many of them."""

    def __init__(self, video, payload, *, fps=25, gop=25, **limits):
        self.params = ParameterSetTracker().update(payload)
        self.form = HlsFormat(self.params, None, 0, HlsLimits(**limits))
        self._video = video
        self._payload = payload
        self.fps = fps
        self.gop = gop
        self.at = 0
        self.dts = 0
        self.wall_us = None

    def run(self, seconds, **changes):
        for _ in range(int(seconds * self.fps)):
            self.push(**changes)

    def push(self, *, key=None, flags=Flag.NONE, skip_s=0.0, payload=None):
        key = self.at % self.gop == 0 if key is None else key
        self.dts += int(skip_s * 90_000)
        payload = payload or (self._payload if key else b"\0\0\0\1\x41" + b"x" * 40)
        frame = self._video(self.at, key=key, dts=self.dts, payload=payload, flags=flags)
        self.form.pack([frame if self.wall_us is None else frame._replace(wall_us=self.wall_us)])
        self.at += 1
        self.dts += 90_000 // self.fps

    @property
    def listed(self):
        return self.form.window.listed

    @property
    def playlist(self):
        return media_playlist(self.form)


@pytest.fixture
def cutter(video, keyframe):
    def make(**options):
        return Cutter(video, keyframe(), **options)

    return make


def tags(playlist, name):
    return re.findall(rf"^#{name}(?::(.*))?$", playlist, re.MULTILINE)


@pytest.mark.parametrize(("gop", "seconds"), [(25, 2), (50, 2), (75, 3), (13, 2.08), (100, 4)], ids=str)
def test_segments_end_with_the_first_keyframe_behind_their_shortest_length(cutter, gop, seconds):
    cut = cutter(gop=gop)
    cut.run(20)
    _, *regular = [each for each in cut.listed if each.complete]
    assert regular
    for segment in regular:
        assert segment.independent
        assert segment.seconds == pytest.approx(seconds)
        assert round(segment.seconds) <= cut.form.target_s


@pytest.mark.parametrize("fps", [1, 2, 3, 5, 6, 7, 9, 10, 12, 15, 18, 20, 24, 25, 30, 50, 60])
def test_parts_are_as_long_as_the_protocol_wants(cutter, fps):
    """Not above PART-TARGET, and not below 85 % of it but at the end of a segment (§4.4.4.9)."""
    cut = cutter(fps=fps, gop=2 * fps)
    cut.run(20)
    target = float(re.search(r"PART-TARGET=([\d.]+)", cut.playlist)[1])
    assert target <= max(0.43, 1.1 / fps)
    for segment in cut.listed[1:]:
        assert all(part.seconds <= target for part in segment.parts)
        assert all(part.seconds >= 0.85 * target for part in segment.parts[:-1])
        assert segment.parts[0].independent
        assert not any(part.independent for part in segment.parts[1:])


def test_a_segment_is_its_parts_and_every_picture_is_in_one(cutter):
    cut = cutter(gop=50, segments=6)
    cut.run(9)
    *complete, growing = cut.listed
    assert not growing.complete
    init = cut.form.window.inits[0]
    dts = []
    for segment in complete:
        assert b"".join(part.data for part in segment.parts) == segment.data
        whole = init + segment.data
        assert len(scan(bytes_reader(whole), len(whole)).fragments) == len(segment.parts)
        for part in segment.parts:
            fragment = read_fragment(bytes_reader(bytes(part.data)), 0, len(part.data))
            (run,) = fragment.runs
            dts += [sample.dts for sample in run.samples()]
            assert run.duration == part.ticks
    assert dts == [3600 * number for number in range(len(dts))]
    assert len(dts) == 200


def test_the_playlist_is_not_served_before_it_is_known_how_long_segments_become(cutter):
    cut = cutter(gop=50)
    cut.run(2)
    assert not cut.form.ready
    cut.push()
    assert cut.form.ready
    assert tags(cut.playlist, "EXT-X-TARGETDURATION") == ["2"]


@pytest.mark.parametrize("gop_s", [5, 8, 10, 12])
def test_a_segment_is_a_whole_group_of_pictures_where_cameras_can_be_set_to_that(cutter, gop_s):
    cut = cutter(gop=25 * gop_s)
    cut.run(7 * gop_s + 1)
    assert tags(cut.playlist, "EXT-X-TARGETDURATION") == [str(gop_s)]
    complete = [each for each in cut.listed if each.complete]
    assert [each.seconds for each in complete] == pytest.approx([gop_s] * 3)
    assert all(each.independent for each in complete)
    assert tags(cut.playlist, "EXT-X-INDEPENDENT-SEGMENTS") == [""]


def test_an_encoder_that_sends_a_keyframe_a_minute_is_cut_all_the_same(cutter):
    cut = cutter(gop=1500)
    cut.run(119)
    assert tags(cut.playlist, "EXT-X-TARGETDURATION") == ["12"]
    assert all(round(each.seconds) <= 12 for each in cut.listed)
    assert "EXT-X-INDEPENDENT-SEGMENTS" not in cut.playlist


def test_the_target_holds_when_groups_of_pictures_become_longer(cutter):
    cut = cutter(gop=50)
    cut.run(6)
    before = cut.form.target_s
    cut.gop = 250
    cut.run(30)
    assert cut.form.target_s == before
    assert all(round(each.seconds) <= before for each in cut.listed)


def test_once_a_segment_has_begun_without_a_keyframe_none_is_said_to(cutter):
    """A playlist may only grow, shrink and count on (RFC 8216 §6.2.1): the tag can not come and go."""
    cut = cutter(gop=50)
    cut.run(6)
    assert "EXT-X-INDEPENDENT-SEGMENTS" in cut.playlist
    cut.run(4, key=False)
    assert "EXT-X-INDEPENDENT-SEGMENTS" not in cut.playlist
    cut.at = 0
    cut.run(30)
    assert all(each.independent for each in cut.listed)
    assert "EXT-X-INDEPENDENT-SEGMENTS" not in cut.playlist


def asked(cut, seconds, *, obeys=False):
    """When a keyframe was due for the first time in each segment; an encoder that obeys sends it two pictures later."""
    times, since = [], None
    for _ in range(int(seconds * cut.fps)):
        key = obeys and since is not None and cut.at - since == 2
        due = cut.form.keyframe_due
        cut.push(key=key or cut.at == 0 or None)
        since = None if key else since
        if cut.form.keyframe_due and not due:
            times.append(cut.at / cut.fps)
            since = cut.at
    return times


@pytest.mark.parametrize("gop", [25, 50, 100, 125, 13])
def test_keyframes_that_come_in_time_are_not_asked_for(cutter, gop):
    assert asked(cutter(gop=gop), 40) == []


def test_a_keyframe_is_asked_for_before_the_first_segment_becomes_long(cutter):
    cut = cutter(gop=100_000)
    times = asked(cut, 40, obeys=True)
    assert times[0] == pytest.approx(5.5, abs=0.1)
    assert len(times) == 7, "and for each of those that follow: the encoder would send none"
    assert tags(cut.playlist, "EXT-X-TARGETDURATION") == ["6"]
    assert all(each.independent for each in cut.listed)
    assert "EXT-X-INDEPENDENT-SEGMENTS" in cut.playlist


def test_a_keyframe_is_asked_for_when_groups_of_pictures_have_become_longer(cutter):
    cut = cutter(gop=50)
    assert asked(cut, 8) == []
    cut.gop = 100_000
    assert asked(cut, 8, obeys=True)
    assert cut.form.target_s == 2
    assert all(each.independent for each in cut.listed)
    assert all(round(each.seconds) <= 2 for each in cut.listed)


def test_the_playlist_names_what_is_there(cutter):
    cut = cutter(gop=50)
    cut.run(7)
    text = cut.playlist
    assert text.startswith("#EXTM3U\n#EXT-X-VERSION:6\n")
    assert tags(text, "EXTINF") == ["2.00000,"] * 3
    assert re.findall(r"^segment-(\d+)\.m4s$", text, re.MULTILINE) == ["0", "1", "2"]
    assert tags(text, "EXT-X-MAP") == ['URI="init-0.mp4"']
    assert "CAN-BLOCK-RELOAD=YES" in text
    parts = re.findall(r'^#EXT-X-PART:DURATION=[\d.]+,URI="part-(\d+)\.m4s"', text, re.MULTILINE)
    assert parts == [str(number) for number in range(cut.form.window.next_part)]
    assert tags(text, "EXT-X-PRELOAD-HINT") == [f'TYPE=PART,URI="part-{cut.form.window.next_part}.m4s"']
    assert len(tags(text, "EXT-X-PROGRAM-DATE-TIME")) == 4
    assert "EXT-X-ENDLIST" not in text


def test_parts_are_listed_for_three_target_durations_only(cutter):
    cut = cutter(gop=50)
    cut.run(14)
    first = re.search(r"EXT-X-PART:DURATION=[\d.]+,URI=\"part-(\d+)", cut.playlist)[1]
    listed_s = sum(part.seconds for each in cut.listed for part in each.parts if part.number >= int(first))
    assert 6 <= listed_s <= 8


@pytest.mark.parametrize(("gop", "target_s"), [(25, 2), (50, 2), (100, 4), (250, 10), (49, 2), (60, 2)])
def test_a_playlist_is_never_shorter_than_three_targets_nor_longer_than_that_takes(cutter, gop, target_s):
    cut = cutter(gop=gop)
    for _ in range(12 * target_s * 25):
        cut.push()
        complete = [each for each in cut.listed if each.complete]
        if complete and complete[0].msn:
            seconds = sum(each.seconds for each in complete)
            assert 3 * target_s <= seconds < 3 * target_s + max(each.seconds for each in complete) + 0.1
            assert tags(cut.playlist, "EXT-X-MEDIA-SEQUENCE") == [str(complete[0].msn)]
    assert complete[0].msn > 3


@pytest.mark.parametrize("gop", [25, 50, 100, 49, 250, 1500])
def test_what_left_the_playlist_is_there_as_long_as_the_standard_wants_and_no_longer(cutter, gop):
    """For as long as it lasts itself, and the longest playlist that named it (RFC 8216 §6.2.2)."""
    cut = cutter(gop=gop)
    window, left, longest = cut.form.window, {}, {}
    for at in range(25 * 150):
        listed = {each.msn: each.seconds for each in cut.listed if each.complete}
        duration = sum(listed.values())
        cut.push()
        for msn, seconds in listed.items():
            longest[msn] = max(longest.get(msn, 0), duration)
            if msn not in {each.msn for each in cut.listed}:
                left[msn] = at / 25 + seconds + longest[msn]
        for msn, until in left.items():
            # What it lasted is known when a part is complete.
            assert at / 25 > until - 0.001 or window.segment(msn) is not None
            assert at / 25 <= until + 0.5 or window.segment(msn) is None
    assert len(left) >= 3
    assert window.part(0) is None


def test_eight_target_durations_are_held(cutter):
    cut = cutter(gop=50)
    most, rate = 0, 41_000
    for _ in range(25 * 60):
        cut.push(payload=None if cut.at % 50 == 0 else b"\0\0\0\1\x41" + b"y" * (rate // 25 - 110))
        most = max(most, cut.form.window.size_bytes)
    assert 14 * rate < most < 16 * rate


def test_more_segments_are_listed_if_that_is_wanted(cutter):
    cut = cutter(gop=50, segments=5)
    cut.run(40)
    assert len([each for each in cut.listed if each.complete]) == 5


def test_bytes_bound_what_is_kept(cutter):
    cut = cutter(gop=50, bytes=1 << 20, segments=6)
    for _ in range(40):
        cut.push(key=True, payload=cut._payload + b"\0\0\0\1\x65" + b"y" * 5_000)
        for _ in range(49):
            cut.push(key=False, payload=b"\0\0\0\1\x41" + b"y" * 5_000)
    assert cut.form.window.size_bytes < 2 << 20
    assert len([each for each in cut.listed if each.complete]) >= 3


def test_pictures_of_absurd_size_end_a_segment_early(cutter):
    cut = cutter(gop=50, bytes=1 << 20)
    cut.push(key=True)
    for _ in range(100):
        cut.push(key=False, payload=b"\0\0\0\1\x41" + b"y" * 200_000)
    assert cut.form.window.size_bytes < 3 << 20


def test_a_new_resolution_is_a_discontinuity_with_an_initialisation_segment_of_its_own(cutter, keyframe):
    cut = cutter(gop=50)
    cut.run(5)
    wide = keyframe(width=96)
    assert cut.form.reopen(ParameterSetTracker().update(wide), None) == b""
    cut.push(key=True, payload=wide)
    cut.run(1)
    text = cut.playlist
    assert tags(text, "EXT-X-MAP") == ['URI="init-0.mp4"', 'URI="init-1.mp4"']
    assert text.index("EXT-X-DISCONTINUITY\n") < text.index("init-1.mp4")
    assert set(cut.form.window.inits) == {0, 1}
    assert cut.form.window.inits[0] != cut.form.window.inits[1]
    assert "RESOLUTION=96x64" in multivariant_playlist([(cut.form, "s")])


@pytest.mark.parametrize("change", [{"skip_s": 4.0}, {"flags": Flag.DISCONTINUITY}])
def test_a_loss_is_a_discontinuity(cutter, change):
    cut = cutter(gop=50)
    cut.run(5)
    cut.push(key=True, **change)
    cut.at = 1
    cut.run(3)
    segments = cut.listed
    broken = [each for each in segments if each.discontinuity]
    assert len(broken) == 1
    assert sum(each.seconds for each in segments) < 9
    assert cut.playlist.count("#EXT-X-DISCONTINUITY\n") == 1


def test_discontinuities_that_left_the_playlist_are_counted(cutter):
    cut = cutter(gop=50, segments=3)
    cut.run(5)
    cut.push(key=True, flags=Flag.DISCONTINUITY)
    cut.at = 1
    cut.run(30)
    assert tags(cut.playlist, "EXT-X-DISCONTINUITY-SEQUENCE") == ["1"]
    assert "#EXT-X-DISCONTINUITY\n" not in cut.playlist


def test_at_the_end_everything_is_listed_and_nothing_hinted(cutter):
    cut = cutter(gop=50)
    cut.run(5)
    cut.form.end()
    text = cut.playlist
    assert text.endswith("#EXT-X-ENDLIST\n")
    assert "PRELOAD-HINT" not in text
    assert sum(each.seconds for each in cut.listed) == pytest.approx(5, abs=0.05)
    cut.run(5)
    assert cut.playlist == text


def test_a_playback_shorter_than_a_group_of_pictures_has_a_playlist_too(cutter):
    cut = cutter(gop=50)
    cut.run(1)
    cut.form.end()
    assert cut.form.ready
    assert len(tags(cut.playlist, "EXTINF")) == 1


def test_the_multivariant_playlist_says_what_is_in_the_stream(cutter):
    cut = cutter(gop=50)
    cut.run(9)
    text = multivariant_playlist([(cut.form, "secret")])
    assert f'CODECS="{cut.params.codec_string}"' in text
    assert "RESOLUTION=64x64" in text
    assert int(re.search(r"[:,]BANDWIDTH=(\d+)", text)[1]) >= int(
        re.search(r"AVERAGE-BANDWIDTH=(\d+)", text)[1]
    )
    assert text.endswith("\nsecret/live.m3u8\n")


def test_variants_are_listed_the_best_first_each_as_it_is(cutter, keyframe):
    main, small = cutter(gop=50), cutter(gop=100)
    for cut in (main, small):
        cut.run(9)
    small.form.reopen(ParameterSetTracker().update(keyframe(width=96)), None)
    text = multivariant_playlist([(main.form, "main/a"), (small.form, "sub/b")])
    assert re.findall(r"RESOLUTION=(\d+x\d+)", text) == ["64x64", "96x64"]
    assert re.findall(r"^[^#].*$", text, re.MULTILINE) == ["main/a/live.m3u8", "sub/b/live.m3u8"]
    assert len(tags(text, "EXT-X-STREAM-INF")) == 2


def test_variants_have_one_target_duration_unless_it_is_too_late(cutter):
    cut = cutter(gop=50)
    cut.run(5)
    assert not cut.form.raise_target(1), "segments are longer than that"
    assert cut.form.raise_target(4)
    assert tags(cut.playlist, "EXT-X-TARGETDURATION") == ["4"]
    cut.form.served = True
    assert cut.form.raise_target(4)
    assert not cut.form.raise_target(6)
    cut.run(30)
    complete = [each.seconds for each in cut.listed if each.complete]
    assert complete == pytest.approx([2.0] * 6), "three target durations"


def first_dts(cut):
    part = cut.listed[0].parts[0]
    (run,) = read_fragment(bytes_reader(bytes(part.data)), 0, len(part.data)).runs
    return next(iter(run.samples())).dts


@pytest.mark.parametrize(
    ("wall_us", "seconds"), [(50_000_000, 0), (50_000_001, 0), (57_250_000, 7.25), (1_000_000, 0)]
)
def test_media_time_is_that_of_the_clock_so_that_variants_match(cutter, wall_us, seconds):
    """Matching content has matching times (RFC 8216 §6.2.4), whenever a stream was begun and whatever its own times."""
    cut = cutter(gop=50, epoch_us=50_000_000)
    cut.dts = 987_654_321
    cut.wall_us = wall_us
    cut.run(4)
    assert first_dts(cut) == round(seconds * 90_000)


@pytest.mark.parametrize(
    ("msn", "part", "there"),
    [
        (1, None, True),
        (2, None, False),  # growing
        (2, 0, True),
        (2, 1, True),
        (2, 2, False),
        (1, 99, True),  # means the first part of the next
        (3, 0, False),
        (0, 0, True),
    ],
)
def test_what_a_blocking_reload_waits_for(cutter, msn, part, there):
    cut = cutter(gop=50)
    cut.run(4 + 2 * 0.4)
    cut.push()
    assert cut.form.window.next_msn == 3
    assert cut.form.window.reaches(msn, part) is there


async def test_who_waits_is_woken_by_the_next_part(cutter):
    cut = cutter(gop=50)
    cut.run(2.1)
    window, wanted = cut.form.window, cut.form.window.next_part
    waiting = asyncio.create_task(window.until(lambda: window.part(wanted), 60))
    await asyncio.sleep(0)
    assert not waiting.done()
    cut.run(1)
    async with asyncio.timeout(20):
        assert (await waiting).number == wanted


async def test_nobody_waits_for_a_stream_that_was_closed(cutter):
    cut = cutter(gop=50)
    window = cut.form.window
    waiting = asyncio.create_task(window.until(lambda: None, 60))
    await asyncio.sleep(0)
    cut.form.abandon()
    async with asyncio.timeout(20):
        assert await waiting is None
