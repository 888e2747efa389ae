"""Configuration objects: names, types, spellings of the wire, ranges."""

from dataclasses import replace

import pytest
from dvrip_documents import CONFIG_OBJECTS

from cambus.dvrip.errors import Refused
from cambus.dvrip.objects.catalog import MODELS, PassThrough, check, problems, read_objects
from cambus.dvrip.objects.detection import MotionDetect
from cambus.dvrip.objects.fields import SerialLine
from cambus.dvrip.objects.model import slots_of
from cambus.dvrip.objects.network import NetCommon
from cambus.dvrip.objects.recording import Record
from cambus.dvrip.objects.servers import NetEmail, NetFTP
from cambus.dvrip.values import Mask, TimeSection

#: Every object of DVRIP §8 that has a row, and those it passes on as they are.
DOCUMENTED = [
    *CONFIG_OBJECTS,
    "NetWork.DigTimeSyn",
    "NetWork.OnvifPwdCheckout",
    "NetWork.NetMobile",
]
PASSED_ON = [
    "AVEnc.CombineEncode",
    "AVEnc.EncodeStaticParam",
    "AVEnc.SmartH264",
    "AVEnc.SmartH264V2",
    "Alarm.PTZAlarmProtocol",
    "Camera.Param",
    "Camera.ParamEx",
    "Camera.ClearFog",
    "NetWork.SPVMN",
    "NetWork.NetOrder",
    "NetWork.OnlineUpgrade",
    "NetWork.IPAdaptive",
    "NetWork.RemoteDevice",
    "NetWork.Wifi",
    "NetWork.Net3G",
    "NetWork.Nat",
    "NetWork.PMS",
    "System.ExUserMap",
    "fVideo.VideoOut",
    "fVideo.OSDInfo",
    "fVideo.Tour",
    "fVideo.GUISet",
    "fVideo.TVAdjust",
    "fVideo.Play",
    "Status.NatInfo",
    "General.PwdSafety",
]


def test_every_documented_object_has_a_model():
    assert {name for name in MODELS if MODELS[name] is not PassThrough} == set(DOCUMENTED)
    assert {name for name in MODELS if MODELS[name] is PassThrough} == set(PASSED_ON)
    for name in DOCUMENTED:
        assert slots_of(MODELS[name]), name


def test_values_have_types_and_what_is_unknown_stays():
    motion = MotionDetect.parse(
        {
            "Enable": 1,
            "Level": "0x03",
            "Region": ["0x003FFFFF"],
            "EventHandler": {"PtzLink": [["Preset", 3]], "RecordMask": "0x0F", "Vendor": [1]},
            "Later": {"a": 1},
        }
    )
    assert (motion.enable, motion.level, motion.region) == (True, 3, (Mask(0x3FFFFF),))
    assert motion.handler.ptz_links[0].number == 3
    changed = replace(motion, enable=False, level=5, handler=replace(motion.handler, to_centre=True))
    assert changed.wire() == {
        "Enable": 0,  # in the shape the device used
        "Level": "0x05",
        "Region": ["0x003FFFFF"],
        "EventHandler": {
            "PtzLink": [["Preset", 3]],
            "RecordMask": "0x0F",
            "Vendor": [1],
            "MessageEnable": True,
        },
        "Later": {"a": 1},
    }


def test_misspelled_keys_are_the_ones_written():
    assert NetEmail(recipients=("a@b",)).wire() == {"Recievers": ["a@b"]}
    right = NetEmail.parse({"Receivers": ["a@b"]})
    assert right.recipients == ("a@b",)
    assert replace(right, recipients=("c@d",)).wire() == {"Receivers": ["c@d"]}
    assert read_objects("General.Location", {"VideoFormat": "SCEAM"}).video_format == "SCEAM"
    assert list(problems("General.Location", {"VideoFormat": "SCEAM"})) == []


def test_an_older_spelling_is_read_and_kept():
    handler = MotionDetect.parse({"EventHandler": {"FtpEnable": True}}).handler
    assert handler.ftp
    assert replace(handler, ftp=False).wire() == {"FtpEnable": False}


