"""Commands to devices over the bus."""

import asyncio
import logging

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cambus.client.otlp import export_spans
from cambus.connector.errors import EndReason
from cambus.schemas import headers as header
from cambus.schemas.codec import JSON, encode
from cambus.schemas.commands import device as device_commands
from cambus.schemas.commands import live, ptz
from cambus.schemas.errors import NotFound, Offline, Unsupported

MOVE = ptz.PtzMoveRequest(channel=0, pan=0.5)


async def online(bench, device, **fields):
    await bench.connector()
    world = await bench.add(device, **fields)
    await bench.shown(device)
    return world


async def test_a_command_reaches_the_device(bench, device):
    world = await online(bench, device)
    await bench.client.call(ptz.MOVE, MOVE, device=device)
    assert world.moves == [MOVE]


async def test_replies_name_the_owner_and_the_epoch(bench, device):
    await online(bench, device)
    epoch = (await bench.presence.get(device)).value.epoch
    reply = await bench.bus.request(ptz.MOVE.subject(device), encode(MOVE), timeout_s=5)
    assert reply.headers[header.OWNER] == "replica-1"
    assert reply.headers[header.EPOCH] == str(epoch)


async def test_json_by_hand_works(bench, device):
    world = await online(bench, device)
    reply = await bench.bus.request(ptz.MOVE.subject(device), b'{"channel":0,"pan":-1}', timeout_s=5)
    assert reply.headers[header.CONTENT_TYPE] == JSON
    assert world.moves[0].pan == -1


async def test_an_offline_device_is_answered_503_at_once(bench, device):
    world = await online(bench, device)
    world.reachable = False
    world.drop()
    await bench.shown(device, lambda p: not p.online)
    before = asyncio.get_running_loop().time()
    with pytest.raises(Offline):
        await bench.client.call(ptz.MOVE, MOVE, device=device, timeout_s=30)
    assert asyncio.get_running_loop().time() - before < 15  # not the time-out


async def test_a_command_without_a_handler_is_501(bench, device):
    await online(bench, device)
    with pytest.raises(Unsupported):
        await bench.client.call(ptz.HOME, ptz.PtzChannelRequest(channel=0), device=device)


async def test_a_channel_the_device_has_not_is_404(bench, device):
    world = await online(bench, device)
    with pytest.raises(NotFound, match="no channel 9"):
        await bench.client.call(ptz.MOVE, ptz.PtzMoveRequest(channel=9), device=device)
    assert world.moves == []


async def test_a_request_out_of_bounds_is_400_and_names_the_field(bench, device):
    world = await online(bench, device)
    reply = await bench.bus.request(ptz.MOVE.subject(device), b'{"channel":0,"pan":5}', timeout_s=5)
    assert reply.headers[header.SERVICE_ERROR_CODE] == "400"
    assert b"pan" in reply.data
    assert world.moves == []


@pytest.mark.parametrize("body", [b"{}", b'{"confirm":false}', b'{"confirm":1}'])
async def test_a_destructive_command_without_confirm_does_nothing(bench, device, body):
    world = await online(bench, device)
    reply = await bench.bus.request(device_commands.REBOOT.subject(device), body, timeout_s=5)
    assert reply.headers[header.SERVICE_ERROR_CODE] == "400"
    assert len(world.sessions) == 1
    assert not world.sessions[0].ended.done()


async def test_a_destructive_command_leaves_a_line_in_the_audit_log(bench, device, caplog):
    await online(bench, device)
    with caplog.at_level(logging.INFO, "cambus.audit"):
        request = device_commands.DeviceRebootRequest(confirm=True)
        await bench.client.call(device_commands.REBOOT, request, device=device)
    (record,) = [record for record in caplog.records if record.name == "cambus.audit"]
    assert (record.device, record.command, record.outcome) == (device, "device.reboot", "ok")
    assert record.caller == f"{bench.bus.name}:{bench.bus.settings.instance}"


async def test_a_device_that_comes_back_answers_again(bench, device):
    world = await online(bench, device)
    world.drop(EndReason.CONNECTION_LOST)
    await bench.shown(device, lambda p: p.online and p.last_error is not None)
    await bench.client.call(ptz.MOVE, MOVE, device=device)
    assert world.moves == [MOVE]


async def test_channels_are_listed_page_by_page(bench, device):
    bench.world[device].channels = 5
    await online(bench, device)
    request = device_commands.DeviceChannelsRequest(after=1, limit=2)
    reply = await bench.client.call(device_commands.CHANNELS, request, device=device)
    assert [channel.channel for channel in reply.channels] == [2, 3]
    assert reply.total == 5


async def test_frames_flow_while_claimed_and_stop_afterwards(bench, device, eventually):
    world = await online(bench, device)
    request = live.LiveStartRequest(channel=0, stream="main", claimant="viewer", ttl_s=30)
    received = asyncio.Event()
    reply = await bench.client.call(live.START, request, device=device)
    subscription = await bench.bus.subscribe(reply.subject, lambda message: received.set())
    await received.wait()
    assert world.streams == 1
    await bench.client.call(
        live.STOP, live.LiveStopRequest(channel=0, stream="main", claimant="viewer"), device=device
    )
    await eventually(lambda: world.streams == 0)
    await subscription.close()


async def test_a_thousand_claims_open_one_stream(bench, device):
    world = await online(bench, device)
    requests = [live.LiveStartRequest(channel=0, claimant=f"viewer-{number}") for number in range(200)]
    await asyncio.gather(*(bench.client.call(live.START, request, device=device) for request in requests))
    assert world.streams == 1


async def test_live_commands_check_what_they_are_sent(bench, device):
    await online(bench, device)
    with pytest.raises(NotFound):
        await bench.client.call(live.START, live.LiveStartRequest(channel=7, claimant="v"), device=device)
    with pytest.raises(NotFound):
        await bench.client.call(live.KEYFRAME, live.LiveKeyframeRequest(channel=0), device=device)
    reply = await bench.bus.request(
        live.START.subject(device), b'{"channel":0,"claimant":"a.b"}', timeout_s=5
    )
    assert reply.headers[header.SERVICE_ERROR_CODE] == "400"


async def test_what_the_device_is_asked_is_a_span_of_the_callers_trace(bench, device):
    await online(bench, device)
    exporter = InMemorySpanExporter()
    export = export_spans("demo", "demo-0", "1", exporter)
    try:
        await bench.client.call(ptz.MOVE, MOVE, device=device)
    finally:
        export.close(30.0)
    call, served, asked = sorted(exporter.get_finished_spans(), key=lambda each: each.start_time)
    assert [each.name.partition(" ")[2] or each.name for each in (call, served, asked)] == ["ptz.move"] * 3
    assert asked.name == f"{asked.attributes['cambus.protocol']} ptz.move"
    assert asked.parent.span_id == served.context.span_id
    assert served.parent.span_id == call.context.span_id
