"""What nats-server itself takes: for media it relays, and for devices that are only there.

Media: one process publishes streams of 4 Mbit/s (25 access units a second of 20 kB each) as connectors do, others
subscribe to all of it, as recorders and relays do. Idle: a connector holds sessions, renews its leases and keeps
presence, with every write synced. Processor time is read from the operating system, messages from the server.
"""

import argparse
import asyncio
import json
import os
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import uvloop

from cambus.bus.testing import NatsServer
from cambus.client.connection import Connection
from cambus.client.login import Login
from cambus.media.frame import Codec, Flag, Frame, Kind, encode_frame
from cambus.schemas import subjects

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "connector_dvrip"))

import rig

FPS = 25
PAYLOAD = bytes(20_000)
SETTLE_S = 2.0
WINDOW_S = 6.0
SUBSCRIBERS = (0, 1, 2)
GIGABIT = 1e9 / 8


async def publish(url, streams):
    """Publish in real time until somebody ends this."""
    async with Connection(Login(servers=[url]), name="cameras") as bus:
        targets = [subjects.media_subject(f"cam-{number}", 0, "main") for number in range(streams)]
        started, turn = time.monotonic(), 0
        while True:
            frame = Frame(Kind.VIDEO, Codec.H264, Flag.KEYFRAME, turn, turn * 3600, turn * 3600, 0, PAYLOAD)
            (message,) = encode_frame(frame, bus.max_payload)
            for subject in targets:
                await bus.publish(subject, message)
            await bus.flush()
            turn += 1
            await asyncio.sleep(max(0.0, started + turn / FPS - time.monotonic()))


async def subscribe(url):
    """Take everything and do nothing with it."""
    async with Connection(Login(servers=[url]), name="taker") as bus:
        await bus.subscribe(subjects.media(), lambda message: None)
        await asyncio.Event().wait()


def told(server, page="varz"):
    """What the server says of itself."""
    with urllib.request.urlopen(f"{server.monitor_url}/{page}", timeout=10) as answer:
        return json.load(answer)


class Window:
    """What the server did between two looks at it."""

    def __init__(self, server):
        self._server, self._process = server, psutil.Process(server.pid)
        self._cpu_s, self._told, self._at = sum(self._process.cpu_times()[:2]), told(server), time.monotonic()

    def close(self):
        """Seconds, seconds of a core, messages and bytes in and out, and its memory in MiB."""
        now, cpu_s = told(self._server), sum(self._process.cpu_times()[:2])
        counts = {
            name: now[name] - self._told[name] for name in ("in_msgs", "out_msgs", "in_bytes", "out_bytes")
        }
        memory = self._process.memory_info().rss / 2**20
        return {"s": time.monotonic() - self._at, "cpu_s": cpu_s - self._cpu_s, "mib": memory, **counts}


async def media(streams):
    """Rows for each number of subscribers, and what each gigabit costs on its way in and out."""
    seen = []
    for takers in SUBSCRIBERS:
        with NatsServer() as server:
            roles = [("publish", str(streams)), *([("subscribe", "0")] * takers)]
            running = [
                await asyncio.create_subprocess_exec(
                    sys.executable, __file__, "--role", role, server.url, count
                )
                for role, count in roles
            ]
            try:
                await asyncio.sleep(SETTLE_S)
                window = Window(server)
                await asyncio.sleep(WINDOW_S)
                seen.append(window.close())
            finally:
                for process in running:
                    process.kill()
                    await process.wait()
    gigabits_in = [each["in_bytes"] / GIGABIT for each in seen]
    gigabits_out = [each["out_bytes"] / GIGABIT for each in seen]
    per_in = seen[0]["cpu_s"] / gigabits_in[0]
    costs_out = [
        (each["cpu_s"] - per_in * into) / out
        for each, into, out in zip(seen[1:], gigabits_in[1:], gigabits_out[1:], strict=True)
    ]
    row = {
        "row": f"nats-server: media of {streams} streams relayed to {', '.join(map(str, SUBSCRIBERS))} subscribers",
        "gbit_per_s_in": round(gigabits_in[0] / seen[0]["s"], 2),
        "core_s_per_gbit_in": round(per_in, 3),
        "core_s_per_gbit_out": [round(each, 3) for each in costs_out],
        "rss_mib": [round(each["mib"]) for each in seen],
        "load": [round(each, 1) for each in os.getloadavg()],
    }
    print(json.dumps(row), flush=True)


async def idle(devices):
    """One row: what sessions at rest cost the server, beside what the connector costs it without any."""
    async with (
        rig.running(sync_interval="always") as running,
        rig.simulators(devices, "--channels", "1") as ports,
    ):
        await running.start_connector()
        costs = []
        for wanted in (ports[:1], ports):
            async with asyncio.timeout(150):
                await running.register(wanted)
            await asyncio.sleep(SETTLE_S)
            window = Window(running.server)
            await asyncio.sleep(2 * WINDOW_S)
            costs.append(window.close())
        stored = told(running.server, "jsz")
    alone, many = ({key: value / each["s"] for key, value in each.items() if key != "mib"} for each in costs)
    row = {
        "row": f"nats-server: {devices} DVRIP devices at rest, every write synced",
        "core": round(many["cpu_s"], 4),
        "core_with_one_device": round(alone["cpu_s"], 4),
        "messages_per_s": round(many["in_msgs"], 1),
        "messages_per_s_with_one_device": round(alone["in_msgs"], 1),
        "rss_mib": round(costs[1]["mib"]),
        "rss_mib_with_one_device": round(costs[0]["mib"]),
        "stored_bytes_per_device": round(stored["storage"] / devices),
        "load": [round(each, 1) for each in os.getloadavg()],
    }
    print(json.dumps(row), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--devices", type=int, default=500)
    parser.add_argument("--role", nargs=3, metavar=("ROLE", "URL", "STREAMS"), help="be one of the processes")
    asked = parser.parse_args()
    if asked.role:
        role, url, streams = asked.role
        uvloop.run(publish(url, int(streams)) if role == "publish" else subscribe(url))
        return
    asyncio.run(media(asked.streams))
    asyncio.run(idle(asked.devices))


if __name__ == "__main__":
    main()