def test_addresses_keep_their_shape():
    common = NetCommon.parse({"HostIP": "0x0A01A8C0", "GateWay": "192.168.1.1"})
    assert (common.host, common.gateway) == ("192.168.1.10", "192.168.1.1")
    moved = replace(common, host="192.168.1.11", gateway="192.168.1.2")
    assert moved.wire() == {"HostIP": "0x0B01A8C0", "GateWay": "192.168.1.2"}
    assert NetCommon(host="192.168.1.10").wire() == {"HostIP": "0x0A01A8C0"}


def test_arrays_of_any_depth_are_lists_of_objects():
    assert isinstance(read_objects("NetWork.NetFTP", {"Enable": True}), NetFTP)
    assert read_objects("NetWork.NetFTP", [{"Enable": True}])[0].enable
    colors = read_objects("AVEnc.VideoColor", [[{"VideoColorParam": {"Gain": 128}}] * 6])
    assert colors[0][5].colors.gain == 128
    assert read_objects("Uart.Comm.[0]", {"Attribute": [115200, "None", 8, 1]}).line == SerialLine(
        115200, "None", 8, 1
    )


def test_no_secret_is_in_a_repr_or_in_what_is_said_about_it():
    email = NetEmail.parse({"MailServer": {"Password": "hunter2", "UserName": "me"}})
    assert "hunter2" not in repr(email)
    with pytest.raises(Refused) as refused:
        check(
            "NetWork.NetEmail",
            {"MailServer": [{"Password": "hunter2"}], "Recievers": {"Password": "hunter2"}},
        )
    assert "hunter2" not in str(refused.value)
    assert "MailServer" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "where"),
    [
        ("Detect.MotionDetect", [{"Level": 3}, {"Level": 7}], "Detect.MotionDetect.[1].Level"),
        ("Detect.MotionDetect.[1]", {"Level": 0}, "Detect.MotionDetect.[1].Level"),
        ("Detect.MotionDetect.[1].Level", 7, "Detect.MotionDetect.[1].Level"),
        ("Detect", {"BlindDetect": [{"Level": "high"}]}, "Detect.BlindDetect.[0].Level"),
        ("Detect.LossDetect", [{"Enable": "perhaps"}], "Detect.LossDetect.[0].Enable"),
        ("Detect.LossDetect", [{"EventHandler": {"RecordLatch": 9}}], "EventHandler.RecordLatch"),
        ("Record", [{"PreRecord": 31}], "Record.[0].PreRecord"),
        ("Record.[0]", {"RecordMode": "Sometimes"}, "Record.[0].RecordMode"),
        ("Record.[0]", {"TimeSection": [["1 00:00:00-24:00:00"]]}, "Record.[0].TimeSection"),
        ("Record.[0]", {"TimeSection": [["1 25:00:00-26:00:00"]] * 7}, "TimeSection.[0].[0]"),
        ("Record.[0]", {"Mask": [["seven"]] * 7}, "Mask.[0].[0]"),
        ("AVEnc.VideoWidget.[0].Covers.[1].RelativePos", [0, 0, 0, 8192], "RelativePos.[3]"),
        ("AVEnc.VideoWidget.[0]", {"Covers": [{"RelativePos": [0, 0]}]}, "Covers.[0].RelativePos"),
        ("Simplify.Encode.[0].MainFormat.Video", {"FPS": 31}, "MainFormat.Video.FPS"),
        ("Simplify.Encode.[0]", {"ExtraFormat": {"Video": {"Quality": 0}}}, "ExtraFormat.Video.Quality"),
        ("NetWork.NetCommon", {"TCPPort": 65536}, "NetWork.NetCommon.TCPPort"),
        ("NetWork.NetCommon", {"HostIP": "gate.example"}, "NetWork.NetCommon.HostIP"),
        ("NetWork", {"NetNTP": {"UpdatePeriod": 0}}, "NetWork.NetNTP.UpdatePeriod"),
        ("Uart.Comm.[0]", {"Attribute": [300, "None", 8, 1]}, "Uart.Comm.[0].Attribute.[0]"),
        ("Uart.Comm.[0]", {"Attribute": "9600"}, "Uart.Comm.[0].Attribute"),
        ("Detect.LossDetect.[0].EventHandler", {"PtzLink": [["Fly", 1]]}, "PtzLink.[0]"),
        ("General.Location.DSTStart.Month", 13, "General.Location.DSTStart.Month"),
        ("General.Location", {"DSTStart": 5}, "General.Location.DSTStart"),
    ],
)
def test_what_is_out_of_range_is_refused_by_name(name, value, where):
    with pytest.raises(Refused) as refused:
        check(name, value)
    assert refused.value.reason == "out_of_range"
    assert where in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Detect.MotionDetect", [{"Level": 6, "Later": 99}]),
        (
            "Simplify.Encode.[0]",
            {"MainFormat": {"Video": {"FPS": -3, "Resolution": "12M", "Compression": "H.267"}}},
        ),
        ("AVEnc.VideoColor.[0].[0]", {"VideoColorParam": {"Gain": 128}}),
        ("NetWork.NetEmail", {"UseSSL": 2}),
        ("NetWork.AlarmServer.[0].Server.Address", "centre.example"),
        ("NetWork.NetFTP", [{"Enable": 0}]),
        ("Uart.PTZPreset", [[{"Id": 3}], []]),
        ("No.Such", {"Level": 99}),
        ("No", 5),
        ("Detect.MotionDetect.[0].Later.Level", 99),
        ("Camera.Param", [{"anything": [1]}]),
        ("NetWork.SPVMN", None),
    ],
)
def test_what_is_in_range_or_unknown_is_not(name, value):
    check(name, value)


