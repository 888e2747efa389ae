from __future__ import annotations

import pytest

from cambus.rtsp.errors import ProtocolError
from cambus.rtsp.url import parse_url


@pytest.mark.parametrize(
    ("url", "base", "path", "track"),
    [
        ("rtsp://h/live/a", "rtsp://h/live/a", "/live/a", None),
        ("rtsp://h:8554/live/a/", "rtsp://h:8554/live/a", "/live/a", None),
        ("rtsp://h/live/a/trackID=1", "rtsp://h/live/a", "/live/a", 1),
        ("rtsp://h/live/a/trackID=1/", "rtsp://h/live/a", "/live/a", 1),
        ("rtsp://h/live/a?token=t/trackID=2", "rtsp://h/live/a", "/live/a", 2),
        ("rtsp://h/live/a/trackID=2?token=t", "rtsp://h/live/a", "/live/a", 2),
        ("rtsp://h/live/%E4%B8%AD", "rtsp://h/live/%E4%B8%AD", "/live/中", None),
        ("RTSPS://h/a#x", "RTSPS://h/a", "/a", None),
        ("/live/a/trackID=0", "/live/a", "/live/a", 0),
        ("rtsp://h", "rtsp://h", "/", None),
    ],
)
def test_urls_are_taken_apart(url, base, path, track):
    found = parse_url(url)
    assert (found.base, found.path, found.track) == (base, path, track)
    assert found.content_base == base + "/"
    assert found.control(3) == base + "/trackID=3"


def test_the_query_is_decoded():
    assert parse_url("rtsp://h/a?token=x%20y&empty=&token=z").query == {"token": "z", "empty": ""}
    assert parse_url("rtsp://h/a?token=t/trackID=0").query == {"token": "t"}


@pytest.mark.parametrize(
    "url", ["*", "", "http://h/a", "live/a", "rtsp:/a", "//h/a", "rtsp://[::1/a", "rtsp://h/a?" + "a=b&" * 40]
)
def test_other_urls_are_refused(url):
    with pytest.raises(ProtocolError):
        parse_url(url)


def test_tokens_and_passwords_do_not_show():
    text = repr(parse_url("rtsp://joe:secret@h/a?token=hush"))
    assert "secret" not in text
    assert "hush" not in text
