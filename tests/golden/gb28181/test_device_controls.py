"""Each control to the byte, and which of them a result follows (GB/T 28181-2022 A.2.3, §4.1, GB-087 to GB-093)."""

import pytest

from cambus.gb28181 import ptz
from cambus.gb28181.errors import OutOfRange
from cambus.gb28181.manscdp.control import (
    Area,
    ControlInfo,
    DeviceControl,
    HomePosition,
    PrecisePosition,
    PtzParameters,
    UpgradeOrder,
    home_position,
    keyframe,
    needs_2022,
)
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.gb28181.versions import Version

CODE = "34020000001310000001"
WINDOW = Area(704, 576, 352, 288, 100, 80)
WINDOW_TEXT = (
    "<Length>704</Length><Width>576</Width><MidPointX>352</MidPointX><MidPointY>288</MidPointY>"
    "<LengthX>100</LengthX><LengthY>80</LengthY>"
)
SESSION = "0123456789abcdef0123456789ABCDEF"
ANSWERED, SILENT = True, False
CONTROLS = [
    (DeviceControl(ptz=ptz.STOP.hex()), "<PTZCmd>A50F0000000000B4</PTZCmd>", SILENT),
    (
        DeviceControl(ptz=ptz.STOP.hex(), info=ControlInfo(5)),
        "<PTZCmd>A50F0000000000B4</PTZCmd><Info><ControlPriority>5</ControlPriority></Info>",
        SILENT,
    ),
    (
        DeviceControl(ptz=ptz.preset(ptz.PRESET_SET, 1).hex(), ptz_parameters=PtzParameters("gate")),
        "<PTZCmd>A50F008100010036</PTZCmd><PTZCmdParams><PresetName>gate</PresetName></PTZCmdParams>",
        SILENT,
    ),
    (DeviceControl(boot="Boot"), "<TeleBoot>Boot</TeleBoot>", SILENT),
    (DeviceControl(record="Record"), "<RecordCmd>Record</RecordCmd>", ANSWERED),
    (DeviceControl(record="StopRecord"), "<RecordCmd>StopRecord</RecordCmd>", ANSWERED),
    (
        DeviceControl(record="Record", stream_number=0),
        "<RecordCmd>Record</RecordCmd><StreamNumber>0</StreamNumber>",
        ANSWERED,
    ),
    (DeviceControl(guard="SetGuard"), "<GuardCmd>SetGuard</GuardCmd>", ANSWERED),
    (DeviceControl(guard="ResetGuard"), "<GuardCmd>ResetGuard</GuardCmd>", ANSWERED),
    (DeviceControl(alarm="ResetAlarm"), "<AlarmCmd>ResetAlarm</AlarmCmd>", ANSWERED),
    (
        DeviceControl(alarm="ResetAlarm", info=ControlInfo(None, "2", "1")),
        "<AlarmCmd>ResetAlarm</AlarmCmd><Info><AlarmMethod>2</AlarmMethod><AlarmType>1</AlarmType></Info>",
        ANSWERED,
    ),
    (keyframe(Version.GB2016), "<IFameCmd>Send</IFameCmd>", SILENT),
    (keyframe(Version.GB2022), "<IFrameCmd>Send</IFrameCmd>", SILENT),
    (DeviceControl(drag_in=WINDOW), f"<DragZoomIn>{WINDOW_TEXT}</DragZoomIn>", SILENT),
    (DeviceControl(drag_out=WINDOW), f"<DragZoomOut>{WINDOW_TEXT}</DragZoomOut>", SILENT),
    (
        home_position(enabled=True, reset_s=60, preset=1),
        "<HomePosition><Enabled>1</Enabled><ResetTime>60</ResetTime><PresetIndex>1</PresetIndex></HomePosition>",
        ANSWERED,
    ),
    (home_position(enabled=False), "<HomePosition><Enabled>0</Enabled></HomePosition>", ANSWERED),
    (
        DeviceControl(precise=PrecisePosition(90.5, -10.0, 2.0)),
        "<PTZPreciseCtrl><Pan>90.5</Pan><Tilt>-10.0</Tilt><Zoom>2.0</Zoom></PTZPreciseCtrl>",
        SILENT,
    ),
    (
        DeviceControl(upgrade=UpgradeOrder("2.0", "http://192.0.2.1/f", "maker", SESSION)),
        (
            "<DeviceUpgrade><Firmware>2.0</Firmware><FileURL>http://192.0.2.1/f</FileURL>"
            f"<Manufacturer>maker</Manufacturer><SessionID>{SESSION}</SessionID></DeviceUpgrade>"
        ),
        ANSWERED,
    ),
    (DeviceControl(format_card=0), "<FormatSDCard>0</FormatSDCard>", SILENT),
    (
        DeviceControl(track="Manual", track_code="34020000001320000009", track_area=WINDOW),
        (
            "<TargetTrack>Manual</TargetTrack><DeviceID2>34020000001320000009</DeviceID2>"
            f"<TargetArea>{WINDOW_TEXT}</TargetArea>"
        ),
        SILENT,
    ),
]
NEW = {"precise", "upgrade", "format_card", "track"}


@pytest.mark.parametrize(
    ("control", "text", "answered"), CONTROLS, ids=lambda each: getattr(each, "command", None)
)
def test_a_control_is_these_bytes(control, text, answered):
    made = control.serialize(17, CODE)
    expected = (
        '<?xml version="1.0" encoding="GB2312"?><Control><CmdType>DeviceControl</CmdType><SN>17</SN>'
        f"<DeviceID>{CODE}</DeviceID>{text}</Control>"
    )
    assert made.replace(b"\r\n", b"") == expected.encode()
    assert DeviceControl.parse(Envelope.parse(made)) == control
    assert control.is_answered is answered


@pytest.mark.parametrize(
    ("control", "text", "answered"), CONTROLS, ids=lambda each: getattr(each, "command", None)
)
def test_what_only_2022_has_is_known(control, text, answered):
    marks = ("PTZCmdParams", "StreamNumber")
    assert needs_2022(control) is (control.command in NEW or any(mark in text for mark in marks))


def test_a_priority_is_only_said_where_it_is_wanted():
    assert b"Info" not in DeviceControl(ptz=ptz.STOP.hex()).serialize(1, CODE)


@pytest.mark.parametrize("preset", [-1, 256])
def test_a_home_no_head_has_is_refused(preset):
    with pytest.raises(OutOfRange):
        home_position(enabled=True, preset=preset)
    assert home_position(enabled=True, preset=255).home == HomePosition(enabled=True, preset=255)


def test_focus_and_iris_are_stopped_as_the_device_wants_it():
    assert ptz.lens_stop().hex() == "A50F0040000000F4"
    assert ptz.lens_stop(with_ptz_stop=True).hex() == "A50F0000000000B4"


@pytest.mark.parametrize("both", [True, False])
def test_focus_has_its_speed_in_byte_5_and_iris_in_byte_6_or_each_in_both(both):
    far = ptz.lens(ptz.Lens.FOCUS_FAR, focus_speed=100, both_bytes=both).hex()
    wide = ptz.lens(ptz.Lens.IRIS_OPEN, iris_speed=100, both_bytes=both).hex()
    assert (far[8:12], wide[8:12]) == (("6464", "6464") if both else ("6400", "0064"))
