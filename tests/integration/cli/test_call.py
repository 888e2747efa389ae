"""Commands to devices and services, as typed."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from cambus.schemas.commands import device as device_commands
from cambus.schemas.commands import media_relay, ptz
from cambus.schemas.errors import DeviceRefused
from cambus.schemas.model import Done
from cambus.schemas.state.devices import DeviceRecord


@pytest.fixture
async def camera(service, device):
    """A device that remembers what it was told; answers `refused` to presets above 100."""
    told = []

    async def move(context, request):
        told.append(request)
        return Done()

    async def goto(context, request):
        if request.preset > 100:
            raise DeviceRefused("no such preset", reason="no-such-preset", device_code="118")
        return await move(context, request)

    async def presets(context, request):
        return ptz.PtzPresetListReply(presets=[ptz.PtzPreset(preset=3, name="Barrier\x07")])

    async def reboot(context, request):
        return await move(context, request)

    for spec, handler in (
        (ptz.MOVE, move),
        (ptz.STOP, move),
        (ptz.PRESET_GOTO, goto),
        (ptz.PRESET_SET, move),
        (ptz.PRESET_CLEAR, move),
        (ptz.PRESET_LIST, presets),
        (device_commands.REBOOT, reboot),
    ):
        service.add(spec, handler)
    await service.start()
    await service.hold(device)
    return told


async def test_a_command_is_sent_and_its_reply_printed(cambusctl, camera, device):
    ran = await cambusctl("call", device, "ptz.move", '{"channel": 0, "pan": -0.5}')
    assert (ran.code, ran.out) == (0, "done\n")
    assert camera[0].pan == -0.5
    ran = await cambusctl("call", device, "ptz.preset.list", '{"channel": 0}', "--json")
    (preset,) = ran.document["presets"]
    assert (preset["preset"], preset["name"]) == (3, "Barrier\x07")


async def test_the_request_may_come_from_a_file_or_standard_input(cambusctl, camera, device, tmp_path):
    (tmp_path / "move.json").write_text('{"channel": 1}')
    assert (await cambusctl("call", device, "ptz.move", f"@{tmp_path}/move.json")).code == 0
    assert (await cambusctl("call", device, "ptz.move", "-", stdin='{"channel": 2}')).code == 0
    assert [request.channel for request in camera] == [1, 2]


async def test_a_refusal_shows_code_reason_text_and_the_devices_own_code(cambusctl, camera, device):
    arguments = ("call", device, "ptz.preset.goto", '{"channel": 0, "preset": 101}')
    ran = await cambusctl(*arguments)
    assert (ran.code, ran.err) == (3, "Error: 422 no-such-preset: no such preset (device code 118)\n")
    error = (await cambusctl(*arguments, "--json")).error
    assert (error["code"], error["reason"], error["device_code"]) == (422, "no-such-preset", "118")


async def test_what_the_device_cannot_do_is_501(cambusctl, camera, device):
    ran = await cambusctl("call", device, "ptz.home", '{"channel": 0}')
    assert (ran.code, "501 unsupported" in ran.err) == (3, True)


async def test_a_device_nobody_holds_is_told_from_one_that_does_not_exist(cambusctl, camera, records, unique):
    ran = await cambusctl("call", unique, "ptz.move", '{"channel": 0}')
    assert (ran.code, f"there is no device {unique}" in ran.err) == (4, True)
    await records.put(unique, DeviceRecord(id=unique, protocol="dvrip"))
    ran = await cambusctl("call", unique, "ptz.move", '{"channel": 0}')
    assert (ran.code, f"no connector looks after {unique}" in ran.err) == (4, True)
    await records.delete(unique)


async def test_a_destructive_command_wants_a_yes_and_then_confirms_itself(cambusctl, camera, device):
    assert (await cambusctl("call", device, "device.reboot")).code == 2
    assert camera == []
    assert (await cambusctl("call", device, "device.reboot", "--yes")).code == 0
    assert camera[0].confirm is True


@pytest.mark.parametrize(
    ("request_text", "expected"),
    [
        ('{"channel": 0, "pann": 1}', "ptz.move has no field 'pann'; there are pan"),
        ('{"channel": 0, "pan": 2}', "pan: Input should be less than or equal to 1"),
        ("{}", "channel: Field required"),
        ("[1]", "must be a JSON object"),
        ("{", "no JSON"),
    ],
)
async def test_a_request_that_is_not_right_is_not_sent(cambusctl, camera, device, request_text, expected):
    ran = await cambusctl("call", device, "ptz.move", request_text)
    assert (ran.code, expected in ran.err) == (2, True)
    assert camera == []


async def test_a_service_is_called_and_every_replica_of_a_broadcast_answers(cambusctl, service):
    async def streams(context, request):
        return media_relay.StreamsListReply(replica="relay-7", streams=[])

    async def opened(context, request):
        return media_relay.LiveUrls(
            rtsp=f"rtsp://relay/{request.device}/{request.channel}/{request.stream}",
            expires_at=datetime.now(UTC) + timedelta(minutes=1),
        )

    service.add(media_relay.STREAMS_LIST, streams)
    service.add(media_relay.LIVE_OPEN, opened)
    await service.start()
    ran = await cambusctl("call", "--service", "media-relay", "streams.list", "--json")
    assert ran.document == [{"replica": "relay-7", "streams": []}]
    ran = await cambusctl("live", "open", "gate", "2", "--stream", "sub")
    assert "rtsp://relay/gate/2/sub" in ran.out
    assert "opens once" in ran.err
    assert (await cambusctl("live", "open", "gate", "0", "--stream", "best")).code == 2


async def test_the_ptz_commands_say_what_they_mean(cambusctl, camera, device):
    ran = await cambusctl("ptz", "move", device, "1", "--pan", "-0.5", "--zoom", "0.25", "--duration", "2")
    assert ran.out == f"{device}/1 moves for 2 s\n"
    assert json.loads(camera[0].model_dump_json()) == {
        "channel": 1,
        "pan": -0.5,
        "tilt": 0.0,
        "zoom": 0.25,
        "duration_s": 2.0,
    }
    for words in (["stop", device, "1"], ["preset", "set", device, "1", "7", "--name", "Barrier"]):
        assert (await cambusctl("ptz", *words)).code == 0
    for verb in ("goto", "clear"):
        assert (await cambusctl("ptz", "preset", verb, device, "1", "7")).code == 0
    assert [request.preset for request in camera[2:]] == [7, 7, 7]
    listed = await cambusctl("ptz", "preset", "list", device, "1")
    assert listed.out.splitlines()[1].split() == ["3", "Barrier"]
    assert "\x07" not in listed.out


async def test_a_speed_out_of_range_is_refused_here(cambusctl, camera, device):
    assert (await cambusctl("ptz", "move", device, "0", "--pan", "1.5")).code == 2
    assert camera == []
