"""Any message of the protocol by hand: numbered, addressed, answered whole, and without secrets."""

import asyncio

import pytest
from gb28181_bodies import controls, ptz_hex, text_of

from cambus.gb28181.manscdp.envelope import Envelope
from cambus.schemas.commands import native
from cambus.schemas.errors import BadRequest, DeadlineExceeded, NotFound
from cambus.simulators.gb28181.quirks import Quirks


@pytest.fixture
async def call(bench):
    """Sends a message to the device."""

    async def command(message, **fields):
        request = native.NativeCallRequest(protocol="gb28181", message=message, **fields)
        return await bench.client.call(native.CALL, request, device="gate", timeout_s=20.0)

    return command


def query(command, more=""):
    return f"<Query><CmdType>{command}</CmdType>{more}</Query>"


def control(inner, code=""):
    device = f"<DeviceID>{code}</DeviceID>" if code else ""
    return (
        f"<?xml version='1.0'?><Control><CmdType>DeviceControl</CmdType><SN>17</SN>{device}{inner}</Control>"
    )


async def test_a_question_is_numbered_and_addressed_and_its_answer_shown_without_secrets(bench, call):
    simulator = await bench.online(profile="dahua_ipc")
    await bench.listed()
    reply = await call(query("DeviceInfo"))
    assert "<Manufacturer>Dahua</Manufacturer>" in reply.native
    assert "<Password>***</Password>" in reply.native
    assert "<LoginName>***</LoginName>" in reply.native
    assert reply.code == "OK"
    asked = Envelope.parse(simulator.heard("DeviceInfo")[-1].body)
    assert asked.code == simulator.code
    assert asked.sn
    assert f"<SN>{asked.sn}</SN>" in reply.native


async def test_a_part_of_the_catalog_is_asked_for_by_its_node_and_by_time(bench, call):
    simulator = await bench.online(profile="hik_nvr")
    await bench.listed()
    span = "<StartTime>2026-01-01T00:00:00</StartTime><EndTime>2026-02-01T00:00:00</EndTime>"
    for node in (
        "340200",
        "34020000002150000001",
        "34020000002160000001",
    ):  # a region, a group, an organisation
        with pytest.raises(NotFound):  # this device has none of them
            await call(query("Catalog", f"<DeviceID>{node}</DeviceID>{span}"))
        asked = Envelope.parse(simulator.heard("Catalog")[-1].body)
        assert (asked.code, asked.element.get("StartTime"), asked.element.get("EndTime")) == (
            node,
            "2026-01-01T00:00:00",
            "2026-02-01T00:00:00",
        )


async def test_an_answer_in_parts_comes_as_a_list_and_whole(bench, call):
    await bench.online(profile="hik_nvr", channels=3)
    await bench.listed(3)
    parts = (await call(query("Catalog"))).native
    assert len(parts) == 4  # three channels and an alarm input, one in a message
    assert sum(part.count("<Item>") for part in parts) == 4
    blocks = (await call(query("ConfigDownload", "<ConfigType>BasicParam/VideoParamOpt</ConfigType>"))).native
    assert [("<BasicParam>" in part, "<VideoParamOpt>" in part) for part in blocks] == [
        (True, False),
        (False, True),
    ]


async def test_what_may_do_more_than_read_has_to_be_confirmed(bench, call):
    simulator = await bench.online(profile="hik_nvr")
    await bench.listed()
    for message in (
        control("<GuardCmd>SetGuard</GuardCmd>"),
        "<Notify><CmdType>Broadcast</CmdType></Notify>",
    ):
        with pytest.raises(BadRequest) as refused:
            await call(message)
        assert refused.value.reason == "confirm-required"
    assert not controls(simulator)
    reply = await call(control("<GuardCmd>SetGuard</GuardCmd>"), confirm=True)
    assert reply.code == "OK"
    assert simulator.device.guarded
    assert controls(simulator)[0].sn != 17  # its number is ours, that of no other question


