"""What a device is asked when it comes, and what is shown of its catalog (GB-043, GB-044, GB-052, GB-105, GB-110)."""

from dataclasses import replace

import pytest

from cambus.gb28181.manscdp.catalog import CatalogEvent
from cambus.gb28181.manscdp.presence import FaultyCodes, Keepalive
from cambus.gb28181.values import read_status
from cambus.schemas.commands import ptz
from cambus.simulators.gb28181.quirks import Quirks

ASKED = ("DeviceInfo", "Catalog")


def has(count):
    return lambda presence: presence.online and len(presence.channels) == count


def questions(simulator):
    return {name: len(simulator.heard(name)) for name in ASKED}


async def registered_again(simulator, times):
    """Have a device register anew, so that it has so many times."""
    simulator.agent.register_again()
    await simulator.wait_for(lambda: len(simulator.heard("200 REGISTER")) >= times)


def hurry(bench, first_s=5.0):
    """Have the connector wait less for what is not going to come; before its devices are there."""
    for connector in bench.connectors.values():
        platform = connector.service.signalling.platform
        times = platform.settings.times
        soon = replace(
            times,
            catalog=replace(times.catalog, first_s=first_s, gap_s=0.3, quiet_s=0.05, retries_s=(0.05, 0.05)),
        )
        platform.settings = replace(platform.settings, times=soon)


async def test_a_device_is_asked_what_it_is_once_and_not_again_when_it_refreshes(bench):
    simulator = await bench.online(profile="hik_nvr", channels=2)
    await bench.shown("gate", has(2))
    assert questions(simulator) == dict.fromkeys(ASKED, 1)
    heard = await bench.heard("gate")
    for turn in (2, 3):
        await registered_again(simulator, turn)
    await bench.client.call(ptz.PRESET_LIST, ptz.PtzChannelRequest(channel=0), device="gate")
    assert questions(simulator) == dict.fromkeys(ASKED, 1)
    await simulator.close()
    names = []
    while not names or names[-1] != "device.offline":
        names.append((await heard.next())[0])
    assert names.count("device.online") == 1


async def test_a_device_that_comes_back_is_asked_again(bench):
    simulator = await bench.online(profile="hik_nvr", channels=2)
    await bench.shown("gate", has(2))
    await simulator.restart(unregister=True)
    await simulator.wait_for(lambda: questions(simulator) == dict.fromkeys(ASKED, 2))


async def test_subscriptions_are_made_once_for_each_time_it_comes(bench):
    record = {"options": {"subscribe": ["catalog", "alarms"]}}
    simulator = await bench.online(record=record)
    await simulator.wait_for(lambda: len(simulator.watchers.active) == 2)
    await registered_again(simulator, 2)
    await bench.client.call(ptz.PRESET_LIST, ptz.PtzChannelRequest(channel=0), device="gate")
    assert sorted(each.topic for each in simulator.watchers.active.values()) == ["Alarm", "Catalog"]


async def test_a_part_of_a_catalog_takes_no_channel_away_and_a_whole_one_does(bench):
    await bench.connector()
    hurry(bench)
    simulator = await bench.online(profile="hik_nvr", channels=4)
    await bench.shown("gate", has(4))
    codes = list(simulator.device.cameras)
    del simulator.device.cameras[codes[3]]
    simulator.device.cameras[codes[0]].name = "renamed"
    simulator.quirks.lose_parts = {2}
    await simulator.restart(unregister=True)
    presence = await bench.shown("gate", lambda each: each.online and each.channels[0].name == "renamed")
    assert [each.native_id for each in presence.channels] == codes
    simulator.quirks.lose_parts = set()
    await simulator.restart(unregister=True)
    presence = await bench.shown("gate", has(3))
    assert [each.native_id for each in presence.channels] == codes[:3]


async def test_parts_that_come_late_are_shown_as_well(bench):
    await bench.connector()
    hurry(bench)
    late = Quirks(delay_s={"Catalog": 0.8})  # each part comes after the end of the catalog, but for the first
    simulator = await bench.online(profile="hik_nvr", channels=3, quirks=late)
    presence = await bench.shown("gate", has(3))
    assert [each.native_id for each in presence.channels] == simulator.channels
    assert len(simulator.heard("Catalog")) == 1


async def test_a_catalog_that_never_comes_is_asked_for_three_times_and_leaves_the_last_one(bench, caplog):
    await bench.connector()
    hurry(bench, first_s=1.0)
    simulator = await bench.online(profile="hik_nvr", channels=3)
    before = await bench.shown("gate", has(3))
    asked = len(simulator.heard("Catalog"))
    simulator.quirks.drop = {"Catalog"}
    await simulator.restart(unregister=True)
    await simulator.wait_for(lambda: len(simulator.heard("Catalog")) == asked + 3, timeout_s=60.0)
    given_up = "the catalog of a device is not complete"
    await simulator.wait_for(lambda: given_up in caplog.messages, timeout_s=60.0)
    await bench.client.call(ptz.PRESET_LIST, ptz.PtzChannelRequest(channel=2), device="gate")
    presence = await bench.shown("gate", lambda each: each.online)
    assert len(simulator.heard("Catalog")) == asked + 3
    assert presence.channels == before.channels


@pytest.mark.parametrize("believed", [True, False])
async def test_news_of_a_catalog_are_shown_unless_they_are_not_to_be_believed(bench, believed):
    record = {"options": {"subscribe": ["catalog"], "notified_status": believed}}
    simulator = await bench.online(profile="hik_nvr", channels=3, record=record)
    await bench.shown("gate", has(3))
    await simulator.wait_for(lambda: bool(simulator.watchers.active))
    first, second, _ = simulator.channels
    simulator.device.cameras[second].name = "renamed"
    for _ in range(2):
        assert simulator.change_channel(first, CatalogEvent.OFF) == 1
    assert simulator.change_channel(second, CatalogEvent.UPDATE) == 1
    presence = await bench.shown("gate", lambda each: each.online and each.channels[1].name == "renamed")
    assert presence.channels[0].online is not believed
    if believed:
        assert read_status(presence.channels[0].native["status"]) is False
    simulator.change_channel(second, CatalogEvent.DEL)
    presence = await bench.shown("gate", has(2))
    assert [each.channel for each in presence.channels] == [0, 2]


async def test_what_a_keepalive_calls_faulty_is_shown_until_it_is_well_again(bench):
    simulator = await bench.online(profile="hik_nvr", channels=2)
    await bench.shown("gate", has(2))
    simulator.tell(Keepalive(ok=True, faulty=FaultyCodes((simulator.channels[1],))))
    presence = await bench.shown("gate", lambda each: has(2)(each) and not each.channels[1].online)
    assert (presence.channels[0].online, presence.channels[1].native["faulty"]) == (True, True)
    simulator.tell(Keepalive(ok=True))
    await bench.shown("gate", lambda each: has(2)(each) and each.channels[1].online)


async def test_two_devices_with_one_code_are_told_of(bench):
    one = await bench.online(quirks=Quirks())
    two = await bench.simulator()
    heard = await bench.heard("gate")
    await two.wait_for(lambda: two.registered)
    for turn in range(2, 5):
        for device in (one, two):
            await registered_again(device, turn)
    event = await heard.until("exception.reported", lambda event: event.code == "duplicate-code")
    assert "two devices" in event.text
