"""Where mobile devices are, as the bus hears it."""

from datetime import UTC, datetime

import pytest

from cambus.gb28181.manscdp.envelope import Envelope, Root, compose
from cambus.gb28181.manscdp.positions import FlatPositionNotice, Position, PositionNotice
from cambus.gb28181.manscdp.ptz_state import PtzPositionNotice
from cambus.gb28181.xml import Element

TIME = "2026-02-01T20:17:22"
IN_UTC = datetime(2026, 2, 1, 12, 17, 22, tzinfo=UTC)


@pytest.mark.parametrize("profile", ["hik_nvr", "std_2022"])
async def test_positions_of_both_editions_are_events(bench, gate, profile):
    simulator = await bench.online(gate, profile=profile)
    heard = await bench.heard(gate)
    simulator.move_to(121.5, 31.25)
    event = await heard.until("position.reported")
    place = event.location
    assert (place.longitude, place.latitude, place.altitude_m) == (121.5, 31.25, 50.0)
    assert (event.speed_kmh, event.heading_deg) == (36.0, 90.0)
    assert event.device_time is not None
    assert "flags" not in event.native


async def test_a_device_is_asked_for_its_position_as_often_as_its_record_says(bench, gate):
    options = {"subscribe": ["positions"], "position_interval_s": 7}
    simulator = await bench.online(gate, record={"options": options})
    await simulator.wait_for(lambda: simulator.watchers.active)
    (asked,) = [each for each in simulator.heard("MobilePosition") if each.method == "SUBSCRIBE"]
    assert Envelope.parse(asked.body).element.get("Interval") == "7"
    assert asked.headers.get("Event") == "presence"
    heard = await bench.heard(gate)
    await heard.until("position.reported")


async def test_each_item_of_a_list_is_an_event_and_one_nobody_knows_is_kept_under_the_device(bench, gate):
    simulator = await bench.online(gate, profile="std_2022", channels=2)
    heard = await bench.heard(gate)
    items = (
        Position(simulator.channels[1], "2026-02-01T20:17:21", 121.0, 31.0),
        Position("34020000001320009999", TIME, 122.0, 31.0),
        Position(simulator.code, None, 123.0, 31.0, speed=-1.0, direction=400.0),
    )
    simulator.tell(PositionNotice(TIME, 3, items))
    known, unknown, whole = [await heard.until("position.reported") for _ in items]
    assert (known.channel, known.location.longitude) == (1, 121.0)
    assert known.device_time == IN_UTC.replace(second=21)  # its own counts more than that of the list
    assert (unknown.channel, unknown.location.longitude) == (None, 122.0)
    assert unknown.native["DeviceID"] == "34020000001320009999"
    assert unknown.native["flags"] == ["unknown-code"]
    assert (whole.channel, whole.device_time) == (None, IN_UTC)
    assert (whole.speed_kmh, whole.heading_deg) == (None, None)


@pytest.mark.parametrize(("longitude", "latitude"), [(0.0, 0.0), (200.0, 31.0), (121.0, -91.0)])
async def test_coordinates_that_are_none_are_flagged_and_no_position(bench, gate, longitude, latitude):
    simulator = await bench.online(gate, profile="hik_nvr")
    heard = await bench.heard(gate)
    simulator.tell(FlatPositionNotice("yesterday", longitude, latitude, 3.0))
    event = await heard.until("position.reported")
    assert event.location is None
    assert event.native["flags"] == ["bad-coordinates", "bad-time"]
    assert (event.native["Longitude"], event.native["Latitude"]) == (longitude, latitude)
    assert event.speed_kmh == 3.0


async def test_a_position_told_twice_is_one_event_and_needs_no_code(bench, gate):
    simulator = await bench.online(gate, profile="hik_nvr")
    heard = await bench.heard(gate)
    for longitude in (121.0, 121.0, 122.0):
        content = [Element("Time", TIME), Element("Longitude", str(longitude)), Element("Latitude", "31")]
        body = compose(Root.NOTIFY, "MobilePosition", simulator.agent.next_sn(), None, content)
        simulator.agent.tell(body)
    found = [await heard.until("position.reported") for _ in range(2)]
    assert [event.location.longitude for event in found] == [121.0, 122.0]
    assert [event.native for event in found] == [{"DeviceID": simulator.code}] * 2


async def test_where_a_camera_looks_is_told_to_who_asked_for_it(bench, gate):
    options = {"subscribe": ["ptz-position"]}
    simulator = await bench.online(gate, record={"options": options}, profile="std_2022", channels=2)
    await simulator.wait_for(lambda: simulator.watchers.active)
    (asked,) = [each for each in simulator.heard("PTZPosition") if each.method == "SUBSCRIBE"]
    assert Envelope.parse(asked.body).code == simulator.code
    heard = await bench.heard(gate)
    first = await heard.until("position.reported")
    assert (first.channel, first.location) == (0, None)
    body = simulator.body(PtzPositionNotice(pan=181.5, tilt=12.0, zoom=4.0), simulator.channels[1])
    assert simulator.watchers.tell("PTZPosition", body) == 1
    event = await heard.until("position.reported")
    assert (event.channel, event.view.pan_deg, event.view.tilt_deg, event.view.zoom) == (1, 181.5, -12.0, 4.0)
