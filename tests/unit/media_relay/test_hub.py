"""The hub: from frames to every viewer of every output."""

import pytest

from cambus.media.frame import Codec, Flag, encode_frame
from cambus.media_relay.hub import HubLimits, StreamHub
from cambus.media_relay.output import http_output, websocket_output
from cambus.media_relay.viewer import Closed

FLV = http_output("flv", None, chunked=True)
WS = websocket_output("", None)


class Bench:
    """A hub whose formats write words, fed frame by frame at a time of the test's choosing."""

    def __init__(self, word_format, **limits):
        self.formats = {}
        self.now = 100.0

        def make(output, video, audio, base_dts):
            self.formats[output] = word_format()
            self.made_with = (video, audio, base_dts)
            return self.formats[output]

        self.hub = StreamHub(make, HubLimits(**limits))

    def push(self, *frames):
        for frame in frames:
            self.hub.push(frame, self.now)

    def pass_time(self, seconds):
        self.now += seconds
        self.hub.tick(self.now)


@pytest.fixture
def bench(word_format):
    return Bench(word_format)


@pytest.fixture
def running(bench, video, audio_config, keyframe):
    """A stream with sound, its first group of pictures under way."""
    bench.push(audio_config(0), video(1, key=True, payload=keyframe()), video(2))
    return bench


def test_a_stream_with_sound_is_ready_at_its_first_keyframe(bench, video, audio_config, keyframe):
    bench.push(audio_config(0))
    assert not bench.hub.ready
    bench.push(video(1, key=True, payload=keyframe()))
    assert bench.hub.ready
    assert (bench.hub.video.width, bench.hub.video.height) == (64, 64)
    assert bench.hub.audio.codec is Codec.PCMA


def test_a_stream_waits_briefly_for_its_sound(bench, video, audio_config, keyframe):
    bench.push(video(1, key=True, payload=keyframe()))
    assert not bench.hub.ready
    assert bench.hub.next_timeout() == pytest.approx(bench.now + 0.4)
    bench.now += 0.1
    bench.push(audio_config(2))
    assert bench.hub.ready
    assert bench.hub.audio is not None


def test_a_stream_without_sound_is_ready_after_the_wait(bench, video, keyframe):
    bench.push(video(1, key=True, payload=keyframe()))
    bench.pass_time(0.5)
    assert bench.hub.ready
    assert bench.hub.audio is None


def test_nobody_joins_before_the_stream_is_known(bench, wire, make_viewer):
    with pytest.raises(RuntimeError):
        bench.hub.join(FLV, make_viewer(wire()))


def test_a_viewer_who_comes_late_starts_with_the_cached_group(running, video, wire, make_viewer):
    socket = wire()
    running.hub.join(FLV, make_viewer(socket))
    assert bytes(socket.taken) == b"open K1 V2 "
    running.push(video(3))
    assert bytes(socket.taken) == b"open K1 V2 V3 "


def test_a_format_is_built_for_the_first_viewer_and_each_frame_serialised_once(
    running, video, wire, make_viewer
):
    assert not running.formats
    sockets = [wire() for _ in range(5)]
    for socket in sockets:
        running.hub.join(FLV, make_viewer(socket))
    assert list(running.formats) == [FLV]
    assert running.formats[FLV].packed == 2  # the cached group, for all five
    running.push(video(3))
    assert running.formats[FLV].packed == 3
    assert len({id(socket.sends[-1]) for socket in sockets}) == 1  # one buffer for everyone


def test_outputs_are_independent_and_go_with_their_last_viewer(running, video, wire, make_viewer):
    flv, ws = make_viewer(wire()), make_viewer(wire())
    running.hub.join(FLV, flv)
    running.hub.join(WS, ws)
    assert set(running.hub.renditions) == {FLV, WS}
    assert running.hub.viewers == 2
    assert running.hub.leave(flv) == FLV
    assert set(running.hub.renditions) == {WS}
    assert running.hub.leave(flv) is None
    packed = running.formats[FLV].packed
    running.push(video(3))
    assert running.formats[FLV].packed == packed


def test_sound_rides_with_the_next_picture(running, video, audio, wire, make_viewer):
    socket = wire()
    running.hub.join(FLV, make_viewer(socket))
    sends = len(socket.sends)
    running.push(audio(3))
    assert len(socket.sends) == sends
    running.push(video(4))
    assert socket.sends[sends:] == [b"A3 V4 "]


def test_sound_waits_at_most_its_hold_for_a_picture(running, audio, wire, make_viewer):
    socket = wire()
    running.hub.join(FLV, make_viewer(socket))
    sends = len(socket.sends)
    running.push(audio(3))
    assert running.hub.next_timeout() == pytest.approx(running.now + 0.06)
    running.pass_time(0.05)
    assert len(socket.sends) == sends
    running.push(audio(4))
    running.pass_time(0.02)
    assert socket.sends[sends:] == [b"A3 A4 "]
    assert running.hub.next_timeout() is None


def test_sound_before_a_keyframe_belongs_to_the_group_before(
    running, video, audio, keyframe, wire, make_viewer
):
    early, late = wire(), wire()
    running.hub.join(FLV, make_viewer(early))
    running.push(audio(3), video(4, key=True, payload=keyframe()))
    running.hub.join(FLV, make_viewer(late))
    assert bytes(early.taken) == b"open K1 V2 A3 K4 "
    assert bytes(late.taken) == b"open K4 "