async def test_what_has_no_answer_is_told_by_its_200(bench, call):
    simulator = await bench.online(profile="hik_nvr")
    await bench.listed()
    reply = await call(control("<PTZCmd>A50F0000000000B4</PTZCmd>", simulator.channels[0]), confirm=True)
    assert (reply.native, reply.code) == (None, None)
    assert ptz_hex(simulator) == ["A50F0000000000B4"]
    assert controls(simulator)[0].code == simulator.channels[0]


async def test_what_is_of_2022_is_sent_to_an_older_device_by_hand(bench, call):
    simulator = await bench.online(profile="hik_nvr")
    await bench.listed()
    inner = "<PTZPreciseCtrl><Pan>90</Pan><Tilt>5</Tilt></PTZPreciseCtrl>"
    await call(control(inner, simulator.channels[0]), confirm=True)
    assert (simulator.head().position.pan, simulator.head().position.tilt) == (90.0, 5.0)
    reply = await call(query("PTZPosition", f"<DeviceID>{simulator.channels[0]}</DeviceID>"))
    assert "<Pan>90.0</Pan>" in reply.native


async def test_settings_are_written_by_hand_in_the_devices_charset(bench, call):
    simulator = await bench.online(profile="hik_nvr")
    await bench.listed()
    block = "<BasicParam><Name>大门 &amp; 院子</Name></BasicParam>"
    reply = await call(f"<Control><CmdType>DeviceConfig</CmdType>{block}</Control>", confirm=True)
    assert reply.code == "OK"
    assert simulator.device.settings["BasicParam"]["Name"] == "大门 & 院子"
    assert 'encoding="GB2312"' in text_of(simulator.heard("DeviceConfig")[0])


@pytest.mark.parametrize(
    "message",
    [
        None,
        17,
        {"xml": "<Query/>"},
        "no XML",
        "<Query><SN>1</SN></Query>",
        "<Response><CmdType>Alarm</CmdType><Result>OK</Result></Response>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><Query><CmdType>DeviceInfo</CmdType></Query>",
        "<Query><CmdType>DeviceInfo</CmdType><Info>" + "x" * 70_000 + "</Info></Query>",
    ],
)
async def test_what_is_no_message_is_not_sent(bench, call, message):
    simulator = await bench.online(profile="hik_nvr")
    await bench.listed()
    before = len(simulator.heard("DeviceInfo"))
    with pytest.raises(BadRequest, match="message"):
        await call(message, confirm=True)
    assert len(simulator.heard("DeviceInfo")) == before


async def test_another_protocol_and_a_binary_body_are_refused(bench, call):
    await bench.online(profile="hik_nvr")
    with pytest.raises(BadRequest, match="gb28181"):
        await bench.client.call(
            native.CALL, native.NativeCallRequest(protocol="dvrip", message={"id": 1}), device="gate"
        )
    with pytest.raises(BadRequest, match="data"):
        await call(query("DeviceInfo"), data=b"x")


async def test_an_answer_that_never_comes_ends_in_its_time(bench, call):
    await bench.online(profile="hik_nvr", quirks=Quirks(drop={"PresetQuery"}))
    await bench.listed()
    with pytest.raises(DeadlineExceeded) as error:
        await call(query("PresetQuery"), timeout_s=0.3)
    assert error.value.reason == "unconfirmed"


async def test_calls_at_the_same_time_have_answers_of_their_own(bench, call):
    simulator = await bench.online(profile="hik_nvr", channels=3)
    await bench.listed(3)
    replies = await asyncio.gather(
        *(call(query("DeviceStatus", f"<DeviceID>{code}</DeviceID>")) for code in simulator.channels)
    )
    for code, reply in zip(simulator.channels, replies, strict=True):
        assert f"</SN>\n<DeviceID>{code}</DeviceID>" in reply.native
