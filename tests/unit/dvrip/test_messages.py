"""Typed bodies: what devices say, complete, partial and strange."""

import io
import zipfile

import pytest

from cambus.dvrip.alarms import NATIVE_NAMES, canonical_alarm
from cambus.dvrip.errors import MalformedPayload, Refused
from cambus.dvrip.firmware import FirmwarePackage
from cambus.dvrip.messages.ability import EncodeCapability, SystemFunctions, parse_talk_formats
from cambus.dvrip.messages.alarm import AlarmReport, AlarmStatus
from cambus.dvrip.messages.bodies import return_code, value_of
from cambus.dvrip.messages.monitor import talk_body
from cambus.dvrip.messages.search import parse_file_name
from cambus.dvrip.messages.system import SystemInfo, WorkState, parse_storage
from cambus.dvrip.messages.upgrade import UpgradeInfo
from cambus.dvrip.values import parse_time

SYSTEM_INFO = {
    "AlarmInChannel": 4,
    "AlarmOutChannel": 1,
    "AudioInChannel": 4,
    "BuildTime": "2015-11-27 10:04:14",
    "DeviceRunTime": "0x000003E8",
    "DigChannel": 4,
    "HardWare": "MBD6304T",
    "HardWareVersion": "Unknown",
    "SerialNo": "6f2a9d",
    "SoftWareVersion": "V4.02.R11.00002531.10010",
    "VideoInChannel": 8,
    "SomethingNew": {"x": 1},
}


def test_system_information_with_and_without_newer_keys():
    info = SystemInfo.parse({**SYSTEM_INFO, "DeviceModel": "NVR-8"})
    assert (info.serial, info.hardware, info.hardware_version, info.model) == (
        "6f2a9d",
        "MBD6304T",
        "",
        "NVR-8",
    )
    assert (info.uptime_minutes, info.alarm_inputs) == (1000, 4)
    assert info.build_time == parse_time("2015-11-27 10:04:14")
    assert info.raw["SomethingNew"] == {"x": 1}
    assert SystemInfo.parse(SYSTEM_INFO).model == ""
    assert SystemInfo.parse(None).serial == ""


@pytest.mark.parametrize(("login", "channels"), [(0, 12), (12, 12), (16, 16)])
def test_channels_are_analogue_plus_digital_or_what_the_login_said(login, channels):
    assert SystemInfo.parse(SYSTEM_INFO).channels(login) == channels


#: What the documents say to each status of a partition, and whether it can be recorded to.
STATUS = [
    ("ok", True),
    ("no handle", False),
    ("end of file", True),
    ("low-level write error", False),
    ("low-level read error", False),
    ("full", True),
    ("no file", False),
    ("no disk", False),
    ("clash", False),
    ("must be initialised", False),
    ("bad user data", False),
    ("bad handle", False),
    ("bad name", False),
    ("exists", False),
    ("file time ahead of clock", False),
    ("bad disk", False),
    ("status 16", False),
]


@pytest.mark.parametrize("code", range(len(STATUS)))
def test_each_status_of_a_partition_is_said_in_words(code):
    ((partition,),) = [disk.partitions for disk in parse_storage([{"Partition": [{"Status": code}]}])]
    assert (partition.status, partition.is_healthy) == STATUS[code]


def test_storage_with_either_spelling_of_its_keys():
    part = {
        "DirverType": 0,
        "IsCurrent": True,
        "LogicSerialNo": 1,
        "OldStartTime": "2026-01-01 00:00:00",
        "NewStartTime": "2026-01-05 00:00:00",
        "OldEndTime": "0000-00-00 00:00:00",
        "NewEndTime": "2026-02-01 00:00:00",
        "RemainSpace": "0x00000400",
        "TotalSpace": "0x00001000",
        "Status": 3,
    }
    newer = {
        **{key: value for key, value in part.items() if key != "DirverType"},
        "DriverType": 4,
        "fsType": "ext4",
        "Status": 99,
    }
    (first, second) = parse_storage(
        [{"PlysicalNo": 2, "PartNumber": 1, "Partition": [part]}, {"PhysicalNo": 5, "Partition": [newer]}]
    )
    assert (first.number, second.number) == (2, 5)
    disk = first.partitions[0]
    assert (disk.total_mib, disk.free_mib, disk.purpose, disk.status) == (
        4096,
        1024,
        "read_write",
        "low-level write error",
    )
    assert (disk.oldest, disk.newest) == (
        parse_time("2026-01-01 00:00:00"),
        parse_time("2026-02-01 00:00:00"),
    )
    assert not disk.is_healthy
    assert second.partitions[0].purpose == "snapshot"
    assert second.partitions[0].status == "status 99"
    assert second.partitions[0].raw["fsType"] == "ext4"
    assert parse_storage(None) == []


