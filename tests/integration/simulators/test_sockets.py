"""What only real sockets show: limits, resets, half-closes, reboots, back-pressure."""

import asyncio
import contextlib

import pytest

from cambus.simulators.dvrip import ArchivePlan, DvripSimulator


def monitor(action, channel=0, stream="Main"):
    parameter = {"Channel": channel, "CombinMode": "NONE", "StreamType": stream, "TransMode": "TCP"}
    return {"Name": "OPMonitor", "OPMonitor": {"Action": action, "Parameter": parameter}}


async def live(sim, clients, **kwargs):
    """Two sockets with a running live stream."""
    control = await clients(sim.port, login=True)
    data = await clients(sim.port)
    data.sid = control.sid
    await data.ask(1413, monitor("Claim", **kwargs))
    await control.ask(1410, monitor("Start", **kwargs))
    return control, data


async def test_the_configured_number_of_connections_is_kept(sim, clients):
    sim.device.config.set("NetWork.NetCommon.TCPMaxConn", 3)
    first = [await clients(sim.port, login=True) for _ in range(3)]
    assert await (await clients(sim.port)).closed()
    await first[0].close()
    await sim.wait_for(lambda: sim.connection_count == 2)
    assert (await (await clients(sim.port)).login()).json["Ret"] == 100


async def test_beyond_the_limit_a_code_may_be_answered(sim, clients):
    sim.update_quirks({"max_connections": 1, "over_limit": "code"})
    await clients(sim.port, login=True)
    second = await clients(sim.port)
    assert (await second.login()).json["Ret"] == 123
    assert await second.closed()


async def test_wrong_passwords_lock_the_user(sim, clients, login_body):
    sim.quirks.lock_after = 3
    for _ in range(3):
        client = await clients(sim.port)
        assert (await client.login({**login_body, "PassWord": "nonsense"})).json["Ret"] == 203
        await client.close()
    assert (await (await clients(sim.port)).login()).json["Ret"] == 205


async def test_a_stream_can_end_with_a_reset(sim, clients):
    sim.update_quirks({"break_at_s": 0.1, "break_how": "rst"})
    _, data = await live(sim, clients)
    with pytest.raises(ConnectionResetError):
        await data.read_id(0)


async def test_a_stream_can_end_with_a_half_close(sim, clients):
    sim.update_quirks({"break_at_s": 0.1, "break_how": "half_close"})
    control, data = await live(sim, clients)
    assert await data.closed()
    assert (await control.ask(1006, {})).json["Ret"] == 100


@pytest.mark.parametrize("fault", ["half_header", "huge_length", "wrong_flag"])
async def test_faults_can_be_injected_into_running_connections(sim, clients, fault):
    client = await clients(sim.port, login=True)
    assert sim.inject(fault) == 1
    head = await client.reader.readexactly(11)
    assert (head[0] != 0xFF) == (fault == "wrong_flag")


async def test_bytes_can_leave_one_by_one(sim, clients):
    sim.quirks.segment_bytes = 1
    client = await clients(sim.port)
    assert (await client.login()).json["Ret"] == 100
    assert (await client.ask(1020, {"Name": "SystemInfo"})).json["Ret"] == 100


async def test_all_connections_can_be_cut_and_refused_for_a_while(sim, clients):
    client = await clients(sim.port, login=True)
    sim.go_offline()
    assert await client.closed()
    with pytest.raises(ConnectionRefusedError):
        await clients(sim.port)
    await sim.go_online()
    assert (await (await clients(sim.port)).login()).json["Ret"] == 100


async def test_a_reboot_is_answered_cuts_everything_and_keeps_the_port(sim, clients):
    sim.quirks.reboot_s = 0.2
    port = sim.port
    client = await clients(port, login=True)
    reply = await client.ask(1450, {"Name": "OPMachine", "OPMachine": {"Action": "Reboot"}})
    assert reply.json["Name"] == "OPMachine"
    assert await client.closed()
    await sim.wait_for(lambda: sim.device.boots == 2 and not sim.state()["down"])
    assert sim.port == port
    assert (await (await clients(port)).login()).json["Ret"] == 100


async def test_a_device_that_shuts_down_stays_down(sim, clients):
    client = await clients(sim.port, login=True)
    await client.ask(1450, {"Name": "OPMachine", "OPMachine": {"Action": "ShutDown"}})
    assert await client.closed()
    assert sim.state()["down"]
    with pytest.raises(ConnectionRefusedError):
        await clients(sim.port)


async def test_a_reader_that_stops_reading_slows_no_other_and_bounds_the_memory(clients):
    async with DvripSimulator(user="admin", password="admin", channels=2, archive=ArchivePlan(4, 600)) as sim:
        sim.quirks.pace = 50.0
        control, slow = await live(sim, clients)
        sim.device.config.set("NetWork.NetCommon.TCPMaxConn", 20)
        other, fast = await live(sim, clients, channel=1, stream="Extra1")
        await sim.wait_for(
            lambda: any((claim.sender.frames_dropped if claim.sender else 0) > 500 for claim in sim.streams)
        )
        assert (await control.ask(1006, {})).json["Ret"] == 100
        sim.quirks.pace = 1.0
        for _ in range(10):
            assert (await fast.read()).id == 1412
        assert (await other.ask(1006, {})).json["Ret"] == 100
        first = await slow.read()
        assert first.id == 1412


async def test_a_download_is_throttled_by_slow_reading_and_complete(clients):
    async with DvripSimulator(user="admin", password="admin", channels=1, archive=ArchivePlan(2, 120)) as sim:
        record = sim.device.recordings(0, 0, "h264")[0]
        control = await clients(sim.port, login=True)
        data = await clients(sim.port)
        data.sid = control.sid
        parameter = {"PlayMode": "ByName", "FileName": record.file_name, "Channel": 0}
        section = {"Action": "Claim", "Parameter": parameter}
        await data.ask(1424, {"OPPlayBack": section})
        await control.ask(1420, {"OPPlayBack": {**section, "Action": "DownloadStart"}})
        await sim.wait_for(lambda: bool(sim.streams) and bool(sim.streams[0].connection.blocked))
        sent = sim.streams[0].connection.bytes_sent
        assert sent < 8_000_000 < sim.device.recording_size(record)
        size = 0
        while not (packet := await data.read()).b13:
            size += len(packet.payload)
        assert size == sim.device.recording_size(record)


async def test_closing_a_simulator_leaves_no_task_and_no_connection():
    before = asyncio.all_tasks()
    async with DvripSimulator(user="admin", password="admin", channels=1) as sim:
        _, writer = await asyncio.open_connection("127.0.0.1", sim.port)
        await sim.wait_for(lambda: sim.connection_count == 1)
    assert asyncio.all_tasks() == before
    with contextlib.suppress(ConnectionError):
        writer.close()
        await writer.wait_closed()


def test_a_device_without_a_password_is_refused():
    with pytest.raises(ValueError, match="no default"):
        DvripSimulator(user="admin", password="")
