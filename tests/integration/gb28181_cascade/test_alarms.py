"""Alarms and positions of devices reach the upper platform (GB-248)."""

import re
from datetime import UTC, datetime

import pytest
from cascade_rig import OURS

from cambus.bus.endpoints import Endpoints
from cambus.client.calling import BusClient
from cambus.gb28181.manscdp.alarms import AlarmNotice, AlarmQuery
from cambus.gb28181.manscdp.positions import positions
from cambus.gb28181.subscriptions import Topic
from cambus.schemas import headers
from cambus.schemas.codec import MSGPACK, encode
from cambus.schemas.commands import cascade
from cambus.schemas.commands.cascade import CascadeAlarmRequest
from cambus.schemas.errors import BadRequest, NotFound
from cambus.schemas.events import alarm, position
from cambus.schemas.events.alarm import AlarmRaised
from cambus.schemas.events.position import PositionReported
from cambus.schemas.ids import new_ulid

AT = datetime(2026, 2, 1, 12, 17, 22, tzinfo=UTC)


async def happened(rig, spec, event):
    """An event of a device reaches the stream."""
    await rig.bus.jetstream.publish(
        spec.subject(event.device),
        encode(event, MSGPACK),
        headers={headers.MESSAGE_ID: event.id, headers.CONTENT_TYPE: MSGPACK},
    )


async def raised(rig, device, type_="motion", severity="info", channel=0, **fields):
    event = AlarmRaised.model_validate(
        {
            "id": new_ulid(),
            "device": device.device,
            "at": AT,
            "channel": channel,
            "type": type_,
            "severity": severity,
            "key": f"{type_}:{'-' if channel is None else channel}",
            "text": "Something moves",
            **fields,
        }
    )
    await happened(rig, alarm.RAISED, event)


async def forwarding(rig, link):
    """Wait until the link hears events: those from before are not its."""
    name = f"cascade-{link.id}"
    await rig.until(lambda: rig.held(link).registered)

    async def there():
        try:
            await rig.bus.jetstream.call(f"CONSUMER.INFO.CAMBUS_EVENTS.{name}")
        except Exception:  # noqa: BLE001 - not there yet
            return False
        return True

    while not await there():
        continue


def told(upper):
    return [
        (each.code, (n := AlarmNotice.parse(each)).priority, n.method, n.kind, n.description)
        for each in upper.alarms
    ]


@pytest.fixture
async def linked(rig):
    async def make(**fields):
        upper = await rig.upper()
        camera = await rig.enter(await rig.device("cam"))
        link = await rig.linked(upper, **fields)
        code = await rig.code_of(link, camera.device)
        await forwarding(rig, link)
        return upper, camera, link, code

    return make


async def test_an_alarm_is_a_message_that_the_platform_answers(rig, linked):
    upper, camera, _, code = await linked()
    await raised(rig, camera)
    await upper.wait_for(lambda: upper.alarms)
    assert told(upper) == [(code, 4, 5, 2, "Something moves")]
    assert upper.alarms[0].element.get("AlarmTime") == "2026-02-01T20:17:22"
    await rig.until(
        lambda: 'cambus_cascade_alarms_total{outcome="answered"} 1.0' in rig.metrics.render().decode()
    )


KINDS = [
    ("video-loss", "major", (2, 2, 1)),
    ("tamper", "critical", (1, 2, 2)),
    ("io", "minor", (3, 2, None)),
    ("tripwire", "major", (2, 5, 5)),
    ("storage-error", "critical", (1, 6, 1)),
    ("power", "major", (2, 7, None)),
]


async def test_alarms_are_told_in_the_words_of_the_standard_and_in_order(rig, linked):
    upper, camera, _, _ = await linked()
    for type_, severity, _ in KINDS:
        await raised(rig, camera, type_, severity)
    await upper.wait_for(lambda: len(upper.alarms) == len(KINDS))
    assert [each[1:4] for each in told(upper)] == [expected for _, _, expected in KINDS]


async def test_alarms_of_a_channel_that_is_not_shared_stay_here_and_those_of_the_device_do_not(rig):
    upper = await rig.upper()
    recorder = await rig.enter(await rig.device("nvr", channels=3))
    link = await rig.linked(upper, shares=[{"devices": [recorder.device], "channels": [1]}])
    codes = [await rig.code_of(link, recorder.device, number) for number in (None, 1)]
    await forwarding(rig, link)
    for channel in (2, None, 1):
        await raised(rig, recorder, channel=channel)
    await upper.wait_for(lambda: len(upper.alarms) == 2)
    assert [each[0] for each in told(upper)] == codes


@pytest.mark.parametrize(("native", "words"), [("5/12", (5, 12)), ("2/-", (2, None)), ("-/-", (7, None))])
async def test_an_alarm_that_came_in_these_words_keeps_them(rig, linked, native, words):
    upper, camera, _, _ = await linked()
    code = {"code": native, "text": "", "detail": {}}
    await raised(rig, camera, "other", "minor", protocol="gb28181", native=code)
    await upper.wait_for(lambda: upper.alarms)
    assert told(upper)[0][2:4] == words


async def test_who_subscribed_is_notified_of_what_he_asked_for_and_gets_no_message(rig, linked):
    upper, camera, link, code = await linked()
    wanted = AlarmQuery(start_priority=1, end_priority=2, method="5/6")
    upper.subscribe(OURS, Topic.ALARMS, alarms=wanted)
    await rig.until(lambda: rig.held(link).watchers.active)
    await raised(rig, camera, "motion", "info")  # not bad enough
    await raised(rig, camera, "video-loss", "major")  # another method
    await raised(rig, camera, "intrusion", "major")
    await upper.wait_for(lambda: upper.alarms)
    assert told(upper) == [(code, 2, 5, 6, "Something moves")]
    assert upper.heard("Alarm", subscribed=True) == upper.alarms


