"""Registrations and keepalives of GB/T 28181 devices at a platform on UDP, against a socket that only answers.

All are counted in seconds of processor time of one process; the client is a process of its own. Memory is what 10,000
registered devices leave in the process once nothing is under way.
"""

import argparse
import asyncio
import gc
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

from cambus.gb28181.accounts import Account
from cambus.gb28181.admission import AdmissionSettings
from cambus.gb28181.platform import Gb28181Platform
from cambus.gb28181.platform_settings import PlatformSettings
from cambus.gb28181.registrar import RegistrarSettings
from cambus.simulators.gb28181.storm import numbered
from cambus.sip.digest import Challenge, answer
from cambus.sip.timers import Timers

RUNS = 3
DEVICES = 10_000
WINDOW = 64
REGISTRATIONS_PER_S = 1_500
KEEPALIVES_PER_S = DEVICES / 60.0
CORE_SHARE = 0.10
KIB_PER_DEVICE = 20.0
DELAY_MS = 100.0
PACED_S = 10.0
SERVER, DOMAIN, FIRST, PASSWORD = "34020000002000000001", "3402000000", "34020000001320000001", "a password"
URI = f"sip:{SERVER}@{DOMAIN}"
QUICK = Timers(t1=0.05)  # what is remembered of an answered request is gone after 3.2 s instead of 32
_CALL = re.compile(rb"Call-ID: ([0-9]+)-")