#: Every range the documents give: where it is, its lowest and its highest number.
RANGES = [
    ("AVEnc.VideoColor.[0].[0].VideoColorParam.Brightness", 0, 100),
    ("AVEnc.VideoColor.[0].[0].VideoColorParam.Contrast", 0, 100),
    ("AVEnc.VideoColor.[0].[0].VideoColorParam.Gain", 0, 100),
    ("AVEnc.VideoColor.[0].[0].VideoColorParam.Gain", 128, 228),
    ("AVEnc.VideoColor.[0].[0].VideoColorParam.Hue", 0, 100),
    ("AVEnc.VideoColor.[0].[0].VideoColorParam.Saturation", 0, 100),
    ("AVEnc.VideoColor.[0].[0].VideoColorParam.Whitebalance", 0, 100),
    ("AVEnc.VideoWidget.[0].Covers.[0].RelativePos.[0]", 0, 8191),
    ("Simplify.Encode.[0].MainFormat.Video.FPS", -5, 30),
    ("Simplify.Encode.[0].MainFormat.Video.GOP", 2, 12),
    ("AVEnc.Encode.[0].MainFormat.[0].Video.Quality", 1, 6),
    ("Record.[0].PreRecord", 0, 30),
    ("Record.[0].PacketLength", 1, 120),
    ("Storage.Snapshot.[0].PreSnap", 0, 10),
    ("Storage.StorageLowSpace.LowerLimit", 0, 99),
    ("Detect.MotionDetect.[0].Level", 1, 6),
    ("Detect.MotionDetect.[0].EventHandler.RecordLatch", 10, 300),
    ("Detect.MotionDetect.[0].EventHandler.AlarmOutLatch", 10, 300),
    ("Detect.BlindDetect.[0].Level", 1, 6),
    ("Detect.HumanDetection.[0].ObjectType", 0, 1),
    ("Detect.HumanDetection.[0].PedRule.[0].RuleLine.AlarmDirect", 0, 2),
    ("Detect.HumanDetection.[0].PedRule.[0].RuleLine.Pts.StartX", 0, 8192),
    ("Detect.HumanDetection.[0].PedRule.[0].RuleLine.Pts.StopY", 0, 8192),
    ("NetWork.NetCommon.TCPPort", 1, 65535),
    ("NetWork.NetNTP.TimeZone", 0, 33),
    ("NetWork.NetNTP.UpdatePeriod", 1, 65535),
    ("Uart.PTZ.[0].DeviceNo", 0, 255),
    ("Uart.PTZ.[0].NumberInMatrixs", 0, 99),
    ("Uart.RS485.[0].PortNo", 1, 4),
    ("Uart.Comm.[0].Attribute.[0]", 1200, 115200),
    ("Uart.Comm.[0].Attribute.[2]", 4, 8),
    ("Uart.Comm.[0].Attribute.[3]", 0, 2),
    ("General.General.LocalNo", 0, 998),
    ("General.Location.DSTStart.Year", 2000, 2038),
    ("General.Location.DSTEnd.Month", 1, 12),
    ("General.Location.DSTEnd.Week", -1, 4),
    ("General.Location.DSTStart.Hour", 0, 23),
    ("General.Location.DSTStart.Minute", 0, 59),
    ("General.AutoMaintain.AutoRebootHour", 0, 23),
    ("General.AutoMaintain.AutoDeleteFilesDays", 0, 365),
]