@pytest.mark.parametrize("shape", ["int", "hex"])
def test_work_state_masks_in_either_shape(shape):
    mask = {"int": 5, "hex": "0x00000005"}[shape]
    state = WorkState.parse(
        {
            "AlarmState": {"AlarmIn": 0, "VideoMotion": mask, "VideoLoss": "0x2"},
            "ChannelState": [{"Bitrate": 1024, "Record": True}, {"Bitrate": 0, "Record": 0}],
        }
    )
    assert list(state.active_alarms()) == [("video_loss", 1), ("motion", 0), ("motion", 2)]
    assert [(channel.bitrate_kbit_s, channel.recording) for channel in state.channels] == [
        (1024, True),
        (0, False),
    ]


def test_missing_functions_are_off():
    functions = SystemFunctions.parse({"NetServerFunction": {"NetDAS": 1, "NetNTP": False}, "Odd": None})
    assert functions.has("NetServerFunction", "NetDAS")
    assert not functions.has("NetServerFunction", "NetNTP")
    assert not functions.has("NetServerFunction", "NetSPVMN")
    assert not functions.has("Missing", "Flag")
    assert not SystemFunctions.parse(None).has("a", "b")


def test_devices_that_say_the_same_share_one_table_of_functions():
    said = {"NetServerFunction": {"NetDAS": True, "NetNTP": False}}
    assert SystemFunctions.parse(said) is SystemFunctions.parse(
        {"NetServerFunction": {"NetDAS": 1, "NetNTP": 0}}
    )
    assert SystemFunctions.parse({"NetServerFunction": {"NetDAS": True, "NetNTP": True}}).has(
        "NetServerFunction", "NetNTP"
    )


def test_a_table_of_functions_too_large_to_be_real_is_not_kept_for_others():
    huge = {"Group": {f"name-{number}": True for number in range(3000)}}
    first = SystemFunctions.parse(huge)
    assert first == SystemFunctions.parse(huge)
    assert first is not SystemFunctions.parse(huge)


COMPRESSIONS = ["DIVX_MPEG4", "MS_MPEG4", "MPEG2", "MPEG1", "H.263", "MJPG", "FCC_MPEG4", "H.264", "bit8"]
RESOLUTIONS = [
    "D1",
    "HD1",
    "BCIF",
    "CIF",
    "QCIF",
    "VGA",
    "QVGA",
    "SVCD",
    "QQVGA",
    "ND1",
    "960H",
    "720P",
    "960P",
    "UXGA",
    "1080P",
    "WUXGA",
    "2.5M",
    "3M",
    "5M",
    "bit19",
]


def test_each_bit_of_the_encode_masks_has_its_name_in_both_kinds_of_encoders():
    for key, stream_of in (("EncodeInfo", "streams"), ("CombEncodeInfo", "combined")):
        for names, mask, read in (
            (COMPRESSIONS, "CompressionMask", "compression_names"),
            (RESOLUTIONS, "ResolutionMask", "resolution_names"),
        ):
            for bit, name in enumerate(names):
                for value in (1 << bit, f"0x{1 << bit:08X}"):
                    capability = EncodeCapability.parse({key: [{mask: value}]})
                    (stream,) = getattr(capability, stream_of)
                    assert getattr(stream, read)() == [name]


def test_encode_masks_are_named_and_unknown_bits_kept():
    capability = EncodeCapability.parse(
        {
            "MaxBitrate": 8192,
            "EncodeInfo": [
                {
                    "Enable": True,
                    "StreamType": "MainStream",
                    "HaveAudio": True,
                    "CompressionMask": "0x00000180",
                    "ResolutionMask": "0x80000001",
                }
            ],
        }
    )
    (stream,) = capability.streams
    assert stream.compression_names() == ["H.264", "bit8"]
    assert stream.resolution_names() == ["D1", "bit31"]
    assert stream.resolutions.wire() == "0x80000001"


@pytest.mark.parametrize(
    "value",
    [
        [{"EncodeType": "G711_ALAW", "SampleBit": 8, "SampleRate": 8000}],
        {"TalkAudio": [{"EncodeType": "G711_ALAW", "SampleBit": 8, "SampleRate": 8}]},
        [[{"EncodeType": "G711_ALAW", "SampleBit": 8, "SampleRate": 8000}]],
    ],
)
def test_talk_formats_however_nested(value):
    (audio,) = parse_talk_formats(value)
    assert (audio.encoding, audio.bits, audio.sample_rate) == ("G711_ALAW", 8, 8000)


@pytest.mark.parametrize(
    ("name", "channel", "begin", "end", "event"),
    [
        ("/idea0/2009-02-16/001/10.08.41-10.23.30[R][@7cb][0].h264", 0, "10:08:41", "10:23:30", "R"),
        ("/idea1/2009-02-16/016/00.00.00-00.00.00[M].jpg", 15, "00:00:00", "00:00:00", "M"),
        ("/idea0/2009-02-16/002/23.50.00-00.05.00[AM][0].h265", 1, "23:50:00", "next 00:05:00", "AM"),
    ],
)
def test_file_names_tell_channel_times_and_event(name, channel, begin, end, event):
    parsed = parse_file_name(name)
    day = "2009-02-17" if end.startswith("next") else "2009-02-16"
    assert parsed.channel == channel
    assert parsed.begin == parse_time(f"2009-02-16 {begin}")
    assert parsed.end == parse_time(f"{day} {end.removeprefix('next ')}")
    assert parsed.event == event


