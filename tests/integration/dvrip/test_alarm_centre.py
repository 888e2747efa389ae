"""The alarm centre's port: one-shot and persistent senders, and noise that harms nobody else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cambus.dvrip.alarm_centre import AlarmCentreListener, AlarmCentreSettings, find_device
from cambus.dvrip.payload import encode_body
from cambus.dvrip.wire import Header, PacketReader, serialize

MESSAGE = {
    "Address": "0x0100007F",
    "Channel": 0,
    "Descrip": "",
    "Event": "MotionDetect",
    "SerialID": "003344236523",
    "StartTime": "2010-06-24 17:04:22",
    "Status": "Start",
    "Type": "Alarm",
}
PATIENT_S = 10.0


class Centre:
    def __init__(self) -> None:
        self.reports: list[Any] = []
        self.arrived = asyncio.Event()
        self.known: dict[str, str] = {"003344236523": "gate-1"}
        self.listener: AlarmCentreListener | None = None
        self.writers: list[asyncio.StreamWriter] = []

    async def start(self, answers: Any = None, **settings: Any) -> "Centre":
        self.listener = AlarmCentreListener(
            AlarmCentreSettings(host="127.0.0.1", port=0, **settings), self.resolve, self.take, answers
        )
        await self.listener.start()
        return self

    def resolve(self, report: Any, address: str) -> str | None:
        return find_device(report, address, self.known.get, self.known.get)

    def take(self, report: Any, device: str | None, address: str) -> None:
        self.reports.append((report, device, address))
        self.arrived.set()

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listener.port)
        self.writers.append(writer)
        return reader, writer

    async def hears(self, count: int) -> None:
        async with asyncio.timeout(PATIENT_S):
            while len(self.reports) < count:
                self.arrived.clear()
                await self.arrived.wait()

    async def counts(self, name: str, count: int = 1) -> None:
        async with asyncio.timeout(PATIENT_S):
            while self.listener.counters[name] < count:  # noqa: ASYNC110 - counting sets no event
                await asyncio.sleep(0)


@pytest.fixture
async def centre() -> AsyncIterator[Centre]:
    centre = Centre()
    yield centre
    for writer in centre.writers:
        writer.close()
    if centre.listener is not None:
        await centre.listener.close()


def message(tail: bytes = b"\n\x00", **changes: Any) -> bytes:
    body = encode_body({**MESSAGE, **changes}).removesuffix(b"\n\x00") + tail
    return serialize(1508, body, version=1)


@pytest.mark.parametrize("tail", [b"\n\x00", b"\n", b"\x00", b"\r\n", b""])
async def test_a_one_shot_sender_with_every_tail(centre, tail):
    await centre.start()
    _, writer = await centre.dial()
    writer.write(message(tail))
    writer.close()
    await centre.hears(1)
    report, device, address = centre.reports[0]
    assert (report.event, report.serial, report.address) == ("motion", "003344236523", "127.0.0.1")
    assert (device, address) == ("gate-1", "127.0.0.1")


async def test_a_persistent_sender_with_joined_and_split_messages(centre):
    await centre.start()
    _, writer = await centre.dial()
    stream = b"".join(message(Channel=number) for number in range(6))
    writer.write(stream[: len(stream) // 2])
    await centre.hears(2)
    for byte in stream[len(stream) // 2 :]:
        writer.write(bytes([byte]))
        await writer.drain()
    await centre.hears(6)
    assert [report.channel for report, _, _ in centre.reports] == list(range(6))


async def test_the_other_body_shape_is_read(centre):
    await centre.start()
    _, writer = await centre.dial()
    body = {"Name": "NetAlarmCenter", "NetAlarmCenterMsg": {**MESSAGE, "Type": "Log", "Event": "Shutdown"}}
    writer.write(serialize(1508, encode_body(body), version=1))
    await centre.hears(1)
    report = centre.reports[0][0]
    assert (report.event, report.is_log) == ("system", True)


@pytest.mark.parametrize(
    ("known", "device"),
    [
        ({"003344236523": "by-serial", "10.0.0.9": "by-address", "127.0.0.1": "by-sender"}, "by-serial"),
        ({"10.0.0.9": "by-address", "127.0.0.1": "by-sender"}, "by-address"),
        ({"127.0.0.1": "by-sender"}, "by-sender"),
        ({}, None),
    ],
)
async def test_the_device_is_found_by_serial_then_address_then_sender(centre, known, device):
    centre.known = known
    await centre.start()
    _, writer = await centre.dial()
    writer.write(message(Address="0x0900000A"))
    await centre.hears(1)
    assert centre.reports[0][1] == device


async def test_unknown_senders_are_rate_limited_and_known_ones_are_not(centre):
    centre.known = {"known": "gate-1"}
    await centre.start(unassigned_per_s=5)
    _, writer = await centre.dial()
    for _ in range(100):
        writer.write(message(SerialID="stranger"))
    for _ in range(100):
        writer.write(message(SerialID="known"))
    await centre.counts("reports", 105)
    assert centre.listener.counters["unassigned"] <= 6
    assert centre.listener.counters["rate_limited"] >= 94
    assert sum(device == "gate-1" for _, device, _ in centre.reports) == 100


@pytest.mark.parametrize(
    ("noise", "counter"),
    [
        (serialize(1000, b"{}"), "other_ids"),
        (serialize(1508, b"[" * 9000), "malformed"),
        (serialize(1508, b"\xff\xfe\xfd"), "malformed"),
        (b"GET / HTTP/1.0\r\n\r\n", "framing"),
        (Header(0xFF, 1, 0, 0, 0, 0, 0, 0, 1508, 64 * 1024 + 1).serialize(), "framing"),
        (Header(0xFF, 1, 0, 0, 0, 0, 0, 0, 1508, 0xFFFFFFFF).serialize(), "framing"),
    ],
)
async def test_noise_is_counted_and_harms_no_other_connection(centre, noise, counter):
    await centre.start()
    _, good = await centre.dial()
    good.write(message())
    await centre.hears(1)
    _, bad = await centre.dial()
    bad.write(noise)
    await centre.counts(counter)
    good.write(message())
    await centre.hears(2)


async def test_bad_messages_on_a_connection_spare_the_good_ones(centre):
    await centre.start()
    _, writer = await centre.dial()
    writer.write(serialize(1508, b"nonsense") + serialize(77, b"x") + message())
    await centre.hears(1)


async def test_idle_connections_are_closed(centre):
    await centre.start(idle_s=0.05)
    reader, _ = await centre.dial()
    async with asyncio.timeout(PATIENT_S):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    assert centre.listener.counters["idle"] == 1


@pytest.mark.parametrize("reply", [True, False])
async def test_a_reply_is_sent_only_when_asked_for(centre, reply):
    await centre.start(reply=reply)
    reader, writer = await centre.dial()
    writer.write(message())
    await centre.hears(1)
    if reply:
        async with asyncio.timeout(PATIENT_S):
            (packet,) = PacketReader().receive_data(await reader.read(4096))
        assert packet.header.message_id == 1509
    else:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.1)


@pytest.mark.parametrize(
    ("reply", "own", "serial", "answered"),
    [
        (False, True, "003344236523", True),
        (True, False, "003344236523", False),
        (True, None, "003344236523", True),
        (False, True, "nobody", False),
        (True, False, "nobody", True),
    ],
)
async def test_a_device_may_be_answered_otherwise_than_the_others(centre, reply, own, serial, answered):
    await centre.start({"gate-1": own}.get, reply=reply)
    reader, writer = await centre.dial()
    writer.write(message(SerialID=serial, Address="0x00000000"))
    writer.write(b"\x00" * 20)  # lost framing: it is hung up on, after whatever it was answered
    async with asyncio.timeout(PATIENT_S):
        answers = PacketReader().receive_data(await reader.read(4096))
    assert [packet.header.message_id for packet in answers] == ([1509] if answered else [])


async def test_connections_are_capped_by_address(centre):
    await centre.start(max_per_address=2)
    for _ in range(5):
        await centre.dial()
    await centre.counts("refused", 3)


async def test_a_consumer_that_raises_ends_nothing(centre, caplog):
    await centre.start()
    centre.listener._on_report = lambda *args: 1 / 0
    _, writer = await centre.dial()
    writer.write(message())
    await centre.counts("callback_errors")
    centre.listener._on_report = centre.take
    writer.write(message())
    await centre.hears(1)


async def test_a_register_that_raises_ends_nothing(centre, caplog):
    def broken(report, address):
        raise RuntimeError("no register")

    await centre.start()
    centre.listener._resolve = broken
    _, writer = await centre.dial()
    writer.write(message() + message())
    await centre.hears(2)
    assert [device for _, device, _ in centre.reports] == [None, None]
    assert centre.listener.counters["callback_errors"] == 2
