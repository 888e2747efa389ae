"""The group-of-pictures cache."""

from cambus.media_relay.gop import GopCache


def test_a_group_begins_with_its_keyframe_and_holds_what_follows(video, audio):
    cache = GopCache(10_000)
    for frame in (video(0), audio(1), video(2, key=True), audio(3), video(4)):
        cache.push(frame)
    assert [frame.seq for frame in cache.frames] == [2, 3, 4]
    assert cache.size_bytes == 10 + 320 + 10


def test_the_next_keyframe_replaces_the_group(video):
    cache = GopCache(10_000)
    for frame in (video(0, key=True), video(1), video(2, key=True)):
        cache.push(frame)
    assert [frame.seq for frame in cache.frames] == [2]


def test_a_group_over_the_bound_is_given_up_until_the_next_keyframe(video):
    cache = GopCache(25)
    for frame in (video(0, key=True), video(1), video(2), video(3)):
        cache.push(frame)
        assert cache.size_bytes <= 25
    assert not cache.frames
    assert cache.overflows == 1
    cache.push(video(4, key=True))
    assert [frame.seq for frame in cache.frames] == [4]
