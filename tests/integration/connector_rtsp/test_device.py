"""Presence: a camera is online when it answers, and its reason is told when it does not."""

import pytest
from rtsp_rig import PASSWORD, camera

from cambus.schemas.commands import device as device_commands
from cambus.schemas.commands import ptz, snapshot
from cambus.schemas.errors import Offline, Unsupported
from cambus.schemas.events import device as device_events
from cambus.schemas.model import Empty
from cambus.schemas.state.presence import DeviceState

HASTE = {"check_s": 1}


async def test_a_camera_that_answers_is_online_with_what_it_has(bench, cam):
    presence = await bench.online("hall", cam)
    (channel,) = presence.channels
    assert (channel.channel, channel.name, channel.streams) == (0, "Simulated camera", ["main", "sub"])
    assert channel.online
    assert channel.audio
    assert not cam.playing
    await cam.wait_for(lambda: not cam.connections)
    assert presence.software_version == "Simulated camera"


async def test_a_record_without_an_address_has_whole_urls(bench, cam):
    await bench.connector()
    await bench.add("hall", cam, address=None, options={"url": cam.url(), "sub_url": None})
    presence = await bench.shown("hall")
    assert presence.channels[0].streams == ["main"]


async def test_channels_of_an_encoder_are_named_and_those_without_a_stream_are_shown_as_such(bench):
    async with camera(channels=2) as encoder:
        options = {
            "url": None,
            "sub_url": None,
            "channels": [
                {"name": "North", "main": "/ch1/main", "sub": "/ch1/sub"},
                {"name": "South", "main": f"rtsp://127.0.0.1:{encoder.port}/ch2/main"},
                {"name": "Nowhere", "main": "/ch3/main"},
            ],
        }
        presence = await bench.online("encoder", encoder, options=options)
        assert [(each.name, each.online) for each in presence.channels] == [
            ("North", True),
            ("South", True),
            ("Nowhere", False),
        ]
        assert presence.channels[2].native["reason"] == "no-such-stream"


async def test_an_encoder_is_not_crowded(bench):
    async with camera(channels=20) as encoder:
        most = 0
        joined = encoder.joined

        def counted(connection):
            nonlocal most
            joined(connection)
            most = max(most, len(encoder.connections))

        encoder.joined = counted
        await encoder.prepare()
        options = {"url": None, "sub_url": None, "channels": [{"main": f"/ch{n}/sub"} for n in range(1, 21)]}
        presence = await bench.online("encoder", encoder, options=options)
        assert len(presence.channels) == 20
        assert all(channel.online for channel in presence.channels)
        assert most <= 8  # those before them may still be on their way out


@pytest.mark.parametrize(
    ("quirks", "state", "reason"),
    [
        ({"refuse": 404}, DeviceState.OFFLINE, "device-error"),
        ({"refuse": 503}, DeviceState.OFFLINE, "connection-limit"),
        ({"sdp": "garbage"}, DeviceState.OFFLINE, "protocol-error"),
        ({"login": "basic"}, DeviceState.CREDENTIALS_REJECTED, "basic-only"),
        ({"redirect": "rtsp://192.0.2.1/ch1/main"}, DeviceState.OFFLINE, "device-error"),
    ],
)
async def test_why_it_is_away_is_shown(bench, cam, quirks, state, reason):
    cam.quirks.update(quirks)
    await bench.connector()
    await bench.add("hall", cam)
    presence = await bench.shown("hall", lambda presence: presence.last_error is not None)
    assert (presence.state, presence.last_error.reason) == (state, reason)
    assert PASSWORD not in presence.model_dump_json()


async def test_a_wrong_password_is_told_once_and_not_tried_again(bench, cam):
    await bench.connector()
    heard = await bench.heard("locked-out")
    await bench.add("locked-out", cam, password="wrong")
    refused = await heard.until(device_events.AUTH_FAILED.name)
    assert refused.reason == "wrong-credentials"
    tried = len(cam.methods)
    await bench.shown("locked-out", lambda presence: presence.state is DeviceState.CREDENTIALS_REJECTED)
    assert len(cam.methods) == tried <= 3


