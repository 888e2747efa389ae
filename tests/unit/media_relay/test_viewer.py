"""A viewer: one send in the common case, a bounded queue otherwise, and the rules for slow ones."""

from cambus.media_relay.viewer import Closed


def test_a_buffer_the_kernel_takes_is_sent_as_it_is_and_never_queued(wire, make_viewer):
    socket = wire()
    viewer = make_viewer(socket)
    shared = b"k" * 50
    viewer.deliver(shared, keyframe=True)
    assert socket.sends == [shared]
    assert socket.sends[0] is shared
    assert viewer.queued_bytes == 0
    assert not socket.watched


def test_only_the_unsent_tail_is_queued_and_it_shares_the_buffer(wire, make_viewer):
    socket = wire(room=30)
    viewer = make_viewer(socket)
    shared = b"k" * 50
    viewer.deliver(shared, keyframe=True)
    assert viewer.queued_bytes == 20
    assert socket.watched
    socket.make_room(None)
    assert bytes(socket.taken) == shared
    assert isinstance(socket.sends[-1], memoryview)
    assert socket.sends[-1].obj is shared
    assert viewer.queued_bytes == 0
    assert not socket.watched


def test_what_follows_a_tail_stays_behind_it(wire, make_viewer):
    socket = wire(room=3)
    viewer = make_viewer(socket)
    for data in (b"first", b"second", b"third"):
        viewer.deliver(data, keyframe=data == b"first")
    for _ in range(5):
        socket.make_room(2)
    socket.make_room(None)
    assert bytes(socket.taken) == b"firstsecondthird"
    assert viewer.sent_bytes == len(b"firstsecondthird")


def test_nothing_is_sent_before_the_first_keyframe(wire, make_viewer):
    socket = wire()
    viewer = make_viewer(socket)
    viewer.deliver(b"delta", keyframe=False)
    viewer.deliver(b"key", keyframe=True)
    viewer.deliver(b"delta", keyframe=False)
    assert bytes(socket.taken) == b"keydelta"


def test_a_slow_viewer_skips_to_the_next_keyframe_that_finds_room(wire, make_viewer):
    socket = wire(room=0)
    viewer = make_viewer(socket, queue_bytes=100)
    viewer.deliver(b"K" * 60, keyframe=True)
    viewer.deliver(b"a" * 60, keyframe=False)  # over the bound
    assert viewer.skipping
    assert viewer.skips == 1
    viewer.deliver(b"b" * 10, keyframe=False)  # would fit, but refers to what was skipped
    viewer.deliver(b"L" * 60, keyframe=True)  # no room yet
    assert viewer.skipping
    socket.make_room(None)
    viewer.deliver(b"c" * 10, keyframe=False)
    viewer.deliver(b"M" * 60, keyframe=True)
    viewer.deliver(b"d" * 10, keyframe=False)
    assert bytes(socket.taken) == b"K" * 60 + b"M" * 60 + b"d" * 10
    assert viewer.closed is None
    assert viewer.skips == 1


def test_the_opening_group_is_sent_whole_however_large(wire, make_viewer):
    socket = wire(room=0)
    viewer = make_viewer(socket, queue_bytes=100, hard_bytes=1000)
    viewer.begin(b"open", [b"k" * 300, b"d" * 300])
    assert viewer.closed is None
    assert viewer.queued_bytes == 604
    viewer.deliver(b"e" * 10, keyframe=False)
    assert viewer.skipping


def test_a_viewer_past_the_hard_bound_is_closed_once(wire, make_viewer):
    socket = wire(room=0)
    viewer = make_viewer(socket, hard_bytes=1000)
    viewer.begin(b"", [b"k" * 900, b"d" * 200, b"e"])
    assert make_viewer.reasons == {viewer: Closed.OVERFLOW}
    assert socket.closed
    assert viewer.queued_bytes == 0
    viewer.deliver(b"more", keyframe=True)
    viewer.close(Closed.LEFT)
    assert viewer.closed is Closed.OVERFLOW


def test_a_peer_that_takes_nothing_for_too_long_is_given_up(wire, make_viewer, clock):
    socket = wire(room=5)
    viewer = make_viewer(socket, stall_s=10)
    viewer.deliver(b"keyframe", keyframe=True)
    clock.advance(9)
    socket.make_room(1)  # progress, however little
    clock.advance(9)
    viewer.check()
    assert viewer.closed is None
    clock.advance(2)
    viewer.check()
    assert viewer.closed is Closed.STALLED
    assert socket.closed


def test_a_viewer_with_nothing_queued_is_never_stalled(wire, make_viewer, clock):
    viewer = make_viewer(wire(), stall_s=10)
    viewer.deliver(b"keyframe", keyframe=True)
    clock.advance(1000)
    viewer.check()
    assert viewer.closed is None


def test_a_peer_that_has_gone_is_noticed_by_the_send(wire, make_viewer):
    socket = wire()
    viewer = make_viewer(socket)
    socket.broken = True
    viewer.deliver(b"keyframe", keyframe=True)
    assert make_viewer.reasons == {viewer: Closed.LEFT}


def test_a_peer_that_goes_while_its_queue_drains_is_noticed(wire, make_viewer):
    socket = wire(room=1)
    viewer = make_viewer(socket)
    viewer.deliver(b"keyframe", keyframe=True)
    socket.broken = True
    socket.make_room(5)
    assert viewer.closed is Closed.LEFT


def test_after_a_restart_the_viewer_waits_for_a_keyframe(wire, make_viewer):
    socket = wire()
    viewer = make_viewer(socket)
    viewer.begin(b"", [b"K"])
    viewer.restart()
    viewer.deliver(b"d", keyframe=False)
    viewer.deliver(b"L", keyframe=True)
    assert bytes(socket.taken) == b"KL"


def test_counts_are_handed_over_once(wire, make_viewer):
    viewer = make_viewer(wire())
    viewer.deliver(b"12345", keyframe=True)
    assert viewer.take_counts() == (5, 0)
    assert viewer.take_counts() == (0, 0)


def test_a_peer_that_acknowledges_has_not_stalled_though_its_socket_takes_nothing_new(
    wire, make_viewer, clock
):
    socket = wire(room=50)
    socket.descriptor, left = 99, [50]
    socket.unacknowledged = lambda: left[0]
    viewer = make_viewer(socket, stall_s=10.0)
    viewer.deliver(b"k" * 60, keyframe=True)
    for _ in range(30):
        clock.advance(1.0)
        left[0] -= 1
        viewer.check()
    assert viewer.closed is None
    for _ in range(11):
        clock.advance(1.0)
        viewer.check()
    assert viewer.closed is Closed.STALLED


def test_a_peer_that_acknowledged_long_ago_has_stalled(wire, make_viewer, clock):
    socket = wire(room=50)
    socket.descriptor = 99
    socket.unacknowledged = lambda: 50
    viewer = make_viewer(socket, stall_s=10.0)
    viewer.deliver(b"k" * 60, keyframe=True)
    clock.advance(10.5)
    viewer.check()
    assert viewer.closed is Closed.STALLED
