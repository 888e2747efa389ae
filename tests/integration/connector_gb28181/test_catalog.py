"""What is behind a device, as presence and events show it."""

import pytest

from cambus.gb28181.catalog_assembly import AssemblyTimes
from cambus.gb28181.manscdp import catalog as catalogs
from cambus.gb28181.manscdp.catalog import CatalogChange, CatalogEvent, CatalogItem
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.gb28181.times import Times
from cambus.schemas.commands import device as commands
from cambus.schemas.model import Empty
from cambus.simulators.gb28181.quirks import Quirks

QUICK = Times(query_s=1.5, catalog=AssemblyTimes(first_s=1.5, gap_s=1.0, quiet_s=0.05, retries_s=(0.1, 0.1)))
NVR = "34020000001180000001"


def has_channels(*numbers):
    return lambda presence: presence.online and [each.channel for each in presence.channels] == list(numbers)


def is_shown(number, **fields):
    """Whether a channel is shown so."""

    def shown(presence):
        found = [each for each in presence.channels if each.channel == number]
        return bool(found) and all(getattr(found[0], name) == value for name, value in fields.items())

    return shown


async def quick_connector(bench, **settings):
    """A connector that waits for parts of catalogs only so long."""
    connector = await bench.connector(**settings)
    platform = connector.service.signalling.platform
    object.__setattr__(platform.settings, "times", QUICK)  # frozen, and there is no setting for it
    return connector


def queries(simulator, command):
    """The questions of one kind it was asked outside of subscriptions."""
    return [each for each in simulator.heard(command) if each.method == "MESSAGE"]


def tell(simulator, *changes):
    """Notify changes of the catalog."""
    told = [CatalogChange(event, item) for event, item in changes]
    simulator.agent.tell(catalogs.notify(simulator.agent.next_sn(), simulator.code, told))


async def test_a_device_is_asked_once_when_it_comes_and_when_it_comes_back_and_never_at_a_refresh(
    bench, gate
):
    options = {"subscribe": ["catalog"]}
    simulator = await bench.online(gate, record={"options": options}, profile="hik_nvr", channels=2)
    await simulator.wait_for(lambda: simulator.watchers.active)
    asked = ("DeviceInfo", "Catalog")
    assert [len(queries(simulator, each)) for each in asked] == [1, 1]
    registered = len(simulator.heard("200 REGISTER"))
    simulator.agent.register_again()
    await simulator.wait_for(lambda: len(simulator.heard("200 REGISTER")) > registered)
    simulator.beat()
    await simulator.wait_for(lambda: simulator.heard("200 MESSAGE"))
    heard = await bench.heard(gate)
    await simulator.restart(unregister=True)
    await heard.until("device.offline")
    await heard.until("device.online")
    await simulator.wait_for(lambda: len(queries(simulator, "Catalog")) == 2)
    await simulator.wait_for(lambda: simulator.watchers.active)
    assert [len(queries(simulator, each)) for each in asked] == [2, 2]
    subscribed = [each for each in simulator.heard("Catalog") if each.method == "SUBSCRIBE"]
    assert len([each for each in subscribed if each.headers.get("Expires") != "0"]) == 2


async def test_changes_that_were_subscribed_to_are_events_and_shown(bench, gate):
    options = {"subscribe": ["catalog"]}
    simulator = await bench.online(gate, record={"options": options}, profile="hik_nvr", channels=3)
    await simulator.wait_for(lambda: simulator.watchers.active)
    heard = await bench.heard(gate)
    simulator.change_channel(simulator.channels[1], CatalogEvent.VLOST)
    event = await heard.until(
        "channel.changed", lambda event: event.channel == 1 and event.change == "offline"
    )
    assert event.info.native["status"] == "VLOST"
    await bench.shown(gate, is_shown(1, online=False))
    simulator.change_channel(simulator.channels[1], CatalogEvent.ON)
    await heard.until("channel.changed", lambda event: event.channel == 1 and event.change == "online")
    simulator.device.cameras[simulator.channels[2]].name = "Tunnel"
    simulator.change_channel(simulator.channels[2], CatalogEvent.UPDATE)
    event = await heard.until("channel.changed", lambda event: event.change == "updated")
    assert (event.channel, event.info.name) == (2, "Tunnel")
    simulator.change_channel(simulator.channels[0], CatalogEvent.DEL)
    await heard.until("channel.changed", lambda event: event.channel == 0 and event.change == "removed")
    presence = await bench.shown(gate, has_channels(1, 2))
    assert presence.channels[1].name == "Tunnel"


