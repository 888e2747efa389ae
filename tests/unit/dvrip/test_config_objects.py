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
from cambus.dvrip.objects.servers import NetEmail, NetFTP
from cambus.dvrip.values import Mask

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


def test_what_the_device_has_already_is_not_questioned():
    before = [{"Level": 9, "Enable": "odd"}, {"Level": 3}]
    check("Detect.MotionDetect", [{"Level": 9, "Enable": "odd"}, {"Level": 4}], before)
    with pytest.raises(Refused, match=r"\[1\].Level"):
        check("Detect.MotionDetect", [{"Level": 9, "Enable": "odd"}, {"Level": 9}], before)


def test_many_problems_are_told_in_a_few_words():
    with pytest.raises(Refused, match=r"and 61 more"):
        check("Detect.MotionDetect", [{"Level": 9}] * 64)
