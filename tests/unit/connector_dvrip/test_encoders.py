"""Encoder settings of the device and of the bus."""

import copy

import pytest

from cambus.connector_dvrip.mapping.encoders import changed, encoders_of, resolution_name, settings_of
from cambus.schemas.commands.video import VideoSetRequest
from cambus.schemas.errors import BadRequest, NotFound


def entry(**video):
    return {
        "AudioEnable": True,
        "VideoEnable": True,
        "Odd": [1, {"kept": "x"}],
        "Video": {
            "BitRate": 1024,
            "BitRateControl": "VBR",
            "Compression": "H.265",
            "FPS": 25,
            "GOP": 2,
            "Quality": 4,
            "Resolution": "1080P",
            "VirtualGOP": 1,
            **video,
        },
    }


VALUE = [
    {"MainFormat": entry(), "ExtraFormat": entry(Resolution="CIF", Compression="H.264"), "More": 1}
    for _ in range(2)
]


def test_settings_are_read():
    main = settings_of(VALUE, 1, "main")
    assert (main.codec, main.width, main.height, main.fps) == ("h265", 1920, 1080, 25.0)
    assert (main.rate_control, main.bitrate_kbps, main.quality, main.gop_s) == ("vbr", 1024, 4, 2.0)
    assert (main.enabled, main.audio, main.audio_codec) == (True, True, "pcma")
    assert len(encoders_of(VALUE, None, None)) == 4


def test_a_frame_in_three_seconds_is_a_rate_too():
    assert settings_of([{"MainFormat": entry(FPS=-3)}], 0, "main").fps == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    "bad", [{"FPS": "x"}, {"Resolution": "?"}, {"Compression": 7}, {"GOP": None}, {"Quality": 99}]
)
def test_nonsense_of_the_device_is_left_open(bad):
    settings_of([{"MainFormat": entry(**bad)}], 0, "main")


@pytest.mark.parametrize("value", [None, 5, [], [None], [{"MainFormat": 3}], {"MainFormat": []}])
def test_a_value_that_is_none_has_no_encoders(value):
    assert encoders_of(value, None, None) == []
    with pytest.raises(NotFound):
        settings_of(value, 0, "main")


@pytest.mark.parametrize(
    ("request_fields", "wire"),
    [
        ({"bitrate_kbps": 2048}, {"BitRate": 2048}),
        ({"fps": 12.0}, {"FPS": 12}),
        ({"fps": 0.5}, {"FPS": -2}),
        ({"codec": "h264"}, {"Compression": "H.264"}),
        ({"width": 704, "height": 576}, {"Resolution": "D1"}),
        ({"width": 704, "height": 480}, {"Resolution": "D1"}),
        ({"width": 3840, "height": 2160}, {"Resolution": "8M"}),
        (
            {"rate_control": "cbr", "quality": 6, "gop_s": 4.0},
            {"BitRateControl": "CBR", "Quality": 6, "GOP": 4},
        ),
    ],
)
def test_only_what_is_asked_for_changes(request_fields, wire):
    before = copy.deepcopy(VALUE)
    after = changed(VALUE, VideoSetRequest(channel=0, stream="main", **request_fields))
    assert before == VALUE
    expected = copy.deepcopy(VALUE)
    expected[0]["MainFormat"]["Video"].update(wire)
    assert after == expected


def test_enabling_and_sound_are_beside_the_picture():
    after = changed(VALUE, VideoSetRequest(channel=1, stream="sub", enabled=False, audio=False))
    assert after[1]["ExtraFormat"]["VideoEnable"] is False
    assert after[1]["ExtraFormat"]["AudioEnable"] is False
    assert after[0] == VALUE[0]


@pytest.mark.parametrize(
    "fields", [{"width": 640}, {"codec": "svac"}, {"audio_codec": "aac"}, {"width": 17, "height": 19}]
)
def test_what_the_device_has_no_word_for_is_refused(fields):
    with pytest.raises(BadRequest):
        changed(VALUE, VideoSetRequest(channel=0, stream="main", **fields))


def test_a_device_that_writes_sizes_out_is_answered_likewise():
    assert resolution_name(1001, 77, "1920x1080") == "1001x77"
    assert resolution_name(3840, 2160, "4K") == "4K"