async def test_who_subscribed_to_one_camera_is_notified_of_that_one(rig, linked):
    upper, camera, link, code = await linked()
    other = await rig.enter(await rig.device("other"))
    unwatched = await rig.code_of(link, other.device)
    upper.subscribe(OURS, Topic.ALARMS, of=code)
    await rig.until(lambda: rig.held(link).watchers.active)
    await raised(rig, other)
    await raised(rig, camera)
    await upper.wait_for(lambda: len(upper.alarms) == 2)
    assert [each.code for each in upper.heard("Alarm", subscribed=True)] == [code]
    assert [each.code for each in upper.heard("Alarm", subscribed=False)] == [unwatched]


async def test_an_alarm_waits_for_a_platform_that_is_away(rig, linked):
    upper, camera, link, code = await linked(keepalive_s=3600.0)
    held = rig.held(link)
    held.context.agent.registered.clear()  # as after keepalives without an answer
    await raised(rig, camera)
    await rig.until(lambda: re.search(r'outcome="retried"} [1-9]', rig.bus.metrics.render().decode()))
    assert upper.alarms == []
    held.context.agent.registered.set()
    await upper.wait_for(lambda: upper.alarms)
    assert [each[0] for each in told(upper)] == [code]


async def test_alarms_of_what_is_not_shared_stay_here(rig, linked):
    upper, camera, _, code = await linked()
    other = await rig.device("elsewhere")
    await raised(rig, other)
    await raised(rig, camera)
    await upper.wait_for(lambda: upper.alarms)
    assert [each[0] for each in told(upper)] == [code]


async def test_only_who_subscribed_is_told_where_the_link_says_so(rig, linked):
    upper, camera, link, code = await linked(alarms="subscribed")
    await raised(rig, camera)
    upper.subscribe(OURS, Topic.ALARMS)
    await rig.until(lambda: rig.held(link).watchers.active)
    await raised(rig, camera, "tamper", "major")
    await upper.wait_for(lambda: upper.alarms)
    assert [each[3] for each in told(upper)] in ([2], [2, 2])
    assert not upper.heard("Alarm", subscribed=False)
    assert told(upper)[-1][0] == code


async def moved(rig, device, latitude=31.2304):
    place = {"latitude": latitude, "longitude": 121.4737, "altitude_m": 4.0}
    event = PositionReported.model_validate(
        {
            "id": new_ulid(),
            "device": device.device,
            "at": AT,
            "location": place,
            "speed_kmh": 42.0,
            "heading_deg": 180.0,
        }
    )
    await happened(rig, position.REPORTED, event)


async def test_where_a_device_is_is_told_no_more_often_than_wanted(rig, linked):
    upper, camera, link, _ = await linked()
    upper.subscribe(OURS, Topic.POSITIONS, interval_s=3600)
    await rig.until(lambda: rig.held(link).watchers.active)
    for latitude in (31.0, 32.0, 33.0):
        await moved(rig, camera, latitude)
    await raised(rig, camera)  # which is told after them
    await upper.wait_for(lambda: upper.alarms and upper.heard("MobilePosition"))
    assert [positions(each)[0].latitude for each in upper.heard("MobilePosition")] == [31.0]


@pytest.mark.parametrize("version", ["2.0", "3.0"])
async def test_where_a_device_is(rig, linked, version):
    upper, camera, link, code = await linked(version=version)
    upper.subscribe(OURS, Topic.POSITIONS, interval_s=1)
    await rig.until(lambda: rig.held(link).watchers.active)
    await moved(rig, camera)
    await upper.wait_for(lambda: upper.heard("MobilePosition"))
    notice = upper.heard("MobilePosition")[0]
    at = positions(notice)[0]
    assert (at.code, at.latitude, at.longitude, at.speed, at.direction) == (
        code,
        31.2304,
        121.4737,
        42.0,
        180.0,
    )
    assert (notice.element.find("DeviceList") is not None) is (version == "3.0")


async def test_an_alarm_is_told_because_somebody_says_so_whatever_the_link_does_by_itself(rig, linked):
    upper, camera, link, code = await linked(alarms="never")
    event = AlarmRaised(
        id=new_ulid(), device=camera.device, at=AT, channel=0, type="tamper", severity="major", key="tamper:0"
    )
    client, endpoints = BusClient(rig.bus), Endpoints(rig.bus, "cascade-test", "0.1.0")
    rig.replicas[0].register(endpoints)
    await endpoints.start()
    request = CascadeAlarmRequest(link=link.id, alarm=event)
    for _ in range(2):  # whoever is not sure says so again
        await client.call_holder(cascade.ALARM, request)
    await upper.wait_for(lambda: upper.alarms)
    assert [each[0] for each in told(upper)] == [code]
    with pytest.raises(NotFound):
        await client.call_holder(cascade.ALARM, request.model_copy(update={"link": "another"}))
    elsewhere = event.model_copy(update={"device": "elsewhere"})
    with pytest.raises(BadRequest):
        await client.call_holder(cascade.ALARM, request.model_copy(update={"alarm": elsewhere}))
    await endpoints.drain(timeout_s=0)
