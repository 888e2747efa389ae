"""The bodies of a real exchange with a Dahua dome and a Hikvision recorder, made again to the byte (GB-001)."""

from pathlib import Path

import pytest

from cambus.gb28181.manscdp import catalog
from cambus.gb28181.manscdp.catalog import CatalogPart
from cambus.gb28181.manscdp.control import DeviceControl
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.gb28181.manscdp.layout import undeclared
from cambus.gb28181.manscdp.presence import (
    DeviceInfo,
    DeviceInfoQuery,
    DeviceStatus,
    DeviceStatusQuery,
    Keepalive,
)
from cambus.gb28181.manscdp.records import RecordPart, search
from cambus.gb28181.mansrtsp import Answer, Control
from cambus.gb28181.sdp import Description
from cambus.gb28181.xml import parse, serialize
from cambus.simulators.gb28181.layout import laid_out
from cambus.simulators.gb28181.profiles import PROFILES
from cambus.simulators.gb28181.quirks import Quirks
from cambus.sip.framing import read_datagram

FILES = {path.name[:2]: path for path in (Path(__file__).parents[1] / "sip" / "exchange").glob("*.sip")}
DOME, CHANNEL = "34020000001320000002", "34020000001310000001"
DECLARED, WRITTEN = b'<?xml version="1.0" encoding="GB2312"?>', b'<?xml version="1.0"?>'


def body(number):
    return read_datagram(FILES[number].read_bytes()).body


def opened(number):
    return Envelope.parse(body(number))


def opened_number(number):
    return int(body(number).partition(b"CSeq: ")[2].split()[0])


def as_written(made):
    """What we make, in the words of a platform that declares no charset."""
    assert made.startswith(DECLARED)
    return made.replace(DECLARED, WRITTEN)


def of_make(made, profile):
    return laid_out(made, PROFILES[profile], Quirks())


@pytest.mark.parametrize(
    ("number", "made", "size"),
    [
        ("07", catalog.query(7, DOME), 125),
        ("11", DeviceInfoQuery().serialize(9, DOME), 128),
        ("15", DeviceStatusQuery().serialize(10, DOME), 131),
        ("26", DeviceControl(ptz="A50F000800640020").serialize(16, CHANNEL), 171),
        ("34", search("2024-05-01T00:00:00", "2024-05-04T15:41:00").serialize(18, CHANNEL), 324),
    ],
)
def test_questions_and_commands_are_made_again(number, made, size):
    sn = opened(number).sn
    assert as_written(made).replace(b"<SN>17</SN>", b"<SN>%d</SN>" % sn) == body(number)
    assert len(body(number)) == size


def test_a_keepalive_is_made_again():
    made = Keepalive(ok=True).serialize(539, DOME)
    assert of_make(made, "dahua_ipc") == body("05")
    assert len(body("05")) == 180


@pytest.mark.parametrize(
    ("number", "profile", "size"),
    [
        ("05", "dahua_ipc", 180),
        ("09", "dahua_ipc", 898),
        ("13", "dahua_ipc", 559),
        ("17", "dahua_ipc", 639),
        ("36", "hik_nvr", 777),
    ],
)
def test_what_devices_say_is_read_and_made_again_to_the_byte(number, profile, size):
    made = of_make(serialize(parse(body(number)), "GB2312"), profile)
    assert made == body(number)
    assert len(made) == size


def test_a_list_of_recordings_is_made_again_from_its_records():
    asked = opened("36")
    found = RecordPart.parse(asked)
    assert [(each.start, each.end, each.file_path) for each in found.records] == [
        ("2024-05-04T14:43:16", "2024-05-04T15:16:26", "1714804996_1714806986"),
        ("2024-05-04T15:16:26", "2024-05-04T15:49:37", "1714806986_1714808977"),
    ]
    assert (found.announced, found.name) == (2, "IPCamera 01")
    assert of_make(found.serialize(asked.sn, asked.code), "hik_nvr") == body("36")


def test_what_the_dome_says_of_itself_is_understood_and_its_login_is_not():
    asked = opened("13")
    info = DeviceInfo.parse(asked)
    assert (info.name, info.ok, info.manufacturer) == ("DH-SD-6C3230UE-HN", True, "Dahua")
    assert (info.model, info.firmware) == ("DH-SD-6C3230UE-HN", "2.623.0000000.17.R,2019-01-19")
    assert (info.device_type, info.channels, info.alarms) == ("SD", 1, 2)
    assert undeclared(DeviceInfo, asked.element) == {"maxcamera": "1", "port": "80"}
    assert "admin" not in repr(info)


def test_the_state_of_the_dome_is_understood():
    status = DeviceStatus.parse(opened("17"))
    assert (status.ok, status.online, status.status) == (True, "ONLINE", "OK")
    assert (status.encoding, status.recording, status.device_time) == (True, False, "2024-05-17T14:24:54")
    assert [(each.code[-10:], each.duty) for each in status.alarms] == [
        ("1340000001", "ONDUTY"),
        ("1340000002", "ONDUTY"),
    ]


def test_the_catalog_of_the_dome_is_understood():
    part = CatalogPart.parse(opened("09"))
    (item,) = part.items
    assert part.announced == 1
    assert (item.code, item.name, item.manufacturer, item.model) == (
        CHANNEL,
        "DH71",
        "Dahua",
        "DH-SD-6C3230UE-HN",
    )
    assert (item.civil_code, item.address, item.parental, item.parents) == ("340200", "axy", False, (DOME,))
    assert (item.register_way, item.secrecy, item.on, item.status) == (1, 0, True, "ON")
    assert item.info == {"PTZType": "3", "DownloadSpeed": "1/2/4/8"}
    assert item.extras == {"owner": "0", "streamnum": "2"}


@pytest.mark.parametrize(
    ("number", "size", "final"), [("19", 226, True), ("38", 272, False), ("49", 272, False)]
)
def test_offers_are_read_and_made_again_to_the_byte(number, size, final):
    made = Description.parse(body(number)).serialize(final_line_end=final)
    assert made == body(number)
    assert len(made) == size


def test_answers_are_made_again_with_the_words_of_the_make():
    live = Description.parse(body("22"))
    assert live.serialize().replace(b"s=Play", b"s=Play\r\ni=VCam Live Video") == body("22")
    assert len(body("22")) == 224
    for number in ("39", "50"):
        history = Description.parse(body(number)).serialize().replace(b"s=Play", b"s=Network Video Recorder")
        assert sorted(history.split(b"\r\n")) == sorted(body(number).split(b"\r\n"))
        assert len(history) == 282


@pytest.mark.parametrize(("number", "size"), [("41", 40), ("43", 57), ("45", 58)])
def test_controls_of_a_playback_are_read_and_made_again_to_the_byte(number, size):
    made = Control.parse(body(number)).serialize(legacy=True)
    assert made == body(number)
    assert len(made) == size


@pytest.mark.parametrize("number", ["42", "44", "46"])
def test_the_answer_to_each_is_read(number):
    told = Answer.parse(body(number))
    assert (told.status, told.rtp_info) == (200, "seq=9810092;rtptime=3450012")
    assert told.serialize(opened_number(number)) == body(number) + b"\r\n"  # ours ends with a blank line
    assert len(body(number)) == 66


def test_no_secret_of_a_recorder_is_left_in_what_is_shown():
    answer = Description.parse(body("39"))
    assert b"secret12" in body("39")
    assert b"secret12" not in answer.redacted()