def test_a_slow_viewer_does_not_hold_up_the_others(running, video, keyframe, wire, make_viewer):
    quick, slow = wire(), wire(room=0)
    running.hub.join(FLV, make_viewer(quick))
    running.hub.join(FLV, make_viewer(slow, queue_bytes=20))
    for seq in range(3, 20):
        running.push(video(seq))
    running.push(video(20, key=True, payload=keyframe()))
    assert bytes(quick.taken).split()[1:] == [b"K1", *(b"V%d" % n for n in range(2, 20)), b"K20"]
    slow.make_room(None)
    running.push(video(21), video(22, key=True, payload=keyframe()), video(23))
    assert bytes(slow.taken).split()[-2:] == [b"K22", b"V23"]
    assert b"V21" not in slow.taken


def test_a_change_of_resolution_reopens_the_outputs(running, video, keyframe, wire, make_viewer):
    socket = wire()
    running.hub.join(FLV, make_viewer(socket))
    running.push(video(3, key=True, payload=keyframe(width=96)), video(4))
    assert bytes(socket.taken) == b"open K1 V2 again K3 V4 "
    assert running.hub.video.width == 96


def test_viewers_of_an_output_that_cannot_follow_a_change_are_closed(
    running, video, keyframe, wire, make_viewer
):
    viewer = make_viewer(wire())
    running.hub.join(FLV, viewer)
    running.formats[FLV].follows = False
    running.push(video(3, key=True, payload=keyframe(width=96)))
    assert viewer.closed is Closed.FORMAT_CHANGED


def test_a_change_of_sound_waits_for_the_next_keyframe(
    running, video, audio_config, keyframe, wire, make_viewer
):
    socket = wire()
    running.hub.join(FLV, make_viewer(socket))
    running.push(audio_config(3, codec=Codec.PCMU), video(4))
    assert running.hub.audio.codec is Codec.PCMA
    running.push(video(5, key=True, payload=keyframe()))
    assert running.hub.audio.codec is Codec.PCMU
    assert bytes(socket.taken) == b"open K1 V2 V4 again K5 "


def test_the_same_parameters_again_change_nothing(running, video, audio_config, keyframe, wire, make_viewer):
    socket = wire()
    running.hub.join(FLV, make_viewer(socket))
    running.push(audio_config(3), video(4, key=True, payload=keyframe()))
    assert b"again" not in socket.taken


def test_a_group_too_large_to_keep_is_still_relayed(
    word_format, video, audio_config, keyframe, wire, make_viewer
):
    bench = Bench(word_format, gop_bytes=len(keyframe()) + 25)
    bench.push(audio_config(0), video(1, key=True, payload=keyframe()))
    early, late = wire(), wire()
    bench.hub.join(FLV, make_viewer(early))
    bench.push(*(video(seq) for seq in range(2, 6)))
    assert bench.hub.gop_bytes == 0
    bench.hub.join(FLV, make_viewer(late))
    assert bytes(late.taken) == b"open "
    bench.push(video(6), video(7, key=True, payload=keyframe()))
    assert bytes(early.taken) == b"open K1 V2 V3 V4 V5 V6 K7 "
    assert bytes(late.taken) == b"open K7 "


def test_after_a_gap_no_picture_is_relayed_until_a_keyframe(running, video, keyframe, wire, make_viewer):
    socket = wire()
    running.hub.join(FLV, make_viewer(socket))
    frames = [video(3), video(5), video(6), video(7, key=True, payload=keyframe()), video(8)]
    for frame in [video(1, key=True, payload=keyframe()), video(2), *frames]:
        for message in encode_frame(frame, 1 << 20):
            running.hub.receive(message, running.now)
    assert bytes(socket.taken).split()[-3:] == [b"V3", b"K7", b"V8"]
    assert running.hub.counts.gaps == 1
    assert running.hub.counts.dropped == 2


@pytest.mark.parametrize("data", [b"", b"hello", b"CBUS" + bytes(36), bytes(100)], ids=len)
def test_what_is_no_frame_is_counted_and_ignored(running, data):
    running.hub.receive(data, running.now)
    assert running.hub.counts.malformed == 1


def test_a_codec_without_an_output_is_told_and_its_viewers_closed(running, video, wire, make_viewer):
    viewer = make_viewer(wire())
    running.hub.join(FLV, viewer)
    running.push(video(3, key=True, codec=Codec.MJPEG))
    assert running.hub.unsupported is Codec.MJPEG
    assert viewer.closed is Closed.FORMAT_CHANGED


def test_the_end_of_a_stream_is_remembered(running, video):
    running.push(video(3, flags=Flag.END))
    assert running.hub.ended


def test_a_viewer_who_leaves_in_mid_delivery_does_not_disturb_the_others(running, video, wire):
    from cambus.media_relay.viewer import Viewer, ViewerLimits

    sockets = [wire() for _ in range(3)]

    def on_closed(viewer, reason):
        running.hub.leave(viewer)

    for socket in sockets:
        running.hub.join(FLV, Viewer(socket, ViewerLimits(), on_closed))
    sockets[1].broken = True
    running.push(video(3), video(4))
    assert [bytes(socket.taken).split()[-1] for socket in (sockets[0], sockets[2])] == [b"V4", b"V4"]
    assert running.hub.viewers == 2
