"""Bulk transfers over a real server: nothing lost, held back by the reader, ended by a digest."""

import asyncio
import hashlib
import json
import os

import pytest

from cambus.bus import transfer_sender
from cambus.bus.connection import Bus
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.bus.transfer_sender import MAX_WAITING, TransferAbandonedError, TransferSender
from cambus.client import transfer_reader
from cambus.client.transfer_reader import TransferReader
from cambus.schemas import headers
from cambus.schemas.errors import Conflict, Offline
from cambus.schemas.transfer import TransferOutcome, TransferResume

DATA = os.urandom(3_000_000)
PIECE = 8192


@pytest.fixture
async def sender(bus, unique):
    async with TransferSender(bus, unique, window_bytes=400_000) as made:
        yield made


async def produce(sender, data=DATA, outcome=TransferOutcome.COMPLETE, **why):
    for start in range(0, len(data), PIECE):
        await sender.write(data[start : start + PIECE])
    sender.end_part("all", 0, outcome)
    sender.finish(outcome, **why)


async def read_all(bus, sender, **options):
    reader = TransferReader(bus, sender.subject, **options)
    return b"".join([chunk async for chunk in reader.chunks()]), reader.end


@pytest.mark.parametrize(("chunk", "ahead"), [(100_000, 3), (65_536, 1), (999, 2)])
async def test_what_is_written_is_read_and_its_digest_told(bus, sender, chunk, ahead):
    data = DATA[: chunk * 30]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(produce(sender, data))
        got, end = await read_all(bus, sender, chunk_bytes=chunk, ahead=ahead)
    assert got == data
    assert (end.outcome, end.bytes) == (TransferOutcome.COMPLETE, len(data))
    assert end.sha256 == hashlib.sha256(data).hexdigest()
    assert [(part.name, part.offset, part.bytes) for part in end.parts] == [("all", 0, len(data))]


async def test_an_empty_transfer_has_an_end_only(bus, sender):
    sender.finish(TransferOutcome.TRUNCATED, "no-data", "the device sent nothing")
    got, end = await read_all(bus, sender)
    assert got == b""
    assert (end.outcome, end.reason, end.bytes) == (TransferOutcome.TRUNCATED, "no-data", 0)


async def test_a_producer_waits_for_a_reader_that_does_not_ask(bus, sender):
    task = asyncio.create_task(produce(sender))
    reader = TransferReader(bus, sender.subject, chunk_bytes=10_000, ahead=1)
    chunks = reader.chunks()
    await anext(chunks)
    await bus.flush()
    held = sender.bytes_written
    assert 400_000 <= held <= 400_000 + 10_000 + PIECE
    for _ in range(40):
        await anext(chunks)
    assert sender.bytes_written > held
    assert not task.done()
    await sender.close()
    with pytest.raises(TransferAbandonedError):
        await task
    await chunks.aclose()


async def test_a_lost_answer_is_asked_for_again(bus, sender):
    """Chunks asked for and thrown away, as if their answers had been lost."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(produce(sender))
        for offset in (0, 100_000, 100_000, 0):
            body = json.dumps({"offset": offset, "max_bytes": 100_000}).encode()
            answer = await bus.request(sender.subject, body)
            assert answer.headers[headers.OFFSET] == str(offset)
            assert answer.data == DATA[offset : offset + 100_000]
        got, _ = await read_all(bus, sender, chunk_bytes=50_000)
    assert got == DATA


async def test_what_is_there_already_is_compared_and_not_sent(bus, unique):
    have = DATA[:1_234_567]
    resume = TransferResume(bytes=len(have), sha256=hashlib.sha256(have).hexdigest())
    sender = TransferSender(bus, unique, resume=resume, window_bytes=400_000)
    async with sender, asyncio.TaskGroup() as tasks:
        tasks.create_task(produce(sender))
        got, end = await read_all(bus, sender, offset=len(have), chunk_bytes=100_000)
    assert have + got == DATA
    assert (end.bytes, end.sha256) == (len(DATA), hashlib.sha256(DATA).hexdigest())


@pytest.mark.parametrize("data", [b"x" * 2_000_000, DATA[:1000]])
async def test_resuming_something_else_is_refused(bus, unique, data):
    resume = TransferResume(bytes=1_000_000, sha256=hashlib.sha256(DATA[:1_000_000]).hexdigest())
    async with TransferSender(bus, unique, resume=resume) as sender:
        task = asyncio.create_task(produce(sender, data))
        with pytest.raises(Conflict) as refused:
            await read_all(bus, sender, offset=1_000_000)
        await asyncio.gather(task, return_exceptions=True)
    assert refused.value.reason == "resume-mismatch"


async def test_a_transfer_nobody_reads_ends(bus, unique):
    async with TransferSender(bus, unique, window_bytes=1000, idle_s=0.05) as sender:
        with pytest.raises(TransferAbandonedError):
            await produce(sender)
        await sender.wait_over()


@pytest.fixture(autouse=True)
def quickly_gone(monkeypatch):
    monkeypatch.setattr(transfer_reader, "BACK_S", 0.05)


async def test_a_reader_waits_for_a_source_that_has_nothing_yet(bus, sender, monkeypatch):
    monkeypatch.setattr(transfer_sender, "EMPTY_AFTER_S", 0.02)
    asked = []
    deliver = sender._deliver
    reading = asyncio.create_task(read_all(bus, sender))
    monkeypatch.setattr(sender, "_deliver", lambda message: asked.append(message) or deliver(message))
    await sender._subscription.close()
    sender._subscription = await bus.subscribe(sender.subject, sender._deliver)
    while len(asked) < 10:  # asked again and again
        await bus.flush()
    await produce(sender, DATA[:1000])
    got, _ = await reading
    assert got == DATA[:1000]


async def test_a_sender_that_is_gone_is_offline(bus, sender):
    await sender.close()
    with pytest.raises(Offline) as gone:
        await read_all(bus, sender)
    assert gone.value.reason == "transfer-gone"


async def test_nonsense_is_refused_and_of_too_many_requests_the_oldest_gets_nothing(bus, sender):
    answer = await bus.request(sender.subject, b'{"offset": -1}')
    assert answer.headers[headers.SERVICE_ERROR_CODE] == "400"
    waiting = [asyncio.create_task(bus.request(sender.subject, b'{"offset": 0}')) for _ in range(MAX_WAITING)]
    await bus.flush()
    last = asyncio.create_task(bus.request(sender.subject, b'{"offset": 0}'))
    done, _ = await asyncio.wait({*waiting, last}, return_when=asyncio.FIRST_COMPLETED)
    assert done == {waiting[0]}
    assert waiting[0].result().data == b""
    waiting.append(last)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_restart_of_nats_costs_a_transfer_nothing_but_time(unique, monkeypatch):
    with NatsServer() as server:
        settings = BusSettings(nats_url=server.url, instance="transfers")
        async with (
            await Bus.connect(settings, name="sender") as ours,
            await Bus.connect(settings, name="reader") as theirs,
        ):
            sender = TransferSender(ours, unique, window_bytes=400_000)
            monkeypatch.setattr(transfer_reader, "BACK_S", 1.0)  # the reader may be back before the sender
            reader = TransferReader(theirs, sender.subject, chunk_bytes=50_000)
            got = b""
            async with sender, asyncio.timeout(90), asyncio.TaskGroup() as tasks:
                tasks.create_task(produce(sender))
                async for chunk in reader.chunks():
                    got += chunk
                    if len(got) in {500_000, 2_000_000}:
                        await server.restart()
        assert got == DATA
        assert reader.end.sha256 == hashlib.sha256(DATA).hexdigest()
