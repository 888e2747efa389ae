"""Editions of the standard: what devices announce, and what follows from it (§13, GB-090, GB-230, GB-231)."""

import pytest

from cambus.gb28181.manscdp.alarms import AlarmNotice
from cambus.gb28181.manscdp.control import DeviceControl, keyframe
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.gb28181.manscdp.positions import FlatPositionNotice, Position, PositionNotice, positions
from cambus.gb28181.manscdp.ptz_state import Preset, PresetList
from cambus.gb28181.versions import Version

DEVICE = "34020000001320000001"


@pytest.mark.parametrize(
    ("announced", "version"),
    [
        ("1.0", Version.GB2011),
        ("1.1", Version.GB2011_AMENDED),
        ("2.0", Version.GB2016),
        ("3.0", Version.GB2022),
        (" 3.0 ", Version.GB2022),
        *(("3", Version.GB2022), ("3.1", Version.GB2022), ("4.0", Version.GB2022), ("10.0", Version.GB2022)),
        *(("2.9", Version.GB2016), ("0.9", Version.GB2016)),
        *(
            (text, Version.GB2016)
            for text in (None, "", "three", "V3.0", "3.0.1", "3.0beta", "-3.0", "٣.٠", "3,0")
        ),
    ],
)
def test_what_is_announced_says_the_edition_and_nonsense_is_that_of_2016(announced, version):
    assert Version.announced(announced) is version


@pytest.mark.parametrize("version", Version)
def test_a_key_frame_is_asked_for_in_the_spelling_of_the_edition(version):
    body = keyframe(version).serialize(7, DEVICE)
    assert (b"<IFrameCmd>Send</IFrameCmd>" in body) is version.is_2022
    assert (b"<IFameCmd>Send</IFameCmd>" in body) is not version.is_2022


@pytest.mark.parametrize("spelling", ["IFameCmd", "IFrameCmd", "iframecmd"])
def test_both_spellings_are_understood(spelling):
    head = "<CmdType>DeviceControl</CmdType><SN>1</SN><DeviceID>1</DeviceID>"
    body = f"<Control>{head}<{spelling}>Send</{spelling}></Control>"
    read = DeviceControl.parse(Envelope.parse(body.encode()))
    assert "Send" in {read.iframe, read.iframe_2016}
    assert read.command in {"iframe", "iframe_2016"}


def test_positions_in_the_forms_of_both_editions_are_read():
    flat = Envelope.parse(
        FlatPositionNotice("2024-05-01T00:00:00", 116.5, 39.5, 36.0, 90.0, 50.0).serialize(1, DEVICE)
    )
    listed = PositionNotice("2024-05-01T00:00:00", 1, (Position(DEVICE, "2024-05-01T00:00:00", 116.5, 39.5),))
    for envelope in (flat, Envelope.parse(listed.serialize(1, DEVICE))):
        (read,) = positions(envelope)
        assert (read.code, read.time, read.longitude, read.latitude) == (
            DEVICE,
            "2024-05-01T00:00:00",
            116.5,
            39.5,
        )


@pytest.mark.parametrize("announced", [None, 2])
def test_presets_are_read_with_and_without_their_number(announced):
    sent = PresetList(announced, (Preset("1", "gate"), Preset("2", "door")))
    body = sent.serialize(1, DEVICE)
    assert (b"SumNum" in body) is (announced is not None)
    assert PresetList.parse(Envelope.parse(body)).presets == sent.presets


@pytest.mark.parametrize("listed", [b"", b'<PresetList Num="0"/>', b'<PresetList Num="0"></PresetList>'])
def test_no_presets_are_an_empty_list(listed):
    body = (
        b"<Response><CmdType>PresetQuery</CmdType><SN>1</SN><DeviceID>1</DeviceID>" + listed + b"</Response>"
    )
    assert PresetList.parse(Envelope.parse(body)).presets == ()


def test_the_type_of_an_alarm_may_stand_where_either_edition_has_it():
    for inside in (
        "<AlarmType>5</AlarmType>",
        "<Info><AlarmType>5</AlarmType></Info>",
        "<info><alarmtype>5</alarmtype></info>",
    ):
        body = f"<Notify><CmdType>Alarm</CmdType><SN>1</SN><DeviceID>1</DeviceID>{inside}</Notify>"
        assert AlarmNotice.parse(Envelope.parse(body.encode())).kind == 5
