"""Stream names of URLs."""

import pytest

from cambus.media_relay.key import StreamKey, parse_key
from cambus.media_relay.output import Sound, http_output, rtsp_sound, websocket_output
from cambus.schemas.errors import BadRequest, NotFound


def test_three_parts_name_a_stream():
    key = parse_key("gate-1", "0", "main")
    assert key == StreamKey("gate-1", 0, "main")
    assert key.subject == "cambus.v1.media.gate-1.0.main"
    assert str(key) == "gate-1/0/main"
    assert key.live


def test_a_playback_session_is_not_claimed():
    key = parse_key("gate-1", "65535", "s-01KGE5C8QX")
    assert not key.live
    assert key.subject == "cambus.v1.media.gate-1.65535.s-01KGE5C8QX"


@pytest.mark.parametrize(
    "parts",
    [
        ("gate.1", "0", "main"),
        ("gate 1", "0", "main"),
        ("*", "0", "main"),
        ("", "0", "main"),
        ("g" * 65, "0", "main"),
        ("gate-1", "-1", "main"),
        ("gate-1", "65536", "main"),
        ("gate-1", "1" * 30, "main"),
        ("gate-1", "٣", "main"),
        ("gate-1", "", "main"),
        ("gate-1", "0", ">"),
        ("gate-1", "0", "fifth"),
        ("gate-1", "0", "s-"),
        ("gate-1", "0", "s-a.b"),
        ("gate-1", "0", "main\n"),
    ],
)
def test_what_could_be_no_stream_is_not_found(parts):
    with pytest.raises(NotFound):
        parse_key(*parts)


def test_the_sound_of_an_output_is_one_of_a_list():
    assert http_output("mp4", None, chunked=True).sound is Sound.ANY
    assert http_output("mp4", "flac", chunked=True).sound is Sound.FLAC
    assert websocket_output("", None).sound is Sound.BROWSER
    assert websocket_output("flv", None).sound is Sound.AAC
    assert rtsp_sound("opus") is Sound.OPUS
    assert http_output("flv", "none", chunked=True) == http_output("flv", "none", chunked=True)
    for ask in (
        lambda: websocket_output("", "mp3"),
        lambda: websocket_output("", "any"),
        lambda: websocket_output("flv", "opus"),
        lambda: http_output("flv", "flac", chunked=True),
        lambda: http_output("ts", "g711", chunked=True),
        lambda: rtsp_sound("flac"),
    ):
        with pytest.raises(BadRequest, match="audio"):
            ask()
