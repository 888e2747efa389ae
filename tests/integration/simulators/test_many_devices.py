"""Two hundred devices in one process, each with a stream in real time."""

import asyncio
import struct
import time

import pytest

from cambus.simulators.dvrip import ArchivePlan, DvripSimulator, MediaPlan

DEVICES = 200
#: Media time to watch: long enough that being late would add up.
SECONDS = 4


def monitor(action):
    parameter = {"Channel": 0, "CombinMode": "NONE", "StreamType": "Extra1", "TransMode": "TCP"}
    return {"Name": "OPMonitor", "OPMonitor": {"Action": action, "Parameter": parameter}}


class Counter(asyncio.Protocol):
    """Counts the frames of a stream without keeping them."""

    def __init__(self):
        self.data = bytearray()
        self.video = 0
        self.last_sequence = 0
        self.gaps = 0
        self.done = asyncio.get_running_loop().create_future()

    def feed(self, payload_id, sequence, payload):
        if payload_id != 1412:
            return
        self.gaps += sequence != self.last_sequence + 1
        self.last_sequence = sequence
        self.video += payload[:4] in (b"\x00\x00\x01\xfc", b"\x00\x00\x01\xfd")
        if self.video >= SECONDS * 25 and not self.done.done():
            self.done.set_result(None)


@pytest.mark.slow
async def test_two_hundred_devices_stream_in_real_time(clients):
    sims = [
        DvripSimulator(
            user="admin",
            password="admin",
            channels=1,
            index=index,
            media=MediaPlan(alternate=None),
            archive=ArchivePlan(files=4),
        )
        for index in range(DEVICES)
    ]
    try:
        for sim in sims:
            await sim.start()
        await sims[0].prepare()
        connected = []
        for sim in sims:
            client = await clients(sim.port, login=True)
            await client.ask(1413, monitor("Claim"))
            connected.append((client, Counter()))

        async def watch(client, counter):
            while not counter.done.done():
                head = await client.reader.readexactly(20)
                message_id, length = struct.unpack_from("<HI", head, 14)
                counter.feed(
                    message_id, struct.unpack_from("<I", head, 8)[0], await client.reader.readexactly(length)
                )

        begin, cpu = time.monotonic(), time.process_time()
        async with asyncio.timeout(90), asyncio.TaskGroup() as tasks:
            for client, counter in connected:
                client.send(1410, monitor("Start"))
                tasks.create_task(watch(client, counter))
        took, spent = time.monotonic() - begin, time.process_time() - cpu
        print(
            f"{DEVICES} devices, {SECONDS} s of media in {took:.2f} s with {spent:.2f} s of CPU, reader included"
        )
        assert took < 1.5 * SECONDS
        assert [counter.gaps for _, counter in connected] == [0] * DEVICES
        assert sum(claim.sender.frames_dropped for sim in sims for claim in sim.streams) == 0
        # None starved and none ran ahead: all are within a second of media of one another.
        sent = [claim.sender.frames_sent for sim in sims for claim in sim.streams]
        assert len(sent) == DEVICES
        assert max(sent) - min(sent) < 50
    finally:
        for sim in sims:
            await sim.close()
