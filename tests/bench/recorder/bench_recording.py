"""Recording: streams of 4 Mbit/s per core with the fsync policy, against plain writes of the same bytes.

The recorder is a process of its own; this one plays the devices: it answers claims and publishes frames in real
time. The reference writes as many bytes to as many files with as many fdatasyncs and does nothing else.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.endpoints import Endpoints
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.client.kv import KeyValue
from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Flag, Frame, Kind, encode_frame
from cambus.schemas import assets, keys, subjects
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.commands import live
from cambus.schemas.model import Done
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.presence import Presence
from cambus.schemas.state.recording_policy import RecordingPolicy
from cambus.simulators.video_loop import LoopStore, VideoSpec

FPS = 25
BITRATE = 4_000_000
RUNS = 3
WINDOW_S = 8.0
SETTLE_S = 3.0
SPEC = VideoSpec(width=1920, height=1080, fps=FPS, bitrate=BITRATE)


def devices(count):
    return [f"cam-{number}" for number in range(count)]


async def claims(bus, count):
    """Answer every claim; frames flow whether anybody claims or not."""
    endpoints = Endpoints(bus, "cameras", device_queue=256)

    async def start(context, request):
        subject = subjects.media_subject(context.device, request.channel, request.stream)
        return live.LiveStartReply(subject=subject, ttl_s=request.ttl_s)

    async def stop(context, request):
        return Done()

    endpoints.add(live.START, start)
    endpoints.add(live.TOUCH, start)
    endpoints.add(live.STOP, stop)
    await endpoints.start()
    records, presence = (
        KeyValue(bus, assets.KV_DEVICES, DeviceRecord),
        KeyValue(bus, assets.KV_PRESENCE, Presence),
    )
    for device in devices(count):
        await endpoints.hold(device)
        await records.put(device, DeviceRecord(id=device, protocol="bench", address="127.0.0.1"))
        channels = [ChannelInfo(channel=0, streams=["main"])]
        now = "2026-02-01T00:00:00Z"
        await presence.put(device, Presence(device=device, online=True, since=now, channels=channels))


async def publish(bus, count):
    """25 frames a second of every device, at the same average rate, in real time."""
    loop = LoopStore.shared.get(SPEC)
    config = AudioConfig(Codec.PCMA, 8000, 1)
    targets = [subjects.media_subject(device, 0, "main") for device in devices(count)]
    started, index, seq = time.monotonic(), 0, 0
    while True:
        unit = loop.unit(index)
        pts, wall_us = index * 90_000 // FPS, time.time_ns() // 1000
        flags = Flag.KEYFRAME if unit.keyframe else Flag.NONE
        frames = [Frame(Kind.VIDEO, Codec.H264, flags, seq, pts, pts, wall_us, unit.data)]
        if unit.keyframe:
            body = config.serialize()
            frames.append(Frame(Kind.AUDIO_CONFIG, Codec.PCMA, Flag.CONFIG, seq + 1, pts, pts, wall_us, body))
        tone = b"\xd5" * 320
        frames.append(Frame(Kind.AUDIO, Codec.PCMA, Flag.NONE, seq + len(frames), pts, pts, wall_us, tone))
        seq += len(frames)
        for message in (message for frame in frames for message in encode_frame(frame, bus.max_payload)):
            for number, subject in enumerate(targets):
                await bus.publish(subject, message)
                if number % 16 == 0:
                    await asyncio.sleep(0)
        index += 1
        await asyncio.sleep(max(0.0, started + index / FPS - time.monotonic()))


async def cpu_of(pid, window_s):
    process = psutil.Process(pid)
    before = sum(process.cpu_times()[:2])
    await asyncio.sleep(window_s)
    return (sum(process.cpu_times()[:2]) - before) / window_s


async def recorder_cpu(nats_url, folder, count, bus):
    """Cores the recorder uses, how many streams it wrote, its memory in MiB."""
    environment = {
        **os.environ,
        "CAMBUS_NATS_URL": nats_url,
        "CAMBUS_DATA_DIR": str(folder),
        "CAMBUS_INSTANCE": "recorder-bench",
        "CAMBUS_DISK_RESERVE_MIB": "0",
        "CAMBUS_LOG_LEVEL": "error",
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "cambus.recorder", env=environment)
    os.sched_setaffinity(process.pid, {os.cpu_count() - 1})
    publishing = asyncio.create_task(publish(bus, count))
    try:
        async with asyncio.timeout(60):
            while len(list((folder / "recordings").glob("*/*/*/*/*.mp4"))) < count:  # noqa: ASYNC110  # files tell nobody
                await asyncio.sleep(0.1)
        await asyncio.sleep(SETTLE_S)
        files = list((folder / "recordings").glob("*/*/*/*/*.mp4"))
        size = sum(path.stat().st_size for path in files)
        used = await cpu_of(process.pid, WINDOW_S)
        written = sum(path.stat().st_size for path in files) - size
        memory = psutil.Process(process.pid).memory_info().rss / 2**20
        return used, written * 8 / WINDOW_S / BITRATE, memory
    finally:
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)
        process.terminate()
        await process.wait()


PLAIN = """
import os, sys, time
from concurrent.futures import ThreadPoolExecutor
folder, count = sys.argv[1], int(sys.argv[2])
files = [os.open(os.path.join(folder, f"{n}.bin"), os.O_WRONLY | os.O_CREAT) for n in range(count)]
data = os.urandom(int(sys.argv[3]))
def write(fd):
    os.write(fd, data)
    os.fdatasync(fd)
