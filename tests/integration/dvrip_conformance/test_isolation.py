"""One device that hangs, floods or sends garbage takes nothing from the others but the moments its bytes cost.

Reads of all devices take turns, so what one device can delay another by is what one read of it costs. That is measured
in processor time of this thread, by tests that are slow; the others look only at who is answered while it goes on.
"""

import asyncio
import contextlib
import socket
import threading
import time
from typing import Self

import pytest

from cambus.dvrip.client import DvripClient
from cambus.dvrip.connection import Connection
from cambus.dvrip.frames import AudioFrame, VideoFrame
from cambus.dvrip.live import LiveStream
from cambus.dvrip.payload import encode_body
from cambus.dvrip.profile import Credentials
from cambus.dvrip.timeouts import Timeouts
from cambus.dvrip.wire import Header, serialize
from cambus.media.frame import Codec

PATIENT_S = 60.0
FLOOD_BYTES = 8 << 20
LOGIN_OK = encode_body({"AliveInterval": 20, "ChannelNum": 1, "Ret": 100, "SessionID": "0x00000007"})
KEY = VideoFrame(Codec.H264, True, b"\x00\x00\x00\x01\x67\x64\x00\x1f", 640, 480, 25).serialize()
SOUND = AudioFrame(14, 2, b"").serialize()


def bare(message_id: int, *, total: int = 0, current: int = 0, sequence: int = 0) -> bytes:
    """The smallest packet there is."""
    return Header(0xFF, 1, 0, 0, 7, sequence, total, current, message_id, 0).serialize()


def packet(message_id: int, payload: bytes) -> bytes:
    return serialize(message_id, payload, session_id=7, version=1)


