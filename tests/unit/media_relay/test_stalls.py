from datetime import UTC, datetime

from cambus.media_relay.key import StreamKey
from cambus.media_relay.stalls import Stall, StallWatch, event_of
from cambus.schemas.ids import ulid_time

KEY = StreamKey("gate", 1, "sub")
LAST = 1_790_000_000_123_456


def test_a_stall_begins_once_and_may_begin_again():
    watch = StallWatch(10)
    assert not watch.check(10, expected=True)
    assert watch.check(11, expected=True)
    assert not watch.check(12, expected=True)
    assert watch.stalled
    assert not watch.check(0.1, expected=True)
    assert not watch.stalled
    assert watch.check(11, expected=True)
    assert watch.stalls == 2


def test_what_nobody_asked_for_does_not_stall():
    watch = StallWatch(10)
    assert not watch.check(1000, expected=False)
    assert not watch.stalled


def test_replicas_that_see_one_stall_tell_of_one():
    one, other = (event_of(Stall(KEY, silent_s, LAST)) for silent_s in (10.2, 11.4))
    assert one.id == other.id
    assert ulid_time(one.id) == datetime.fromtimestamp(LAST // 1000 / 1000, UTC)
    assert one.id != event_of(Stall(KEY, 10.2, LAST + 40_000)).id
    assert one.id != event_of(Stall(StreamKey("gate", 1, "main"), 10.2, LAST)).id


def test_it_says_what_stands_still_and_for_how_long():
    event = event_of(Stall(KEY, 10.2, None))
    assert (event.device, event.channel, event.code, event.protocol) == ("gate", 1, "media-lost", "cambus")
    assert event.text == "no picture of sub for 10 s"
    assert event.detail == {"stream": "sub", "silent_s": 10.2}
