"""One answer of all recorders, those that are away named, with the alarms of that time."""

from datetime import UTC, datetime, timedelta

import pytest
from recorded_frames import START_US, keyframe_first, real_frames, write_recordings

from cambus.bus.assets import ensure_assets
from cambus.bus.events import EventPublisher
from cambus.bus.in_process import RunningService
from cambus.bus.outbox import Outbox
from cambus.client.calling import BusClient
from cambus.recorder.layout import StreamKey, from_us
from cambus.recorder.service import Recorder
from cambus.recorder.settings import RecorderSettings
from cambus.schemas.commands import recorder as commands
from cambus.schemas.errors import BadRequest
from cambus.schemas.events.alarm import CLEARED, RAISED, AlarmCleared, AlarmRaised
from cambus.schemas.ids import new_ulid

START = from_us(START_US)


@pytest.fixture
async def replicas(bus, device, nats_server, tmp_path):
    """Two recorders; the second goes on where the first ended, and has a gap."""
    await ensure_assets(bus)
    running = []
    for name, frames in (
        ("a", real_frames(100)),
        ("b", [*real_frames(100, first=100), *keyframe_first(real_frames(100, first=200, pause=500))]),
    ):
        settings = RecorderSettings(
            nats_url=nats_server.url,
            instance=f"{name}-{device}"[:64],
            data_dir=tmp_path / name,
            disk_reserve_mib=0,
            lease_ttl_s=5,
            lease_margin_s=1,
        )
        write_recordings(settings.recordings, StreamKey(device, 0, "main"), frames)
        running.append(await RunningService(Recorder, settings).start())
    yield running
    for each in running:
        await each.stop()


@pytest.fixture
def search(bus, device):
    client = BusClient(bus)

    async def ask(**fields):
        request = commands.RecordingSearchRequest(
            device=device, **{"start": START, "end": START + timedelta(minutes=10), **fields}
        )
        return await client.call(commands.RECORDING_SEARCH, request)

    return ask


def name_of(running):
    return running.runtime.settings.instance


async def test_what_both_hold_is_one_span(replicas, search, eventually):
    async def both():
        return {name_of(each) for each in replicas} <= set((await search()).answered)

    await eventually(both)
    reply = await search()
    first, second = reply.spans
    assert first.start == START
    assert (first.end - START).total_seconds() == pytest.approx(8, abs=1)
    assert first.replicas == [name_of(each) for each in replicas]
    assert (second.start - START).total_seconds() > 27
    assert reply.cursor is None


async def test_a_replica_that_was_killed_is_named(replicas, search, eventually):
    async def known():  # to the one that goes on
        return name_of(replicas[1]) in (await search()).answered

    await eventually(known)
    await replicas[1].crash()
    reply = await search()
    assert name_of(replicas[1]) in reply.silent
    assert reply.answered == [name_of(replicas[0])]
    assert len(reply.spans) == 1


async def test_it_comes_page_by_page(replicas, search):
    pages, cursor = [], None
    while not pages or cursor is not None:
        pages.append(await search(limit=1, cursor=cursor))
        cursor = pages[-1].cursor
    assert len(pages) == 2
    assert [len(page.spans) for page in pages] == [1, 1]
    assert pages[0].spans[0].start == START
    assert pages[1].spans[0].start == pages[0].cursor


async def test_the_alarms_of_that_time_are_in_it(replicas, search, bus, device, tmp_path):
    begin = datetime.now(UTC)
    soon = begin + timedelta(seconds=3)

    async def asked(**fields):
        return await search(start=begin, end=begin + timedelta(minutes=10), **fields)

    def raised(second, channel=0, **fields):
        return AlarmRaised(
            id=new_ulid(),
            device=device,
            at=begin + timedelta(seconds=second),
            channel=channel,
            type="motion",
            severity="info",
            key=f"motion:{channel}",
            **fields,
        )

    events = [raised(3, text="Motion"), raised(5, channel=1), raised(7), raised(3000)]
    async with EventPublisher(bus, Outbox(tmp_path / "outbox.sqlite3")) as publisher:
        for event in events:
            await publisher.publish(RAISED, event)
        cleared = AlarmCleared(
            id=new_ulid(),
            device=device,
            at=soon + timedelta(seconds=2),
            channel=0,
            type="motion",
            severity="info",
            key="motion:0",
            raised=events[0].id,
        )
        await publisher.publish(CLEARED, cleared)
    reply = await asked()
    assert [alarm.id for alarm in reply.alarms] == [event.id for event in events[:3]]
    assert reply.alarms_known
    assert (reply.alarms[0].start, reply.alarms[0].end) == (soon, cleared.at)
    assert (reply.alarms[0].text, reply.alarms[2].end) == ("Motion", None)
    assert [alarm.id for alarm in (await asked(channel=0)).alarms] == [events[0].id, events[2].id]
    without = await asked(alarms=False)
    assert (without.alarms, without.alarms_known) == ([], False)
    few = await asked(limit=2)
    assert [alarm.id for alarm in few.alarms] == [event.id for event in events[:2]]
    assert few.cursor == events[2].at
    more = await asked(limit=2, cursor=few.cursor)
    assert ([alarm.id for alarm in more.alarms], more.cursor) == ([events[2].id], None)


async def test_a_time_that_ends_before_it_begins_is_refused(replicas, search):
    with pytest.raises(BadRequest):
        await search(end=START)
