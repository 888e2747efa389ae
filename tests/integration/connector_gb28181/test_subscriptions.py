"""What devices are asked to tell on their own, by their records."""

import pytest

from cambus.gb28181.manscdp import catalog as catalogs
from cambus.gb28181.manscdp.alarms import AlarmNotice
from cambus.gb28181.manscdp.catalog import CatalogChange, CatalogEvent
from cambus.gb28181.manscdp.envelope import CONTENT_TYPE, Envelope
from cambus.simulators.gb28181.quirks import Quirks

TOPICS = {
    "catalog": "Catalog",
    "alarms": "Alarm",
    "positions": "MobilePosition",
    "ptz-position": "PTZPosition",
}


def subscribes(simulator):
    """The SUBSCRIBEs a device heard, and what each is about."""
    found = [each.message for each in simulator.messages if each.direction == "in"]
    found = [each for each in found if getattr(each, "method", "") == "SUBSCRIBE"]
    return [(Envelope.parse(each.body), each) for each in found]


def topics(simulator):
    return sorted(each.topic for each in simulator.watchers.active.values())


async def test_a_record_says_what_a_device_is_asked_to_tell_and_a_stop_ends_it(bench, gate):
    options = {"subscribe": [*TOPICS, "catalog"], "alarm_methods": [2, 5], "alarm_priorities": [1, 3]}
    simulator = await bench.online(gate, record={"options": options}, profile="std_2022")
    await simulator.wait_for(lambda: topics(simulator) == sorted(TOPICS.values()))
    said = {body.command: (body, request) for body, request in subscribes(simulator)}
    expires = {command: request.headers.get("Expires") for command, (_, request) in said.items()}
    assert expires == {"Catalog": "600", "Alarm": "3600", "MobilePosition": "3600", "PTZPosition": "3600"}
    assert said["Catalog"][1].headers.get("Event").startswith("Catalog;id=")
    assert {said[each][1].headers.get("Event") for each in ("Alarm", "MobilePosition")} == {"presence"}
    alarms = said["Alarm"][0].element
    assert [alarms.get(each) for each in ("StartAlarmPriority", "EndAlarmPriority", "AlarmMethod")] == [
        "1",
        "3",
        "2/5",
    ]
    await bench.connectors["replica-1"].stop()
    await simulator.wait_for(lambda: not simulator.watchers.active)
    ended = [request for _, request in subscribes(simulator) if request.headers.get("Expires") == "0"]
    assert len(ended) == len(TOPICS)


async def test_a_record_says_what_event_a_device_wants_to_be_asked_for(bench, gate):
    options = {"subscribe": ["catalog", "alarms"], "subscribe_event": "presence.winfo"}
    simulator = await bench.online(gate, record={"options": options})
    await simulator.wait_for(lambda: topics(simulator) == ["Alarm", "Catalog"])
    assert {request.headers.get("Event") for _, request in subscribes(simulator)} == {"presence.winfo"}


async def test_a_device_without_such_a_record_is_asked_for_nothing(bench, gate):
    simulator = await bench.online(gate)
    await simulator.wait_for(lambda: simulator.heard("Catalog"))
    await bench.session(gate).survey.asked.wait()
    assert not subscribes(simulator)


@pytest.mark.parametrize(
    "quirks", [Quirks(notify_first=True), Quirks(notify_bare=True)], ids=["first", "bare"]
)
async def test_notices_before_the_answer_and_without_their_headers_count(bench, gate, quirks):
    await bench.connector()
    await bench.add(gate, options={"subscribe": ["catalog"]})
    simulator = await bench.simulator(profile="hik_nvr", channels=2, quirks=quirks)
    heard = await bench.heard(gate)
    await simulator.wait_for(lambda: simulator.watchers.active)
    simulator.change_channel(simulator.channels[1], CatalogEvent.OFF)
    event = await heard.until("channel.changed", lambda event: event.change == "offline")
    assert event.channel == 1


async def test_what_a_device_tells_first_says_which_channels_are_away(bench, gate):
    await bench.connector()
    await bench.add(gate, options={"subscribe": ["catalog"]})
    simulator = await bench.simulator(profile="hik_nvr", channels=3, quirks=Quirks(notify_first=True))
    simulator.device.cameras[simulator.channels[1]].on = False
    await bench.shown(
        gate, lambda presence: [each.online for each in presence.channels] == [True, False, True]
    )


async def test_a_notice_outside_of_any_subscription_counts_whatever_its_event(bench, gate):
    simulator = await bench.online(gate, profile="hik_nvr", channels=2)
    item = simulator.device.item(simulator.device.cameras[simulator.channels[1]])
    change = CatalogChange(CatalogEvent.OFF, item)
    body = catalogs.notify(simulator.agent.next_sn(), simulator.code, [change])
    heard = await bench.heard(gate)
    assert (await notify(simulator, body, "weather")).status == 200
    event = await heard.until("channel.changed", lambda event: event.change == "offline")
    assert event.channel == 1
    alarm = simulator.body(AlarmNotice(method=5, type=2), simulator.channels[0])
    assert (await notify(simulator, alarm)).status == 200
    await heard.until("alarm.raised")


async def notify(simulator, body, event=None):
    """Send a NOTIFY that belongs to no dialog."""
    request = simulator.agent.compose("NOTIFY")
    request.headers.add("Content-Type", CONTENT_TYPE)
    if event is not None:
        request.headers.add("Event", event)
    request.body = body
    return await simulator.agent.ask(request)


async def test_a_device_that_knows_no_subscription_is_polled_and_that_is_remembered(bench, gate, monkeypatch):
    monkeypatch.setattr("cambus.connector_gb28181.survey.AT_MOST_EVERY_S", 0.05)
    simulator = await bench.online(
        gate, record={"options": {"subscribe": ["catalog"]}}, quirks=Quirks(subscribe="refuse")
    )

    def asked():
        return len([each for each in simulator.heard("Catalog") if each.method == "MESSAGE"])

    await simulator.wait_for(lambda: asked() == 2)  # when it came, and instead of a subscription
    assert len(subscribes(simulator)) == 1
    heard = await bench.heard(gate)
    await simulator.restart(unregister=True)
    await heard.until("device.offline")
    await heard.until("device.online")
    await simulator.wait_for(lambda: asked() == 4)
    assert len(subscribes(simulator)) == 1


async def test_a_device_that_comes_back_is_subscribed_to_anew(bench, gate):
    simulator = await bench.online(gate, record={"options": {"subscribe": ["alarms"]}})
    await simulator.wait_for(lambda: topics(simulator) == ["Alarm"])
    simulator.watchers.clear()
    await simulator.restart(unregister=True)
    await simulator.wait_for(lambda: topics(simulator) == ["Alarm"])