def written_at(path: str, number: int) -> tuple[str, object]:
    """A whole value of a setting with ``number`` at ``path``, as it is checked: the name of its object, and it."""
    names = path.split(".")
    if "Attribute" in names:
        line: list[object] = [9600, "None", 8, 1]
        line[int(names[-1][1:-1])] = number
        return ".".join(names[:-1]), line
    if names[-1].startswith("["):
        return ".".join(names[:-1]), [number] * 4
    return ".".join(names[:-1]), {names[-1]: number}


@pytest.mark.parametrize(("path", "low", "high"), RANGES)
def test_each_documented_range_ends_where_it_ends(path, low, high):
    for fine in (low, high):
        check(*written_at(path, fine))
        if "[" not in path.split(".")[-1]:
            check(path, fine)
    for beyond in (low - 1, high + 1):
        with pytest.raises(Refused) as refused:
            check(*written_at(path, beyond))
        assert refused.value.reason == "out_of_range"
        assert f"{path}: {beyond}" in str(refused.value)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("Record.[0].RecordMode", ["ConfigRecord", "ManualRecord", "ClosedRecord"]),
        ("Storage.Snapshot.[0].SnapMode", ["ConfigSnap", "ManualSnap", "ClosedSnap"]),
        ("Simplify.Encode.[0].MainFormat.Video.BitRateControl", ["CBR", "VBR", "MBR"]),
        ("Alarm.LocalAlarm.[0].SensorType", ["NO", "NC"]),
        ("General.General.OverWrite", ["OverWrite", "StopRecord"]),
        ("General.Location.DateFormat", ["YYMMDD", "MMDDYY", "DDMMYY"]),
        ("General.Location.TimeFormat", ["12", "24"]),
        ("General.Location.VideoFormat", ["PAL", "NTSC", "SCEAM"]),
        ("General.Location.DSTRule", ["Off", "On"]),
    ],
)
def test_a_word_of_a_closed_list_is_one_of_it(path, words):
    for word in words:
        check(path, word)
    with pytest.raises(Refused, match="wanted one of"):
        check(path, "Sometimes")


def test_a_week_of_schedules_is_written_as_it_came():
    grid = [["1 00:00:00-24:00:00", "0 08:30:15-17:00:00"] + ["0 00:00:00-24:00:00"] * 4 for _ in range(7)]
    record = Record.parse({"TimeSection": grid})
    assert [len(day) for day in record.schedule] == [6] * 7
    assert record.schedule[6][:2] == (TimeSection(True, 0, 86400), TimeSection(False, 30615, 61200))
    assert Record(schedule=record.schedule).wire() == {"TimeSection": grid}
    night = TimeSection(True, 79200, 86400)
    changed = replace(record, schedule=(*record.schedule[:6], (night, *record.schedule[6][1:])))
    assert changed.wire()["TimeSection"] == [*grid[:6], ["1 22:00:00-24:00:00", *grid[6][1:]]]


def test_what_the_device_has_already_is_not_questioned():
    before = [{"Level": 9, "Enable": "odd"}, {"Level": 3}]
    check("Detect.MotionDetect", [{"Level": 9, "Enable": "odd"}, {"Level": 4}], before)
    with pytest.raises(Refused, match=r"\[1\].Level"):
        check("Detect.MotionDetect", [{"Level": 9, "Enable": "odd"}, {"Level": 9}], before)


def test_many_problems_are_told_in_a_few_words():
    with pytest.raises(Refused, match=r"and 61 more"):
        check("Detect.MotionDetect", [{"Level": 9}] * 64)
