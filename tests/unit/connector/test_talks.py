"""Talks and serial ports as a driver sees them: opened once, closed whatever happens."""

import asyncio
from types import SimpleNamespace

import pytest

from cambus.bus.metrics import Metrics
from cambus.connector.errors import EndReason, SessionEnd
from cambus.connector.media_metrics import MediaMetrics
from cambus.connector.publisher import FramePublisher
from cambus.connector.serial import SerialPorts
from cambus.connector.talk import Talks
from cambus.media.frame import Codec, Flag, Frame, Kind, encode_frame
from cambus.schemas.commands.serial import SerialOpenRequest
from cambus.schemas.commands.talk import TalkStartRequest
from cambus.schemas.errors import Conflict, NotFound, Offline
from cambus.schemas.subjects import media_subject

PIECE = b"\x55" * 320


class Bus:
    """Hands what is published to whoever subscribed, at once."""

    max_payload = 1 << 20
    backlog_bytes = 0

    def __init__(self):
        self.handlers = {}
        self.published = []

    async def publish(self, subject, data=b""):
        self.published.append((subject, data))

    async def subscribe(self, subject, handler):
        self.handlers[subject] = handler

        async def close():
            self.handlers.pop(subject, None)

        return SimpleNamespace(close=close, drain=close)

    async def flush(self):
        pass

    def say(self, subject, number, sound=PIECE):
        frame = Frame(Kind.AUDIO, Codec.PCMA, Flag.NONE, number, 0, 0, number, sound)
        for data in encode_frame(frame, self.max_payload):
            self.handlers[subject](SimpleNamespace(data=data))


class Line:
    """A loudspeaker, or a serial port, that takes as long as it sounds."""

    codec = Codec.PCMA

    def __init__(self):
        self.sent = []
        self.flushed = 0
        self.closed = 0
        self.is_closed = asyncio.Event()
        self.dead = asyncio.get_running_loop().create_future()

    async def send(self, data):
        self.sent.append((asyncio.get_running_loop().time(), data))
        await asyncio.sleep(len(data) / 8000)

    async def flush(self):
        self.flushed += 1

    async def listen(self, sink):
        await self.dead

    async def close(self):
        self.closed += 1
        self.is_closed.set()


@pytest.fixture
async def bus():
    return Bus()


@pytest.fixture
async def context(bus):
    metrics = Metrics()
    media = MediaMetrics(metrics, "test")
    return SimpleNamespace(
        device="gate-1",
        protocol="test",
        bus=bus,
        metrics=metrics,
        publisher=lambda channel, stream: FramePublisher(
            bus, media_subject("gate-1", channel, stream), media
        ),
    )


@pytest.fixture
async def line():
    return Line()


@pytest.fixture
async def talks(context):
    return Talks(context)


def opens(line):
    async def open_line():
        return line

    return open_line


async def over(talks):
    await asyncio.wait({talks._task})


async def test_what_comes_in_bursts_goes_out_evenly(talks, bus, line, loop):
    reply = await talks.start(TalkStartRequest(), opens(line))
    for number in range(10):
        bus.say(reply.subject, number)
        if number % 5 == 4:
            await asyncio.sleep(0.2)
    await talks.stop(reply.session)
    assert [data for _, data in line.sent] == [PIECE] * 10
    times = [at - line.sent[0][0] for at, _ in line.sent]
    assert times == pytest.approx([0.04 * number for number in range(10)])
    assert (line.flushed, line.closed, bus.handlers) == (0, 1, {})


async def test_the_end_of_a_sentence_is_flushed(talks, bus, line):
    reply = await talks.start(TalkStartRequest(), opens(line))
    bus.say(reply.subject, 0, b"\x11" * 100)
    await asyncio.sleep(1)
    assert (line.sent[0][1], line.flushed) == (b"\x11" * 100, 1)
    await talks.stop(reply.session)


async def test_a_session_that_ends_while_a_talk_does_leaves_no_line_open(talks, bus, line):
    leaving = asyncio.Event()
    subscribe = bus.subscribe

    async def slow(subject, handler):
        subscription = await subscribe(subject, handler)

        async def close():
            leaving.set()
            await asyncio.Event().wait()

        return SimpleNamespace(close=close, drain=subscription.drain)

    bus.subscribe = slow
    await talks.start(TalkStartRequest(), opens(line))
    line.dead.set_exception(SessionEnd(EndReason.CONNECTION_LOST, "gone"))
    await leaving.wait()
    await talks.close()
    assert line.closed == 1


async def test_who_says_nothing_for_a_while_has_left(talks, bus, line, loop):
    reply = await talks.start(TalkStartRequest(), opens(line))
    await asyncio.sleep(reply.idle_s - 0.1)
    bus.say(reply.subject, 0)
    said_at = loop.time()
    await over(talks)
    assert reply.idle_s <= loop.time() - said_at < 5
    assert line.closed == 1
    await talks.stop(reply.session)


async def test_a_line_that_dies_ends_the_talk_and_frees_the_loudspeaker(talks, line):
    await talks.start(TalkStartRequest(), opens(line))
    line.dead.set_exception(SessionEnd(EndReason.CONNECTION_LOST, "gone"))
    await over(talks)
    assert line.closed == 1
    reply = await talks.start(TalkStartRequest(), opens(Line()))
    await talks.stop(reply.session)


async def test_a_device_that_refuses_leaves_the_loudspeaker_free(talks, line):
    async def refused():
        raise Conflict("busy", reason="talk-busy")

    with pytest.raises(Conflict):
        await talks.start(TalkStartRequest(), refused)
    reply = await talks.start(TalkStartRequest(), opens(line))
    await talks.stop(reply.session)


async def test_a_talk_that_comes_up_as_the_session_ends_is_closed(talks, line):
    async def late():
        await talks.close()
        return line

    with pytest.raises(Offline):
        await talks.start(TalkStartRequest(), late)
    assert line.closed == 1


@pytest.mark.parametrize("begun", [False, True])
async def test_the_session_cuts_a_talk(talks, bus, line, begun):
    reply = await talks.start(TalkStartRequest(), opens(line))
    if begun:
        await asyncio.sleep(0.1)
    await talks.close()
    assert (line.closed, bus.handlers) == (1, {})
    await talks.stop(reply.session)


async def test_a_serial_port_that_comes_up_as_the_session_ends_is_closed(context, line):
    ports = SerialPorts(context)

    async def late():
        await ports.close()
        return line

    with pytest.raises(Offline):
        await ports.open(SerialOpenRequest(), late)
    assert line.closed == 1


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("by", ["caller", "session"])
async def test_a_serial_port_is_closed_and_free_again(context, line, begun, by):
    ports = SerialPorts(context)
    reply = await ports.open(SerialOpenRequest(), opens(line))
    if begun:
        await asyncio.sleep(0.1)
    await (ports.close() if by == "session" else ports.give_back(reply.session))
    assert line.closed == 1
    with pytest.raises(NotFound):
        await ports.write(reply.session, b"late")


async def test_a_serial_port_is_given_back_when_nobody_writes_and_not_before(context, line, loop):
    ports = SerialPorts(context)
    opened_at = loop.time()
    reply = await ports.open(SerialOpenRequest(ttl_s=10), opens(line))
    await asyncio.sleep(8)
    await ports.write(reply.session, b"")
    await line.is_closed.wait()
    assert loop.time() - opened_at == pytest.approx(18, abs=0.2)
