"""The requests the page about DVRIP devices shows for `native.call` do what it says."""

import json
import re
from pathlib import Path

import pytest

from cambus.schemas.commands import native
from cambus.schemas.errors import BadRequest

PAGE = (Path(__file__).parents[3] / "docs" / "protocols" / "dvrip.md").read_text()
TABLE = PAGE.partition("| what | request |\n")[2].partition("\n\n")[0]
EXAMPLES = {
    what: json.loads(request)
    for what, request in re.findall(r"^\| ([^|]+) \| `(\{.+\})` \|$", TABLE, re.MULTILINE)
}
WITHOUT_CODE = {"what its own screen shows", "read from it", "the account newer firmware makes up"}


@pytest.fixture
async def call(bench, simulator, device):
    await bench.online(device, simulator)

    async def send(what, **changes):
        request = native.NativeCallRequest.model_validate(EXAMPLES[what] | changes)
        return await bench.client.call(native.CALL, request, device=device)

    return send


def test_every_row_is_an_example():
    assert len(EXAMPLES) == len(TABLE.splitlines()) - 1 >= 15


@pytest.mark.parametrize("what", list(EXAMPLES))
async def test_each_request_is_taken_and_what_does_something_only_with_a_confirm(call, simulator, what):
    state = simulator.device
    before = (len(state.keys), state.bitmaps, bytes(state.serial_ports.written["RS485"]))
    if EXAMPLES[what].get("confirm"):
        with pytest.raises(BadRequest, match="confirm"):
            await call(what, confirm=False)
        assert (len(state.keys), state.bitmaps, bytes(state.serial_ports.written["RS485"])) == before
    reply = await call(what)
    assert reply.code == (None if what in WITHOUT_CODE else "100")


async def test_bitmaps_and_keys_reach_the_device(call, simulator):
    await call("a title as a bitmap (16 x 8 pixels, one bit each)")
    await call("bitmaps over the picture, in a row")
    assert simulator.device.bitmaps == 2
    await call("a key goes down")
    await call("and up, 0.3 s later")
    assert list(simulator.device.keys) == [("KeyDown", "Menu"), ("KeyUp", "Menu")]


async def test_what_is_written_to_a_port_is_read_from_it(call):
    await call("write to a serial port, without opening it")
    assert (await call("read from it")).data == bytes.fromhex("ff010008000009")


async def test_capabilities_and_minutes_are_the_devices_own_words(call):
    assert "EncodeInfo" in (await call("what the encoders can do")).native["EncodeCapability"]
    minutes = await call("in which minutes of a day there are recordings")
    assert "ByTimeInfo" in minutes.native["OPFileQuery"][0]


async def test_the_camera_gets_the_address(call, simulator):
    await call("the address of a camera behind a recorder")
    assert simulator.device.camera_addresses[0]["Netcfg"]["eth0"]["HostIP"] == "192.168.1.21"


@pytest.mark.parametrize("style", ["one", "many"])
async def test_a_picture_in_many_packets_comes_whole(bench, simulator, device, style):
    await bench.online(device, simulator)
    simulator.update_quirks({"snapshot": style})
    message = {"id": 1560, "body": {"Name": "OPSNAP", "OPSNAP": {"Channel": 0}}}
    request = native.NativeCallRequest(protocol="dvrip", message=message, confirm=True)
    picture = (await bench.client.call(native.CALL, request, device=device)).data
    assert picture[:3] == b"\xff\xd8\xff"
    assert picture.rstrip(b"\0")[-2:] == b"\xff\xd9"


async def test_an_archive_in_many_packets_comes_whole(bench, simulator, device):
    await bench.online(device, simulator)
    request = native.NativeCallRequest(
        protocol="dvrip", message={"id": 1544, "body": {"Name": ""}}, confirm=True
    )
    archive = (await bench.client.call(native.CALL, request, device=device)).data
    assert archive[:4] == b"PK\x03\x04"
    assert b"PK\x05\x06" in archive[-200:]