def message(method: str, number: int, sequence: int, more: str, body: bytes = b"") -> bytes:
    """A request of a device."""
    code = numbered(FIRST, number)
    to = code if method == "REGISTER" else SERVER
    head = (
        f"{method} {URI} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5060;rport;branch=z9hG4bK{number}-{sequence}\r\n"
        f"From: <sip:{code}@{DOMAIN}>;tag={number}\r\nTo: <sip:{to}@{DOMAIN}>\r\n"
        f"Call-ID: {number}-{sequence >> 1}@192.0.2.7\r\nCSeq: {sequence} {method}\r\nMax-Forwards: 70\r\n"
        f"User-Agent: Camera\r\n{more}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def register(number: int, sequence: int, challenge: bytes | None) -> bytes:
    """A REGISTER, with credentials where they are asked for."""
    code = numbered(FIRST, number)
    more = f"Contact: <sip:{code}@192.0.2.7:5060>\r\nExpires: 3600\r\n"
    if challenge is not None:
        asked = Challenge.parse(challenge.partition(b"WWW-Authenticate: ")[2].partition(b"\r\n")[0].decode())
        assert asked is not None
        more += f"Authorization: {answer(asked, code, PASSWORD, 'REGISTER', URI)}\r\n"
    return message("REGISTER", number, sequence, more)


def keepalive(number: int, sequence: int) -> bytes:
    """A sign of life."""
    body = (
        '<?xml version="1.0" encoding="GB2312"?>\r\n<Notify>\r\n<CmdType>Keepalive</CmdType>\r\n'
        f"<SN>{sequence}</SN>\r\n<DeviceID>{numbered(FIRST, number)}</DeviceID>\r\n<Status>OK</Status>\r\n</Notify>\r\n"
    )
    return message("MESSAGE", number, sequence, "Content-Type: Application/MANSCDP+xml\r\n", body.encode())


def client(port: int, kinds: list[str]) -> None:
    """One step after the other with the same socket, each told to begin and telling its end by a line."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.connect(("127.0.0.1", port))
        peer.settimeout(30)
        for run, kind in enumerate(kinds):
            first = [
                keepalive(number, 2 * run)
                if kind in {"keepalive", "paced"}
                else register(number, 2 * run, None)
                for number in range(DEVICES)
            ]
            sys.stdin.readline()
            if kind == "paced":
                print(json.dumps(paced(peer, 2 * run)), flush=True)
                continue
            sent = done = 0
            while done < DEVICES:
                while sent < DEVICES and sent - done < WINDOW:
                    peer.send(first[sent])
                    sent += 1
                data = peer.recv(65_536)
                if kind == "register" and b" 401 " in data[:20]:
                    found = _CALL.search(data)
                    assert found is not None
                    peer.send(register(int(found.group(1)), 2 * run + 1, data))
                    continue
                assert kind == "echo" or b" 200 " in data[:20], data
                done += 1
            print("done", flush=True)


def paced(peer: socket.socket, sequence: int) -> list[float]:
    """The milliseconds keepalives take at the rate of all devices together."""
    taken, begun = [], time.monotonic()
    for number in range(int(PACED_S * KEEPALIVES_PER_S)):
        time.sleep(max(begun + number / KEEPALIVES_PER_S - time.monotonic(), 0.0))
        asked = time.monotonic()
        peer.send(keepalive(number, sequence))
        assert b" 200 " in peer.recv(65_536)[:20]
        taken.append((time.monotonic() - asked) * 1e3)
    return sorted(taken)


class Client:
    """A client process."""

    def __init__(self, port: int, kinds: list[str]) -> None:
        self._command = [sys.executable, __file__, "--client", str(port), *kinds]

    async def __aenter__(self):
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        return self

    async def __aexit__(self, *_):
        self._process.stdin.close()
        assert await self._process.wait() == 0

    async def paced(self) -> list[float]:
        """The milliseconds keepalives took, shortest first."""
        self._process.stdin.write(b"\n")
        taken: list[float] = json.loads(await self._process.stdout.readline())
        return taken

    async def step(self) -> float:
        """Processor time of this process while the next step is served, in microseconds a device."""
        before = time.process_time()
        self._process.stdin.write(b"\n")
        assert await self._process.stdout.readline() == b"done\n"
        return (time.process_time() - before) / DEVICES * 1e6


class Echo(asyncio.DatagramProtocol):
    """Answers whatever comes."""

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(data[:300], addr)


class AnyAccount:
    """Every device has the same password."""

    def account(self, code):
        return Account(code, PASSWORD)


async def echo() -> float:
    """Microseconds an answered datagram costs at least."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    try:
        async with Client(transport.get_extra_info("sockname")[1], ["echo"]) as one:
            return await one.step()
    finally:
        transport.close()


def rss_kib() -> float:
    """Memory this process holds."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024


async def measure() -> tuple[list[float], list[float], list[float], float, list[float]]:
    """Costs of an echo, a registration and a keepalive, KiB a device, and how long keepalives take."""
    settings = PlatformSettings(
        RegistrarSettings(DOMAIN, SERVER),
        DOMAIN,
        admission=AdmissionSettings(registers_per_s=1e6, others_per_s=1e6),
    )
    echoes, registrations, keepalives = [await echo()], [], []
    async with Gb28181Platform(settings, AnyAccount(), lambda _: None, timers=QUICK) as platform:
        empty = rss_kib()
        async with Client(platform.port, [*["register", "keepalive"] * RUNS, "paced"]) as one:
            for _ in range(RUNS):
                registrations.append(await one.step())
                keepalives.append(await one.step())
                echoes.append(await echo())
            delays = await one.paced()
        await asyncio.sleep(QUICK.timeout_s + 1.0)
        assert sum(platform.registrar.online(numbered(FIRST, number)) for number in range(DEVICES)) == DEVICES
        memory = (rss_kib() - empty) / DEVICES
    return echoes, registrations, keepalives, memory, delays


async def main() -> None:
    """Measure, and print the rows."""
    echoes, registrations, keepalives, memory, delays = await measure()
    at_least = statistics.median(echoes)
    ours = statistics.median(registrations)
    facts = {"runs": RUNS, "us of an echo": round(at_least, 1)}
    rate = 1e6 / ours
    rows = [
        {
            "row": "GB28181 registrations (401, digest, 200): of 1,500/s a core",
            "ratio": round(rate / REGISTRATIONS_PER_S, 2),
            "limit": 1,
            "at_least": True,
            "us": round(ours, 1),
            "echoes": round(ours / (2 * at_least), 1),
            "registrations/s a core": round(rate),
            **facts,
        }
    ]
    ours = statistics.median(keepalives)
    share = ours * KEEPALIVES_PER_S / 1e6
    rows.append(
        {
            "row": "GB28181 keepalives of 10,000 devices: share of a core / 0.10",
            "ratio": round(share / CORE_SHARE, 2),
            "limit": 1,
            "us": round(ours, 1),
            "echoes": round(ours / at_least, 1),
            "core_used": round(share, 4),
            **facts,
        }
    )
    rows.append(
        {
            "row": "GB28181 devices registered: KiB each / 20",
            "ratio": round(memory / KIB_PER_DEVICE, 2),
            "limit": 1,
            "kib": round(memory, 2),
        }
    )
    p99 = delays[int(len(delays) * 0.99)]
    rows.append(
        {
            "row": "GB28181 keepalives at the rate of 10,000 devices: p99 / 100 ms",
            "ratio": round(p99 / DELAY_MS, 3),
            "limit": 1,
            "p50 ms": round(statistics.median(delays), 2),
            "p99 ms": round(p99, 2),
        }
    )
    for row in rows:
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--client", nargs="+", metavar="PORT KIND")
    asked = parser.parse_args().client
    if asked:
        client(int(asked[0]), asked[1:])
    else:
        asyncio.run(main())
