"""What devices tell: alarms, positions, changes of the catalog; asked to, or of their own accord."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from cambus.gb28181.manscdp import catalog as catalogs
from cambus.gb28181.manscdp.alarms import AlarmNotice
from cambus.gb28181.manscdp.catalog import CatalogEvent
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.gb28181.manscdp.positions import positions
from cambus.gb28181.subscriptions import Subscription, Topic, Wanted
from cambus.simulators.gb28181.quirks import Quirks


class Notices:
    """What came by NOTIFY."""

    def __init__(self, rig):
        self.all = []
        self._rig = rig

    def take(self, event):
        self._rig.platform.endpoint.respond(event.transaction, 200)
        if event.request.body:
            self.all.append(Envelope.parse(event.request.body))
        self._rig.events.append(None)


@asynccontextmanager
async def subscribed(rig, sim, topic, **options):
    notices = Notices(rig)
    subscription = Subscription(
        rig.platform,
        sim.code,
        Wanted(topic, **options),
        notices.take,
        poll=lambda: notices.all.append("poll"),
    )
    task = asyncio.create_task(subscription.run())
    try:
        yield subscription, notices
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("profile", ["dahua_ipc", "hik_nvr", "std_2022"])
async def test_an_alarm_is_told_and_acknowledged(rig, profile):
    sim = await rig.device(profile=profile)
    assert sim.raise_alarm(method=5, type_=6, event_type=1, priority=2, description="闯入")
    await rig.until(lambda: rig.told("Alarm"))
    alarm = AlarmNotice.parse(rig.told("Alarm")[0].envelope)
    assert (alarm.method, alarm.kind, alarm.event_type, alarm.priority) == (5, 6, 1, 2)
    assert alarm.description == "闯入"
    await sim.wait_for(lambda: sim.heard("Alarm"))
    assert b"<Result>OK</Result>" in sim.heard("Alarm")[0].body


async def test_alarms_come_twice_and_at_the_root_and_only_under_guard(rig):
    sim = await rig.device(quirks=Quirks(alarm_copies=2, alarm_type_at_root=True, alarm_needs_guard=True))
    assert not sim.raise_alarm()
    sim.device.guarded = True
    assert sim.raise_alarm(type_=2)
    await rig.until(lambda: len(rig.told("Alarm")) == 2)
    first, second = (each.envelope for each in rig.told("Alarm"))
    assert first.sn == second.sn
    assert AlarmNotice.parse(first).kind == 2


async def test_an_alarm_that_was_subscribed_to(rig):
    sim = await rig.device()
    async with subscribed(rig, sim, Topic.ALARMS) as (_, notices):
        await sim.wait_for(lambda: sim.watchers.active)
        sim.raise_alarm(type_=2)
        await sim.wait_for(lambda: notices.all)
        assert AlarmNotice.parse(notices.all[0]).kind == 2
    await sim.wait_for(lambda: not sim.watchers.active)  # ended by Expires 0


@pytest.mark.parametrize("first", [False, True])
async def test_changes_of_a_catalog(rig, first):
    sim = await rig.device(channels=3, quirks=Quirks(notify_first=first))
    sim.device.cameras[sim.channels[2]].on = False
    async with subscribed(rig, sim, Topic.CATALOG, expires_s=600) as (_, notices):
        await sim.wait_for(lambda: notices.all)
        assert [each.item.code for each in catalogs.changes(notices.all[0])] == [sim.channels[2]]
        assert sim.heard("Catalog")[0].headers.get("Event").startswith("Catalog;id=")
        await sim.wait_for(lambda: sim.watchers.active)
        for event in (CatalogEvent.OFF, CatalogEvent.ON, CatalogEvent.UPDATE, CatalogEvent.DEL):
            assert sim.change_channel(sim.channels[0], event) == 1
        await sim.wait_for(lambda: len(notices.all) == 5)
        told = {each.event for notice in notices.all[1:] for each in catalogs.changes(notice)}
        assert told == {CatalogEvent.OFF, CatalogEvent.ON, CatalogEvent.UPDATE, CatalogEvent.DEL}
    assert len(sim.channels) == 2


@pytest.mark.parametrize("profile", ["dahua_ipc", "std_2022"])
async def test_positions_in_both_forms(rig, profile):
    sim = await rig.device(profile=profile)
    sim.move_to(121.5, 31.25)
    await rig.until(lambda: rig.told("MobilePosition"))
    (found,) = positions(rig.told("MobilePosition")[0].envelope)
    assert (found.longitude, found.latitude, found.speed, found.plausible) == (121.5, 31.25, 36.0, True)
    assert found.code == sim.code
    async with subscribed(rig, sim, Topic.POSITIONS, interval_s=1) as (_, notices):
        await sim.wait_for(lambda: len(notices.all) >= 2)  # at once, and again after a second
        assert positions(notices.all[1])[0].longitude == 121.5


async def test_where_a_head_points(rig):
    sim = await rig.device()
    async with subscribed(rig, sim, Topic.PTZ_POSITION) as (_, notices):
        await sim.wait_for(lambda: notices.all)
        assert notices.all[0].command == "PTZPosition"


async def test_a_notice_without_headers_counts_too(rig):
    sim = await rig.device(quirks=Quirks(notify_bare=True))
    async with subscribed(rig, sim, Topic.CATALOG) as (_, notices):
        await sim.wait_for(lambda: notices.all)


async def test_a_refused_subscription_is_polled_for_instead(rig):
    sim = await rig.device(quirks=Quirks(subscribe="refuse"))
    async with subscribed(rig, sim, Topic.CATALOG) as (subscription, notices):
        await sim.wait_for(lambda: "poll" in notices.all)
        assert not subscription.active


async def test_a_forgotten_subscription_is_known_as_gone(rig):
    sim = await rig.device(quirks=Quirks(subscribe="forget"))
    async with subscribed(rig, sim, Topic.CATALOG, expires_s=8) as (subscription, _):
        await sim.wait_for(lambda: len(sim.watchers.active) == 1)
        await sim.wait_for(lambda: sim.said("481 SUBSCRIBE"))
        await sim.wait_for(lambda: not subscription.active)


async def test_a_device_that_wants_to_be_watched(rig):
    sim = await rig.device()
    sim.ask_to_be_watched()
    await rig.until(lambda: rig.told("VideoUploadNotify"))