async def test_changes_nobody_asked_for_count_and_one_without_an_event_is_news_of_a_channel(bench, gate):
    simulator = await bench.online(gate, profile="hik_nvr")
    new = CatalogItem("34020000001310000777", "Bridge", (simulator.code,))
    tell(simulator, (None, new))
    await bench.shown(gate, is_shown(1, name="Bridge", online=True, native_id=new.code))
    tell(simulator, (CatalogEvent.DEFECT, CatalogItem(new.code)))
    await bench.shown(gate, is_shown(1, name="Bridge", online=False))
    tell(simulator, (CatalogEvent.ADD, new), (CatalogEvent.ADD, new))
    await bench.shown(gate, is_shown(1, online=True))


async def test_a_status_that_is_notified_can_be_disbelieved(bench, gate):
    simulator = await bench.online(
        gate, record={"options": {"notified_status": False}}, profile="hik_nvr", channels=2
    )
    camera = simulator.device.item(simulator.device.cameras[simulator.channels[1]])
    tell(simulator, (CatalogEvent.OFF, camera))
    tell(simulator, (CatalogEvent.ADD, CatalogItem("34020000001310000777", "Bridge", (simulator.code,))))
    presence = await bench.shown(gate, has_channels(0, 1, 2))
    assert [each.online for each in presence.channels] == [True, True, True]


async def test_the_state_of_something_unheard_of_has_the_catalog_asked_for_anew(bench, gate, monkeypatch):
    monkeypatch.setattr("cambus.connector_gb28181.survey.AT_MOST_EVERY_S", 0.05)
    simulator = await bench.online(gate, profile="hik_nvr")
    tell(simulator, (CatalogEvent.OFF, CatalogItem("34020000001310000777")))
    await simulator.wait_for(lambda: len(queries(simulator, "Catalog")) == 2)
    await bench.shown(gate, has_channels(0))  # it is not in the catalog


async def test_channels_keep_their_numbers_over_removal_and_restart(bench, gate):
    simulator = await bench.online(gate, profile="hik_nvr", channels=3)
    first, second, third = simulator.channels
    camera = simulator.device.item(simulator.device.cameras[first])
    tell(simulator, (CatalogEvent.DEL, camera))
    await bench.shown(gate, has_channels(1, 2))
    del simulator.device.cameras[first]
    port = bench.connectors["replica-1"].service.signalling.platform.port
    await bench.connectors["replica-1"].stop()
    await bench.shown(gate, lambda presence: not presence.online)
    await bench.connector(gb28181_port=port)
    await bench.shown(gate, has_channels(1, 2))
    new = CatalogItem("34020000001310000777", "Bridge", (simulator.code,))
    tell(simulator, (CatalogEvent.ADD, new), (CatalogEvent.ADD, camera))
    presence = await bench.shown(gate, has_channels(0, 1, 2, 3))
    assert [each.native_id for each in presence.channels] == [first, second, third, new.code]