@pytest.mark.parametrize(
    "name",
    [
        "",
        "video.mp4",
        "/idea0/2009-02-16/000/10.08.41-10.23.30.h264",
        "/a/2009-02-99/001/10.08.41-10.23.30.h264",
    ],
)
def test_other_file_names_stay_opaque(name):
    assert parse_file_name(name) is None


@pytest.mark.parametrize(
    ("native", "canonical"), [(native, name) for name, natives in NATIVE_NAMES.items() for native in natives]
)
def test_every_alarm_name_of_both_vocabularies_is_mapped(native, canonical):
    assert canonical_alarm(native) == canonical


@pytest.mark.parametrize(
    ("session", "centre", "canonical"),
    [
        ("VideoMotion", "MotionDetect", "motion"),
        ("VideoBlind", "BlindDetect", "tamper"),
        ("LocalIO", "LocalAlarm", "input"),
        ("StorrageLowSpace", "StorageLowSpace", "disk_low"),
        ("NetIPConfict", "NetIPConflict", "ip_conflict"),
        ("VIdeoAnanyze", "VideoAnalyze", "analytics"),
    ],
)
def test_both_vocabularies_meet_in_one_name(session, centre, canonical):
    assert canonical_alarm(session) == canonical_alarm(centre) == canonical


def test_unknown_alarms_are_other_with_their_own_name():
    report = AlarmReport.parse({"AlarmInfo": {"Event": "CoffeeReady", "Status": "???"}})
    assert (report.event, report.native, report.status) == ("other", "CoffeeReady", AlarmStatus.NONE)


@pytest.mark.parametrize("wrapping", [None, "NetAlarmCenterMsg", "AlarmInfo"])
def test_alarm_bodies_in_every_wrapping(wrapping):
    inner = {
        "Address": "0x0B0A060A",
        "Channel": 2,
        "Descrip": "d",
        "Event": "MotionDetect",
        "SerialID": "003344236523",
        "StartTime": "2010-06-24 17:04:22",
        "Status": "Stop",
        "Type": "Log",
    }
    report = AlarmReport.parse({"Name": "NetAlarmCenter", wrapping: inner} if wrapping else inner)
    assert (report.event, report.channel, report.status, report.is_log) == (
        "motion",
        2,
        AlarmStatus.STOP,
        True,
    )
    assert (report.serial, report.address, report.description) == ("003344236523", "10.6.10.11", "d")
    assert report.time == parse_time("2010-06-24 17:04:22")


def test_an_empty_alarm_does_not_crash():
    report = AlarmReport.parse({})
    assert (report.event, report.channel, report.time) == ("other", 0, None)


@pytest.mark.parametrize(("value", "code"), [(100, 100), ("103", 103), (None, None), ("x", -1), (True, 1)])
def test_return_codes(value, code):
    assert return_code({"Ret": value}) == code
    assert return_code({}) is None


def test_a_value_is_found_under_its_name_or_its_last_part():
    assert value_of({"Uart.Comm": 1}, "Uart.Comm") == 1
    assert value_of({"Comm": 2}, "Uart.Comm") == 2
    assert value_of({"FileList": 3}, "OPFileQuery", "FileList") == 3
    assert value_of({}, "x") is None


def test_talk_offers_g711a_only():
    assert talk_body("Start")["OPTalk"]["AudioFormat"] == {
        "BitRate": 128,
        "EncodeType": "G711_ALAW",
        "SampleBit": 8,
        "SampleRate": 8000,
    }


def package(text: bytes, name: str = "InstallDesc") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return buffer.getvalue()


def test_firmware_for_other_hardware_or_vendor_is_refused_unless_forced():
    firmware = FirmwarePackage.read(
        package(b'{"Hardware":"HI3516","Vendor":"General","Model":"x","UpgradeCommand":[]}')
    )
    info = UpgradeInfo.parse({"OPSystemUpgrade": {"Hardware": "HI3516", "Vendor": "General"}})
    firmware.check(info)
    for other in ({"Hardware": "HI3520", "Vendor": "General"}, {"Hardware": "HI3516", "Vendor": "Other"}):
        with pytest.raises(Refused) as caught:
            firmware.check(UpgradeInfo.parse({"OPSystemUpgrade": other}))
        assert caught.value.reason == "wrong_firmware"
        firmware.check(UpgradeInfo.parse({"OPSystemUpgrade": other}), force=True)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no zip",
        package(b"{}", "other"),
        package(b"[1]"),
        package(b"{" + b" " * 100_000 + b"}"),
        package(b"{}")[:-30],
    ],
    ids=["empty", "no zip", "no description", "no object", "too long", "cut short"],
)
def test_what_is_no_firmware_package_is_malformed(data):
    with pytest.raises(MalformedPayload):
        FirmwarePackage.read(data)