async def test_a_wrong_password_is_not_tried_at_every_channel(bench):
    async with camera(channels=5) as encoder:
        options = {"url": None, "sub_url": None, "channels": [{"main": f"/ch{n}/main"} for n in range(1, 6)]}
        await bench.connector()
        await bench.add("encoder", encoder, password="wrong", options=options)
        await bench.shown("encoder", lambda presence: presence.state is DeviceState.CREDENTIALS_REJECTED)
        assert encoder.methods.count("DESCRIBE") == 2  # one that is challenged, one that is answered


async def test_a_camera_that_goes_is_offline_and_one_that_comes_back_is_online(bench, cam):
    await bench.online("hall", cam, options=HASTE)
    await cam.stop()
    presence = await bench.shown("hall", lambda presence: not presence.online)
    assert presence.last_error.reason == "unreachable"
    with pytest.raises(Offline):
        await bench.client.call(device_commands.INFO, Empty(), device="hall")
    await cam.start()
    await bench.shown("hall")


async def test_a_channel_that_comes_back_is_shown_without_a_new_session(bench):
    async with camera(channels=2) as encoder:
        options = {**HASTE, "url": None, "sub_url": None}
        options["channels"] = [{"main": "/ch1/main"}, {"main": "/ch2/main"}]
        await bench.online("encoder", encoder, options=options)
        session = bench.session("encoder")
        encoder.channels = 1
        await bench.shown(
            "encoder", lambda presence: [each.online for each in presence.channels] == [True, False]
        )
        encoder.channels = 2
        await bench.shown(
            "encoder", lambda presence: [each.online for each in presence.channels] == [True, True]
        )
        assert bench.session("encoder") is session


async def test_info_status_and_capabilities_are_answered_and_the_rest_is_501(bench, cam):
    await bench.online("hall", cam)
    call = bench.client.call
    info = await call(device_commands.INFO, Empty(), device="hall")
    assert info.channels_total == 1
    assert [each["encoding"] for each in info.channels[0].native["tracks"]] == ["H264", "PCMA"]
    status = await call(device_commands.STATUS, Empty(), device="hall")
    assert [channel.online for channel in status.channels] == [True]
    assert status.native["titles"] == ["Simulated camera"]
    capable = await call(device_commands.CAPABILITIES, Empty(), device="hall")
    assert {"live.start", "snapshot.take"} <= set(capable.commands)
    assert "ptz.move" not in capable.commands
    with pytest.raises(Unsupported):
        await call(ptz.MOVE, ptz.PtzMoveRequest(channel=0, pan=1.0), device="hall")


@pytest.mark.parametrize(("stream", "size"), [("main", (320, 240)), ("sub", (160, 128))])
async def test_a_snapshot_is_a_keyframe_of_the_stream(bench, cam, stream, size):
    await bench.online("hall", cam)
    request = snapshot.SnapshotTakeRequest(channel=0, stream=stream)
    picture = await bench.client.call(snapshot.TAKE, request, device="hall")
    assert (picture.width, picture.height) == size


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"options": {"url": "rtsp://admin:secret@192.0.2.1/main"}}, "credentials"),
        ({"options": {"url": None, "sub_url": None}}, "url or channels"),
        ({"options": {"colour": "blue"}}, "options.colour"),
        ({"at": "192.0.2.1/path"}, "address"),
        ({"options": {"url": "http://192.0.2.1/main"}}, "rtsp://"),
    ],
)
async def test_a_record_that_can_not_work_says_which_field(bench, fields, named):
    await bench.connector()
    await bench.add("hall", fields.pop("at", "127.0.0.1:9"), **fields)
    presence = await bench.shown("hall", lambda presence: presence.last_error is not None)
    assert named in presence.last_error.text
    assert "secret" not in presence.model_dump_json()