async def test_a_catalog_that_breaks_off_removes_nothing_and_its_late_part_is_taken_in(bench, gate):
    await quick_connector(bench)
    simulator = await bench.online(gate, profile="hik_nvr", channels=3)
    await bench.shown(gate, has_channels(0, 1, 2))
    survey = bench.session(gate).survey
    item = simulator.device.item(simulator.device.cameras[simulator.channels[1]])
    simulator.quirks.lose_parts = {2}
    assert not await survey.sync()
    await bench.shown(gate, has_channels(0, 1, 2))
    asked = Envelope.parse(queries(simulator, "Catalog")[-1].body)
    del simulator.device.cameras[simulator.channels[1]]
    simulator.quirks.lose_parts = set()
    assert await survey.sync()
    await bench.shown(gate, has_channels(0, 2))
    late = catalogs.response(asked.sn, simulator.code, 4, [item])
    simulator.agent.tell(late)  # of one that was asked for before another: that is no news
    simulator.quirks.lose_parts = {2}
    assert not await survey.sync()
    await bench.shown(gate, has_channels(0, 2))
    asked = Envelope.parse(queries(simulator, "Catalog")[-1].body)
    simulator.agent.tell(catalogs.response(asked.sn, simulator.code, 4, [item]))
    await bench.shown(gate, has_channels(0, 1, 2))


async def test_a_device_that_gives_no_catalog_is_asked_three_times_and_keeps_what_was_known(bench, gate):
    await quick_connector(bench)
    simulator = await bench.online(gate, profile="hik_nvr", channels=2)
    simulator.quirks.ignore = {"Catalog"}
    before = len({each.call_id for each in queries(simulator, "Catalog")})
    simulator.quirks.ignore = set()
    simulator.quirks.drop = {"Catalog"}
    assert not await bench.session(gate).survey.sync()
    assert len({each.call_id for each in queries(simulator, "Catalog")}) == before + 3
    presence = await bench.shown(gate, has_channels(0, 1))
    assert presence.channels_total == 2


@pytest.mark.parametrize(("profile", "code", "expected"), [("std_2022", None, 1), ("hik_nvr", NVR, 0)])
async def test_a_camera_with_an_empty_catalog_is_its_own_channel_a_recorder_has_none(
    bench, gate, profile, code, expected
):
    await bench.connector()
    options = {} if code is None else {"code": code}
    await bench.add(gate, **options)
    simulator = await bench.simulator(profile=profile, **options)
    simulator.device.catalog = list
    await simulator.wait_for(lambda: queries(simulator, "Catalog"))
    heard = await bench.heard(gate)
    await heard.until("device.online")
    await bench.session(gate).survey.asked.wait()
    presence = await bench.shown(gate, lambda presence: presence.channels_total == expected)
    assert [each.native_id for each in presence.channels] == [simulator.code][:expected]


async def test_two_thousand_channels_are_all_there_also_after_a_restart(bench, gate):
    simulator = await bench.online(
        gate, profile="hik_nvr", channels=2000, tcp=True, quirks=Quirks(part_items=100)
    )
    presence = await bench.shown(gate, lambda presence: presence.channels_total == 2000)
    assert [each.channel for each in presence.channels] == list(range(512))
    codes = await all_codes(bench, gate)
    assert codes == dict(enumerate(simulator.channels))
    port = bench.connectors["replica-1"].service.signalling.platform.port
    await bench.connectors["replica-1"].stop()
    await bench.shown(gate, lambda presence: not presence.online)
    simulator.quirks.drop = {"Catalog"}
    simulator.device.cameras = dict(reversed(simulator.device.cameras.items()))
    await bench.connector(gb28181_port=port)
    await simulator.wait_for(lambda: simulator.registered)
    await bench.shown(gate)
    assert await all_codes(bench, gate) == codes


async def all_codes(bench, device):
    """The code of each channel, page by page."""
    found, after = {}, None
    while True:
        request = commands.DeviceChannelsRequest(after=after)
        page = await bench.client.call(commands.CHANNELS, request, device=device)
        if not page.channels:
            assert page.total == len(found)
            return found
        found |= {each.channel: each.native_id for each in page.channels}
        after = page.channels[-1].channel


async def test_what_a_device_is_comes_with_its_catalog(bench, gate):
    await bench.online(gate, profile="hik_nvr", channels=2)
    presence = await bench.shown(gate, has_channels(0, 1))
    assert (presence.vendor, presence.model) == ("Hikvision", "DS-7816N-R2")
    reply = await bench.client.call(commands.INFO, Empty(), device=gate)
    assert reply.alarm_inputs >= 0
