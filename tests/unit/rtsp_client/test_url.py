"""URLs of streams: where to connect, and what tracks are called."""

import pytest

from cambus.rtsp.client_url import Source, joined, parse_source


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("rtsp://192.0.2.7/live", "192.0.2.7", 554),
        ("RTSP://camera.example:8554/a?b=c&d", "camera.example", 8554),
        ("rtsp://[2001:db8::7]:554/live", "2001:db8::7", 554),
        ("rtsp://h", "h", 554),
    ],
)
def test_a_url_says_where(url, host, port):
    assert parse_source(url) == Source(host, port, url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://h/x",
        "rtsp:///x",
        "rtsp://h:0/x",
        "rtsp://h:99999/x",
        "rtsp://h/a b",
        "rtsp://h/\r\nInjected: 1",
        "rtsp://h/ä",
        "rtsp://joe:secret@h/x",
        "rtsp://[::1/x",
        "rtsp://h/" + "x" * 3000,
    ],
)
def test_what_can_not_be_used_is_refused_without_repeating_it(url):
    with pytest.raises(ValueError, match=r"^(wanted|the URL|port 0)") as caught:
        parse_source(url)
    assert "secret" not in str(caught.value)


def test_a_query_is_not_shown():
    assert "token" not in repr(parse_source("rtsp://h/x?token=1"))


@pytest.mark.parametrize(
    ("base", "control", "url"),
    [
        ("rtsp://h/a", "", "rtsp://h/a"),
        ("rtsp://h/a", "*", "rtsp://h/a"),
        ("rtsp://h/a", "track1", "rtsp://h/a/track1"),
        ("rtsp://h/a/", "track1", "rtsp://h/a/track1"),
        ("rtsp://h/a?b=1", "track1", "rtsp://h/a?b=1/track1"),
        ("rtsp://h/a/", "RTSP://i/t", "RTSP://i/t"),
    ],
)
def test_tracks_are_appended(base, control, url):
    assert joined(base, control) == url
