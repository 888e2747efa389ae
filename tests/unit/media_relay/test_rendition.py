"""One buffer to many viewers: those who keep up, those who do not, and what each of them was sent."""

from random import Random

import pytest

from cambus.media.frame import Codec, Flag, Frame, Kind
from cambus.media_relay.rendition import Rendition
from cambus.media_relay.viewer import Closed, Viewer, ViewerLimits


class Bytes:
    """Serialises a frame as its payload."""

    def opening(self):
        return b"<opening>"

    def pack(self, frames):
        return b"".join(frame.payload for frame in frames)

    def reopen(self, video, audio):
        return b""


def picture(number, size=40):
    key = number % 5 == 0
    flags = Flag.KEYFRAME if key else Flag.NONE
    payload = (b"K" if key else b"d") * size
    return Frame(Kind.VIDEO, Codec.H264, flags, number, number * 3600, number * 3600, 0, payload)


def test_who_falls_behind_and_catches_up_misses_whole_groups_only(wire, make_viewer):
    rendition = Rendition("bytes", Bytes())
    fast, slow = wire(), wire()
    for socket in (fast, slow):
        rendition.join(make_viewer(socket, queue_bytes=100))
    for number in range(20):
        if number == 2:
            slow.room = 10
        if number == 8:
            slow.make_room(None)
        rendition.push(picture(number))
    everything = b"".join(picture(number).payload for number in range(20))
    assert bytes(fast.taken) == b"<opening>" + everything
    # It had two pictures more queued when the third found no room, and went on with the next keyframe.
    kept = b"".join(picture(number).payload for number in (0, 1, 2, 3, *range(10, 20)))
    assert bytes(slow.taken) == b"<opening>" + kept


@pytest.mark.parametrize("seed", range(20))
def test_what_each_viewer_was_sent_is_counted_whatever_happens_to_it(wire, seed):
    chance = Random(seed)
    rendition, other = Rendition("bytes", Bytes()), Rendition("other", Bytes())
    viewers = {}

    def left(viewer, reason):
        for each in (rendition, other):
            each.leave(viewer)

    for number in range(200):
        action = chance.random()
        if action < 0.2 or not viewers:
            socket = wire()
            viewer = Viewer(socket, ViewerLimits(150, 400), left)
            viewers[viewer] = socket
            rendition.join(viewer)
        else:
            viewer, socket = chance.choice(list(viewers.items()))
            if action < 0.4:
                socket.room = chance.randrange(60)
            elif action < 0.55 and viewer.closed is None:
                socket.make_room(None)
            elif action < 0.6:
                socket.broken = True
            elif action < 0.65:
                viewer.close(Closed.LEFT)
            elif action < 0.75 and viewer.closed is None:  # a pause, then another output
                for each in (rendition, other):
                    each.leave(viewer)
                viewer.restart()
                chance.choice((rendition, other)).join(viewer, opening=b"")
        for each in (rendition, other):
            each.push(picture(number, chance.randrange(1, 80)))
        for viewer, socket in viewers.items():
            assert viewer.sent_bytes == len(socket.taken)
    told = sum(viewer.take_counts()[0] for viewer in viewers)
    assert told == sum(len(socket.taken) for socket in viewers.values())
    assert all(viewer.take_counts()[0] == 0 for viewer in viewers)
