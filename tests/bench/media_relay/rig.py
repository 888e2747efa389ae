"""What the relay's benchmarks share: the real service in a process of its own, a stream for it, its viewers.

The process under test runs on the first core; NATS, the camera and the viewers share the others. Sizes are
those of 4 Mbit/s 1080p25: a keyframe of 100 kB every two seconds, 18 kB for each picture in between.
"""

import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from cambus.bus.connection import Bus
from cambus.bus.endpoints import Endpoints
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Flag, Frame, Kind, encode_frame
from cambus.media.nal import iter_nal_spans
from cambus.schemas.commands import live
from cambus.schemas.model import Done
from cambus.schemas.subjects import media_subject
from cambus.simulators.video_loop import VideoSpec, encode_loop

HERE = Path(__file__).resolve().parent
DEVICE = "camera"
FPS = 25
GOP = 50
GOP_S = GOP / FPS
KEY_BYTES, DELTA_BYTES, SOUND_BYTES = 100_000, 18_000, 320
CORES = sorted(os.sched_getaffinity(0))
UNDER_TEST, ELSEWHERE = {CORES[0]}, set(CORES[1:]) or {CORES[0]}
GOP_BYTES = KEY_BYTES + (GOP - 1) * DELTA_BYTES
STREAM_BYTES_S = GOP_BYTES / GOP_S + SOUND_BYTES * FPS
MARK = b"CAMBUS-SENT-AT:"
"""Stands before the time a picture was sent (monotonic ns, 20 digits), near its start."""

PATHS = {
    "http-flv": f"/live/{DEVICE}/0/main.flv",
    "http-fmp4": f"/live/{DEVICE}/0/main.mp4",
    "rtsp": f"/live/{DEVICE}/0/main",
    "rtsp-udp": f"/live/{DEVICE}/0/main",
}


class Pictures:
    """Access units of the right sizes: real parameter sets, slices of noise."""

    def __init__(self) -> None:
        unit = encode_loop(VideoSpec(width=64, height=64, fps=5, bitrate=50_000)).units[0].data
        nals = [unit[start:end] for start, end in iter_nal_spans(unit)]
        self._sets = b"".join(b"\0\0\0\1" + nal for nal in nals if nal[0] & 31 in {7, 8})
        noise = random.Random(1)
        self._noise = bytes(noise.choices(range(1, 256), k=KEY_BYTES))

    def unit(self, index: int) -> bytes:
        """Access unit `index`, stamped with the present."""
        stamp = MARK + b"%020d" % time.monotonic_ns()
        if index % GOP == 0:
            head = self._sets + b"\0\0\0\1\x65"
            return head + stamp + self._noise[: KEY_BYTES - len(stamp)]
        return b"\0\0\0\1\x41" + stamp + self._noise[: DELTA_BYTES - len(stamp)]


class Cameras:
    """Answer claims; each publishes in real time while it is claimed."""

    def __init__(self, bus: Bus, endpoints: Endpoints) -> None:
        self._bus = bus
        self._pictures = Pictures()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        endpoints.add(live.START, self._start)
        endpoints.add(live.TOUCH, self._start)
        endpoints.add(live.STOP, self._stop)

    async def _start(self, context, request):
        subject = media_subject(context.device, 0, "main")
        if context.device not in self._tasks:
            self._tasks[context.device] = asyncio.create_task(self._publish(subject))
        return live.LiveStartReply(subject=subject, ttl_s=request.ttl_s)

    async def _stop(self, context, request):
        await self._end(self._tasks.pop(context.device, None))
        return Done()

    async def close(self) -> None:
        while self._tasks:
            await self._end(self._tasks.popitem()[1])

    async def _end(self, task: asyncio.Task[None] | None) -> None:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _publish(self, subject: str) -> None:
        config = AudioConfig(Codec.PCMA, 8000, 1).serialize()
        started, seq = time.monotonic(), 0
        for index in range(1 << 30):
            pts = index * 90_000 // FPS
            key = index % GOP == 0
            parts = [
                (Kind.VIDEO, Codec.H264, Flag.KEYFRAME if key else Flag.NONE, self._pictures.unit(index))
            ]
            parts.append((Kind.AUDIO, Codec.PCMA, Flag.NONE, b"\x55" * SOUND_BYTES))
            if key:
                parts.insert(0, (Kind.AUDIO_CONFIG, Codec.PCMA, Flag.CONFIG, config))
            for kind, codec, flags, payload in parts:
                seq += 1
                frame = Frame(kind, codec, flags, seq, pts, pts, time.time_ns() // 1000, payload)
                for message in encode_frame(frame, self._bus.max_payload):
                    await self._bus.publish(subject, message)
            await asyncio.sleep(max(0.0, started + (index + 1) / FPS - time.monotonic()))


class Relay:
    """The running service: its process and its ports."""

    def __init__(self, process: asyncio.subprocess.Process, http_port: int, rtsp_port: int) -> None:
        self.process = psutil.Process(process.pid)
        self.ports = {"http-flv": http_port, "http-fmp4": http_port, "rtsp": rtsp_port, "rtsp-udp": rtsp_port}

    def cpu_s(self) -> float:
        """CPU seconds used so far, by the OS."""
        times = self.process.cpu_times()
        return times.user + times.system

    def memory_bytes(self) -> int:
        """What it holds for itself alone, by the OS."""
        return self.process.memory_full_info().uss


@asynccontextmanager
async def running_relay(devices: Sequence[str] = (DEVICE,)) -> AsyncIterator[Relay]:
    """NATS, cameras and the service, as in production but for the loopback."""
    os.sched_setaffinity(0, ELSEWHERE)
    with NatsServer(sync_interval="2m") as server, tempfile.TemporaryDirectory() as folder:
        async with await Bus.connect(BusSettings(nats_url=server.url), name="bench") as bus:
            endpoints = Endpoints(bus, "bench-camera")
            cameras = Cameras(bus, endpoints)
            await endpoints.start()
            for device in devices:
                await endpoints.hold(device)
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "cambus.media_relay"),
                env={
                    **os.environ,
                    "CAMBUS_NATS_URL": server.url,
                    "CAMBUS_RELAY_HTTP_PORT": "0",
                    "CAMBUS_RELAY_RTSP_PORT": "0",
                    "CAMBUS_RELAY_WEBRTC_PORT": "0",
                    "CAMBUS_DATA_DIR": folder,
                    "CAMBUS_RELAY_HLS_FOLDER": f"{folder}/segments",
                    "CAMBUS_LOG_FORMAT": "json",
                },
                stderr=asyncio.subprocess.PIPE,
                preexec_fn=lambda: os.sched_setaffinity(0, UNDER_TEST),
            )
            try:
                yield Relay(process, *await _ports(process))
            finally:
                process.terminate()
                await asyncio.gather(process.communicate(), return_exceptions=True)
                await cameras.close()
                await endpoints.drain(1.0)


async def _ports(process: asyncio.subprocess.Process) -> tuple[int, int]:
    assert process.stderr is not None
    async with asyncio.timeout(30):
        async for line in process.stderr:
            said = json.loads(line)
            if "viewer_http_port" in said:
                return said["viewer_http_port"], said["rtsp_port"]
    raise RuntimeError("the relay did not start")
