"""What the bus has no command for reaches devices below that speak GB/T 28181 themselves (GB-242, GB-243)."""

import pytest
from cascade_rig import OURS

from cambus.gb28181.errors import Refused
from cambus.gb28181.manscdp.config import ConfigResult
from cambus.gb28181.manscdp.control import ControlResult
from cambus.gb28181.manscdp.envelope import Envelope, Root, compose
from cambus.gb28181.manscdp.ptz_state import HomePositionAnswer, HomePositionQuery
from cambus.gb28181.xml import Element
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.commands import native
from cambus.schemas.commands.native import NativeCallReply

NATIVE = "34020000001310000042"
UPGRADE = (
    Element("DeviceUpgrade")
    .add("Firmware", "9")
    .add("FileURL", "http://192.0.2.1/x")
    .add("SessionID", "a" * 32)
)
OSD = Element("OSDConfig").add("Length", "704").add("Width", "576")


@pytest.fixture
async def below(rig):
    """A camera of this protocol, whose connector answers what a test says."""

    async def make(answer, protocol="gb28181", **fields):
        upper = await rig.upper()
        camera = await rig.device("gb", protocol=protocol)
        camera.channels = [ChannelInfo(channel=0, name="Gate", native_id=NATIVE)]
        camera.on(native.CALL, answer)
        await rig.enter(camera)
        link = await rig.linked(upper, version="3.0", keep_native_codes=False, **fields)
        return upper.remote(OURS), camera, await rig.code_of(link, camera.device)

    return make


def answering(*lines):
    body = "".join(lines)
    return lambda _: NativeCallReply(native=f"<Response><CmdType>X</CmdType><SN>9</SN>{body}</Response>")


def passed_on(camera):
    return [Envelope.parse(request.message.encode()) for request in camera.orders("native.call")]


async def test_settings_are_read_under_the_devices_own_code(below):
    remote, camera, code = await below(answering("<OSDConfig><Length>704</Length></OSDConfig>"))
    answers = await remote.config(["OSDConfig"], code)
    assert [(each.block, each.values()) for each in answers] == [("OSDConfig", {"Length": "704"})]
    assert code != NATIVE
    assert [(each.root, each.code) for each in passed_on(camera)] == [(Root.QUERY, NATIVE)]


async def test_settings_are_written_where_the_platform_may(below):
    remote, camera, code = await below(
        answering("<Result>OK</Result>"), permissions={"config": True, "upgrade": True}
    )
    await remote.configure(OSD, code)
    answer = await remote.exchange(
        ControlResult.COMMAND, lambda sn: compose(Root.CONTROL, "DeviceControl", sn, code, [UPGRADE]), 8.0
    )
    assert answer.result is True
    first, second = passed_on(camera)
    assert (first.command, first.code, first.element.find("OSDConfig") is not None) == (
        "DeviceConfig",
        NATIVE,
        True,
    )
    assert second.element.find("DeviceUpgrade").get("FileURL") == "http://192.0.2.1/x"


async def test_what_the_device_does_not_take_is_answered_with_error(below):
    remote, _, code = await below(answering("<Result>ERROR</Result>"), permissions={"config": True})
    with pytest.raises(Refused):
        await remote.configure(OSD, code)


async def test_a_device_of_another_protocol_is_asked_nothing_of_this_kind(below):
    remote, camera, code = await below(
        answering("<Result>OK</Result>"), protocol="dvrip", permissions={"config": True}
    )
    answer = await remote.exchange(
        ConfigResult.COMMAND, lambda sn: compose(Root.CONTROL, "DeviceConfig", sn, code, [OSD]), 8.0
    )
    assert answer.result is False
    assert [each.ok for each in await remote.config(["OSDConfig"], code)] == [False]
    assert camera.told == []


async def test_the_home_position_is_asked_for(below):
    home = "<HomePosition><Enabled>1</Enabled><PresetIndex>4</PresetIndex></HomePosition>"
    remote, camera, code = await below(answering(home))
    found = await remote.ask(HomePositionQuery(), HomePositionAnswer, code)
    assert (found.home.enabled, found.home.preset) == (True, 4)
    assert passed_on(camera)[0].command == "HomePositionQuery"
