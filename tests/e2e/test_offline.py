"""Devices that are away, or not what they should be: said at once, tried again, and nobody else is held up."""

import asyncio
import itertools
import os
import struct
from contextlib import AsyncExitStack

import psutil
import pytest
import pytest_asyncio
from suite import recorder_device, running_suite, until

from cambus.client.errors import NoResponders
from cambus.dvrip.ids import MessageId
from cambus.schemas.commands import device as device_commands
from cambus.schemas.commands import ptz
from cambus.schemas.errors import DeadlineExceeded, Offline
from cambus.schemas.events import device as device_events
from cambus.schemas.model import Empty

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOOD = "offline-good"
CONNECT_S = 3
"""A device that says nothing is given up after so many seconds."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def good():
    async with recorder_device(channels=1) as simulator:
        yield simulator


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(folder, good):
    settings = {"CAMBUS_CONNECT_TIMEOUT_S": str(CONNECT_S)}
    async with running_suite(folder, "connector-dvrip", settings=settings) as running:
        await running.add(GOOD, good.port)
        await running.online(GOOD)
        yield running


class Impostor:
    """Something that listens where a device should be.

    Args:
        greeting: what it says first.
        answer: what it says to whatever it is told.
    """

    def __init__(self, greeting: bytes = b"", answer: bytes = b"") -> None:
        self.greeting = greeting
        self.answer = answer
        self.connected_at: list[float] = []
        self.writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info):
        self.server.close()
        for writer in self.writers:
            writer.close()
        await self.server.wait_closed()

    async def _serve(self, reader, writer):
        self.connected_at.append(asyncio.get_running_loop().time())
        self.writers.add(writer)
        try:
            writer.write(self.greeting)
            while await reader.read(4096):
                writer.write(self.answer)
        except ConnectionError:
            pass
        finally:
            self.writers.discard(writer)
            writer.close()


def header(length: int, flag: int = 0xFF) -> bytes:
    """A packet's head, of any length (DVRIP §2.1)."""
    return struct.pack("<BBHIIBBHI", flag, 1, 0, 0, 0, 0, 0, int(MessageId.LOGIN_REPLY), length)


async def info(suite, device, timeout_s=None):
    return await suite.client.call(device_commands.INFO, Empty(), device=device, timeout_s=timeout_s)


async def test_an_offline_device_is_answered_by_nats_itself(suite):
    async with recorder_device(channels=1) as away:
        await suite.add("offline-away", away.port)
        await suite.online("offline-away")
        assert (await info(suite, "offline-away")).serial == away.device.identity.serial
        away.go_offline()
        gone = await suite.presence_like(
            "offline-away", lambda presence: not presence.online and presence.retry_at
        )
        assert gone.last_error is not None
        with pytest.raises(NoResponders):  # not a time-out
            await suite.bus.request(ptz.STOP.subject("offline-away"), b"", timeout_s=30.0)
        with pytest.raises(Offline):
            await info(suite, "offline-away")
        assert away.connection_count == 0
        await away.go_online()
        await suite.online("offline-away")
        assert (await info(suite, "offline-away")).serial == away.device.identity.serial
        await until(lambda: len(suite.events.of(device_events.ONLINE, "offline-away")) == 2)
        await suite.remove("offline-away")


async def test_a_device_nobody_knows_is_offline_too(suite):
    with pytest.raises(Offline):
        await info(suite, "offline-never-heard-of")


async def test_impostors_are_reported_and_retried_while_others_are_served(suite, good):
    impostors = {
        "offline-garbage": (Impostor(b"\x00" + os.urandom(4096)), "protocol-error"),
        "offline-oversized": (Impostor(header(0xFFFFFFFF) + b"x" * 1000), "protocol-error"),
        "offline-wrong-flag": (Impostor(answer=header(2, flag=0x7F) + b"{}"), "protocol-error"),
        "offline-no-json": (Impostor(answer=header(4) + b"null"), "unsupported"),  # perhaps encrypted
        "offline-silent": (Impostor(), "timeout"),
    }
    connector = psutil.Process(suite.pid("connector-dvrip"))
    memory = connector.memory_info().rss
    async with AsyncExitStack() as stack:
        for name, (impostor, _) in impostors.items():
            await stack.enter_async_context(impostor)
            await suite.add(name, impostor.port)

        def was_tried(impostor: Impostor, reason: str) -> bool:
            """Three times, or once in two ways: what perhaps encrypts is left alone for long."""
            return len(impostor.connected_at) >= (2 if reason == "unsupported" else 3)

        async def serves() -> int:
            """Commands to the good device, one after the other, until every impostor was tried."""
            answered = 0
            while not all(was_tried(*each) for each in impostors.values()):
                assert (await info(suite, GOOD, timeout_s=10.0)).serial == good.device.identity.serial
                answered += 1
            return answered

        assert await asyncio.wait_for(serves(), 60) > 20
        for name, (impostor, reason) in impostors.items():
            presence = await suite.presence_like(
                name, lambda presence: presence.last_error and presence.retry_at, within_s=10
            )
            assert not presence.online
            assert presence.last_error.reason == reason, presence
            attempts = impostor.connected_at[:: 2 if reason == "unsupported" else 1]
            assert all(after - before > 0.05 for before, after in itertools.pairwise(attempts))
            assert suite.events.of(device_events.ONLINE, name) == []
        await until(lambda: all(len(each.writers) <= 1 for each, _ in impostors.values()))
        assert connector.memory_info().rss - memory < 64 << 20
        for name in impostors:
            await suite.remove(name)
        await until(lambda: all(not each.writers for each, _ in impostors.values()))


@pytest.mark.parametrize("fault", ["huge_length", "wrong_flag", "half_header"])
async def test_a_device_that_goes_mad_is_cut_off_and_taken_back(suite, fault):
    name = f"offline-{fault.replace('_', '-')}"
    async with recorder_device(channels=1) as simulator:
        await suite.add(name, simulator.port)
        await suite.online(name)
        assert simulator.inject(fault) > 0
        if fault == "half_header":
            simulator.drop(reset=False)  # the connection ends inside a packet
        offline = await suite.events.find(device_events.OFFLINE, name)
        assert offline.reason == ("connection-lost" if fault == "half_header" else "protocol-error")
        await until(lambda: len(suite.events.of(device_events.ONLINE, name)) == 2)
        assert (await info(suite, name)).serial == simulator.device.identity.serial
        await suite.remove(name)


async def test_a_device_that_does_not_answer_costs_its_caller_a_deadline_and_nobody_else_anything(suite):
    async with recorder_device(channels=1) as simulator:
        await suite.add("offline-mute", simulator.port, options={"request_timeout_s": 1.0})
        await suite.online("offline-mute")
        simulator.quirks.silent_ids = {int(MessageId.PTZ)}
        request = ptz.PtzMoveRequest(channel=0, pan=1.0)
        mute = asyncio.ensure_future(suite.client.call(ptz.MOVE, request, device="offline-mute"))
        answered = 0
        while not mute.done():
            await info(suite, GOOD, timeout_s=10.0)
            answered += 1
        assert answered > 1  # the first did not wait for the one that is mute
        with pytest.raises((DeadlineExceeded, Offline)):
            mute.result()
        simulator.quirks.silent_ids = set()
        await until(lambda: len(suite.events.of(device_events.ONLINE, "offline-mute")) == 2)
        await suite.client.call(ptz.MOVE, request, device="offline-mute")
        assert simulator.head(0).moving
        await suite.remove("offline-mute")
