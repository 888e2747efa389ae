"""Media sessions that a dead replica has left open with a device are ended (GB-153)."""

import asyncio
import signal

import pytest
from gb28181_rig import SMALL

from cambus.client.kv import KeyValue
from cambus.schemas.assets import KV_REGISTRATIONS
from cambus.schemas.commands import live
from cambus.schemas.state.registrations import OpenDialog
from cambus.simulators.gb28181.simulator import Gb28181Simulator

SERVER = "34020000002000000001"
CAMERA = "34020000001320000001"
PASSWORD = "c4nary-passw0rd"


class Dialogs:
    """What is kept of open sessions."""

    def __init__(self, bench):
        self.bucket = KeyValue(bench.bus, KV_REGISTRATIONS, OpenDialog)

    async def until(self, count):
        async for _ in self.bucket.watch("dialog.gb28181.>"):
            kept = await self.bucket.items("dialog.gb28181.>")
            if len(kept) == count:
                return [entry.value for entry in kept.values()]
        raise AssertionError("a watch never ends")


@pytest.fixture
async def dialogs(bench):
    found = Dialogs(bench)
    yield found
    for key in await found.bucket.keys("dialog.>"):
        await found.bucket.delete(key)


async def until_listening(port):
    """Wait until somebody has the port of SIP again."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)  # a process tells nobody when it listens
            continue
        writer.close()
        await writer.wait_closed()
        return


async def watched(bench, device):
    """Have somebody watch the first channel."""
    await bench.shown(device, lambda presence: presence.online and presence.channels)
    await bench.view(device)


async def test_what_is_open_is_kept_and_what_is_closed_is_not(bench, device, dialogs):
    simulator = await bench.online(device)
    await bench.view(device)
    (kept,) = await dialogs.until(1)
    assert kept.replica == "replica-1"
    assert kept.dialog["call_id"] == simulator.heard("INVITE")[0].call_id
    stop = live.LiveStopRequest(channel=0, stream="main", claimant="viewer")
    await bench.client.call(live.STOP, stop, device=device)
    assert await dialogs.until(0) == []


async def begin(bench, device, start, port):
    """A process, a device registered with it, and a viewer; the process and the device."""
    variables = {"CAMBUS_GB28181_PORT": str(port), "CAMBUS_GB28181_MEDIA_ALLOW_LOOPBACK": "true"}
    process = await start("process-1", **variables)
    await bench.add(device)
    simulator = await bench.enter(
        Gb28181Simulator(
            server=("127.0.0.1", port),
            server_code=SERVER,
            code=CAMERA,
            password=PASSWORD,
            media=SMALL,
            retry_s=0.2,
        )
    )
    await watched(bench, device)
    return process, simulator, variables


async def test_a_killed_process_says_bye_for_what_it_left_before_it_invites_again(
    bench, device, start, port, dialogs
):
    heard = await bench.heard(device)
    process, simulator, variables = await begin(bench, device, start, port)
    await dialogs.until(1)
    (left,) = {message.call_id for message in simulator.heard("INVITE")}
    await process.end(signal.SIGKILL)
    assert not simulator.heard("BYE")
    await start("process-1", **variables)
    await bench.shown(device, lambda presence: presence.online and presence.channels)
    await simulator.wait_for(lambda: simulator.heard("BYE"), 40.0)
    await asyncio.wait_for(watched(bench, device), 40.0)
    names = [
        (each.name, each.message.call_id)
        for each in simulator.messages
        if each.direction == "in" and each.name in {"INVITE", "BYE"}
    ]
    assert names.index(("BYE", left)) < next(
        index for index, (name, call) in enumerate(names) if name == "INVITE" and call != left
    )
    assert {session.call_id for session in simulator.sessions}.isdisjoint({left})
    (kept,) = await dialogs.until(1)
    assert kept.dialog["call_id"] != left
    names = []
    while names.count("live.started") < 2:  # GB-151: that the replica took the stream with it is told once
        names.append((await heard.next())[0])
    told = [name for name in names if name not in {"device.online", "channel.changed"}]
    assert told == ["live.started", "device.offline", "live.started"]


async def test_another_replica_ends_what_a_dead_one_left_with_a_device_that_comes_to_it(
    bench, device, start, port, dialogs
):
    process, simulator, _ = await begin(bench, device, start, port)
    await dialogs.until(1)
    (left,) = {message.call_id for message in simulator.heard("INVITE")}
    await process.end(signal.SIGKILL)
    await start("process-2", CAMBUS_GB28181_PORT=str(port), CAMBUS_GB28181_MEDIA_ALLOW_LOOPBACK="true")
    await until_listening(port)
    simulator.beat()  # nobody there knows it: it is refused, and registers
    await bench.shown(device, lambda p: p.online and p.replica == "process-2" and p.channels)
    await bench.view(device, claimant="later")
    ended = [message.call_id for message in simulator.heard("BYE")]
    assert left in ended