with ThreadPoolExecutor(4) as threads:
    while True:
        started = time.monotonic()
        list(threads.map(write, files))
        time.sleep(max(0, started + 1 - time.monotonic()))
"""


async def plain_cpu(folder, count):
    folder.mkdir()
    arguments = (str(folder), str(count), str(BITRATE // 8))
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", PLAIN, *arguments)
    os.sched_setaffinity(process.pid, {os.cpu_count() - 1})
    try:
        await asyncio.sleep(SETTLE_S)
        return await cpu_of(process.pid, WINDOW_S)
    finally:
        process.kill()
        await process.wait()


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=60)
    count = parser.parse_args().streams
    await asyncio.to_thread(LoopStore.shared.get, SPEC)
    os.sched_setaffinity(0, set(range(max(1, os.cpu_count() - 1))))
    ours, plain, streams, memory = [], [], [], []
    with NatsServer() as server:
        settings = BusSettings(nats_url=server.url, instance="bench")
        async with await Bus.connect(settings, name="bench") as bus:
            await ensure_assets(bus)
            await claims(bus, count)
            policy = RecordingPolicy(id="all")
            await KeyValue(bus, assets.KV_POLICIES, RecordingPolicy).put(keys.recording_policy("all"), policy)
            for _ in range(RUNS):
                with tempfile.TemporaryDirectory() as folder:
                    used, written, mib = await recorder_cpu(server.url, Path(folder) / "ours", count, bus)
                    ours.append(used)
                    streams.append(written)
                    memory.append(mib)
                    plain.append(await plain_cpu(Path(folder) / "plain", count))
    per_core = [written / used for written, used in zip(streams, ours, strict=True)]
    row = {
        "row": f"recorder: {count} streams of 4 Mbit/s, fMP4 with fsync each second: streams per core / 200",
        "ratio": round(statistics.median(per_core) / 200, 2),
        "limit": 1.0,
        "at_least": True,
        "streams_per_core": round(statistics.median(per_core)),
        "streams_written": [round(each, 1) for each in streams],
        "cpu_against_plain_writes": round(
            statistics.median(a / b for a, b in zip(ours, plain, strict=True) if b > 0), 1
        ),
        "rss_mib": round(statistics.median(memory)),
    }
    print(json.dumps(row))


if __name__ == "__main__":
    asyncio.run(main())