def many(piece: bytes) -> bytes:
    return piece * (-(-(1 << 20) // len(piece)))


FLOODS = {
    "keepalives": many(bare(1006)),
    "unknown messages": many(bare(7776)),
    "answers to nothing": many(bare(1021)),
    "answers to keepalives": many(packet(1007, b"{}")),
    "alarms": many(packet(1504, b'{"AlarmInfo":{"Event":"VideoMotion","Status":"Start"}}')),
    "long alarms": many(packet(1504, b'{"AlarmInfo":{"a":[' + b"{}," * 80_000 + b"{}]}}")),
    "unreadable alarms": many(packet(1504, b'{"a":[' + b"[]," * 40 + b'"' + b'\\"' * 30_000)),
    "first parts": b"".join(bare(1043, total=3, sequence=number) for number in range(52_000)),
    "doubled parts": many(bare(1043, total=3)),
    "empty media": many(bare(1412)),
    "video": many(packet(1412, KEY)),
    "sound": many(packet(1412, KEY + SOUND * 900)),
    "garbage in media": many(packet(1412, b"\x00\x00\x01\xfc" * 2000)),
    "media that begins for ever": many(packet(1412, b"\x00\x00\x01\xfd\xff\xff\x7f\x00" + b"\x00" * 100)),
}


class Hostile:
    """A device on a thread of its own: logs anybody in and sends one thing over and over, or nothing."""

    def __init__(self, flood: bytes = b"", *, answers_login: bool = True) -> None:
        self.flood = flood
        self.answers_login = answers_login
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.sent = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self.socket.close()
        with contextlib.suppress(OSError):  # wakes an accept that still waits
            socket.create_connection(("127.0.0.1", self.port), 0.2).close()
        self._thread.join(10)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            peer, _ = self.socket.accept()
            with peer:
                peer.settimeout(0.2)
                peer.recv(65536)
                if self.answers_login:
                    peer.sendall(packet(1001, LOGIN_OK))
                self._send(peer)

    def _send(self, peer: socket.socket) -> None:
        while not self._stop.is_set():
            if not self.flood or self.sent >= FLOOD_BYTES:
                self._stop.wait(0.05)
                continue
            rest = memoryview(self.flood)
            while rest and not self._stop.is_set():
                with contextlib.suppress(TimeoutError):
                    count = peer.send(rest)
                    self.sent += count
                    rest = rest[count:]


@pytest.fixture
def costs(monkeypatch):
    """Processor seconds of each read of each connection."""
    spent = {}
    take = Connection.buffer_updated

    def measured(self, nbytes):
        began = time.thread_time()
        take(self, nbytes)
        spent.setdefault(self, []).append(time.thread_time() - began)

    monkeypatch.setattr(Connection, "buffer_updated", measured)
    return spent


async def dial_hostile(port: int, **timeouts: float) -> DvripClient:
    client = DvripClient(
        "127.0.0.1", port, credentials=Credentials("admin", "x"), timeouts=Timeouts(**timeouts)
    )
    await client.connect()
    return client


@pytest.mark.parametrize("flood", ["keepalives", "alarms", "video", "doubled parts"])
async def test_amid_a_flood_the_others_are_answered(recorder, dial, flood):
    good = await dial(recorder)
    with Hostile(FLOODS[flood]) as hostile:
        client = await dial_hostile(hostile.port)
        live = LiveStream(0, "Main", silence_s=60)
        client.control.on_media = live.on_media
        during = 0
        async with asyncio.timeout(PATIENT_S):
            while client.control.bytes_received < 1 << 20 and client.is_online:
                assert (await good.system.info()).serial == recorder.device.identity.serial
                during += 1
        assert during > 1  # requests and the flood took turns
        assert good.is_online
        await client.control.close()  # it would not answer a logout
    assert len(live._queue) <= 256


@pytest.mark.slow  # it bounds delays, which a busy machine cannot promise
@pytest.mark.parametrize("flood", FLOODS)
async def test_a_flood_costs_others_less_than_100_ms_at_a_time(recorder, dial, costs, flood):
    good = await dial(recorder)
    with Hostile(FLOODS[flood]) as hostile:
        client = await dial_hostile(hostile.port)
        live = LiveStream(0, "Main", silence_s=60)
        client.control.on_media = live.on_media
        answered = 0
        async with asyncio.timeout(PATIENT_S):
            while client.control.bytes_received < FLOOD_BYTES // 2 and client.is_online:
                assert (await good.system.info()).serial == recorder.device.identity.serial
                answered += 1
        assert answered > 10  # requests and the flood took turns
        assert good.is_online
        control = client.control
        await client.control.close()  # it would not answer a logout
        assert control.bytes_received > 1 << 20
        assert (
            min(sorted(costs[control])[-3:]) < 0.1
        )  # one of the worst three: a page fault is not the protocol's
    assert len(live._queue) <= 256


@pytest.mark.parametrize("logged_in", [True, False])
async def test_a_device_that_hangs_holds_up_nobody(recorder, dial, logged_in):
    good = await dial(recorder)
    with Hostile(answers_login=logged_in) as hostile:
        if logged_in:
            client = await dial_hostile(hostile.port)
            waiting = [asyncio.create_task(client.request(1020, {})) for _ in range(20)]
        else:
            waiting = [asyncio.create_task(dial_hostile(hostile.port, login=30.0))]
        async with asyncio.timeout(PATIENT_S):
            for _ in range(200):
                assert (await good.system.info()).serial == recorder.device.identity.serial
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        if logged_in:
            await client.control.close()


@pytest.mark.parametrize(
    "garbage", [b"\x00" * 4096, b"HTTP/1.1 400 Bad Request\r\n\r\n" * 99, b"\xff" * 4096]
)
async def test_garbage_ends_its_own_connection_and_no_other(recorder, dial, garbage):
    good = await dial(recorder)
    with Hostile(garbage) as hostile:
        client = await dial_hostile(hostile.port)
        async with asyncio.timeout(PATIENT_S):
            await client.wait_closed()
            assert (await good.system.info()).serial == recorder.device.identity.serial
        await client.control.close()  # it would not answer a logout
    assert good.is_online
