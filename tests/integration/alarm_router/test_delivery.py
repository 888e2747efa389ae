"""Alarms reach the sinks of the rules that fit, in order, and ends go to whoever was told of the beginning."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from alarm_rig import AlarmBus, Receiver

from cambus.client.kv import KeyValue
from cambus.schemas import assets
from cambus.schemas.state.devices import DeviceRecord

Hook = Callable[..., dict]
Eventually = Callable[..., Awaitable[None]]


async def test_a_webhook_receives_the_alarm_as_json(router: AlarmBus, receiver: Receiver, hook: Hook) -> None:
    async with router.in_process():
        await router.put("north", hook("/hook?site=a%2Fb&name=T%C3%BCr", headers={"X-Site": "north"}))
        event = await router.raise_alarm("gate-1", text="Bewegung am Tor 东门 \U0001f6a8")
        await receiver.until(receiver.ids)
    (_, told, body), request = receiver.accepted[0], receiver.requests[0]
    assert told == event
    assert (body["type"], body["rule"], body["suppressed"]) == ("alarm.raised", "north", 0)
    assert (body["alarm"]["device"], body["alarm"]["id"]) == ("gate-1", event)
    assert body["alarm"]["text"] == "Bewegung am Tor 东门 \U0001f6a8"
    assert request.method == "POST"
    assert request.content_type == "application/json"
    assert request.headers["X-Site"] == "north"
    assert request.raw_path == "/hook?site=a%2Fb&name=T%C3%BCr"
    assert "webhook-signature" not in request.headers


async def test_a_bus_subject_receives_the_same(router: AlarmBus, unique: str) -> None:
    inbox = await router.bus.inbox(f"ops.{unique}")
    async with router.in_process():
        await router.put("all", {"kind": "bus", "subject": f"ops.{unique}"})
        event = await router.raise_alarm("gate-1")
        message = await anext(inbox)
    assert json.loads(message.data)["alarm"]["id"] == event
    assert message.headers["Nats-Msg-Id"] == event
    await inbox.close()


async def test_every_sink_of_every_rule_that_fits_is_told_once(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    async with router.in_process():
        await router.put("one", hook("/a"), hook("/b"))
        await router.put("two", hook("/c"))
        event = await router.raise_alarm("gate-1")
        await receiver.until(lambda: len(receiver.accepted) == 3)
        await eventually(router.all_done)
    assert [receiver.ids(path) for path in ("/a", "/b", "/c")] == [[event]] * 3


async def test_alarms_of_one_device_arrive_in_order(router: AlarmBus, receiver: Receiver, hook: Hook) -> None:
    published: dict[str, list[str]] = {f"gate-{number}": [] for number in range(5)}
    for _ in range(20):
        for device, ids in published.items():
            ids.append(await router.raise_alarm(device, momentary=True))
    await router.store("all", hook())
    async with router.in_process():
        await receiver.until(lambda: len(receiver.accepted) == 100)
    for device, ids in published.items():
        assert [event for _, event, body in receiver.accepted if body["alarm"]["device"] == device] == ids


async def test_alarms_from_before_the_first_start_are_delivered(
    router: AlarmBus, receiver: Receiver, hook: Hook
) -> None:
    await router.store("all", hook())
    event = await router.raise_alarm("gate-1")
    async with router.in_process():
        await receiver.until(receiver.ids)
    assert receiver.ids() == [event]


async def test_what_was_stored_twice_is_delivered_once(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    async with router.in_process():
        await router.put("all", hook())
        alarm = router.raised("gate-1")
        await router.publish(alarm)
        await receiver.until(receiver.ids)
        await router.publish(alarm, message_id="beyond the window in which NATS knows duplicates")
        await router.raise_alarm("gate-2")
        await receiver.until(lambda: len(receiver.accepted) == 2)
        await eventually(router.all_done)
    assert receiver.told() == [("alarm.raised", "gate-1"), ("alarm.raised", "gate-2")]


async def test_rules_choose_by_device_tags_type_and_severity(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    records = KeyValue(router.bus, assets.KV_DEVICES, DeviceRecord)
    for device, tags in {"gate-1": ["site:north"], "gate-2": ["site:south"], "yard-1": []}.items():
        await records.put(device, DeviceRecord(id=device, protocol="dvrip", address="127.0.0.1", tags=tags))
    async with router.in_process():
        await router.put("gates", hook("/gates"), match={"devices": ["gate-?"]})
        await router.put("north", hook("/north"), match={"tags": ["site:north"]})
        await router.put("disks", hook("/disks"), match={"types": ["storage-*"]})
        await router.put("bad", hook("/bad"), match={"min_severity": "major"})
        for device in ("gate-1", "gate-2", "yard-1"):
            await router.raise_alarm(device)
        await router.raise_alarm("yard-1", type="storage-full", severity="major", key="storage-full:-")
        await eventually(router.all_done)
    devices = {
        path: {device for _, device in receiver.told(path)} for path in ("/gates", "/north", "/disks", "/bad")
    }
    assert devices == {
        "/gates": {"gate-1", "gate-2"},
        "/north": {"gate-1"},
        "/disks": {"yard-1"},
        "/bad": {"yard-1"},
    }
    assert len(receiver.accepted) == 5


async def test_a_schedule_decides_by_the_beginning(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    night = {"time_zone": "Europe/Berlin", "spans": [{"start": "22:00", "end": "06:00"}]}
    evening = datetime(2026, 1, 10, 20, 59, tzinfo=UTC)  # 21:59 in Berlin
    async with router.in_process():
        await router.put("night", hook(), match={"schedule": night})
        await router.raise_alarm("early", at=evening)
        await router.clear_alarm("early", at=evening + timedelta(minutes=5))
        late = await router.raise_alarm("late", at=evening + timedelta(minutes=2))
        end = await router.clear_alarm("late", at=evening + timedelta(hours=12))
        await eventually(router.all_done)
    assert receiver.ids() == [late, end]


async def test_an_end_whose_beginning_nobody_saw_goes_by_itself(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    night = {"spans": [{"start": "22:00", "end": "06:00"}]}
    morning = datetime(2026, 1, 10, 7, 0, tzinfo=UTC)
    async with router.in_process():
        await router.put("all", hook())
        await router.put("night", hook("/night"), match={"schedule": night})
        await router.clear_alarm("gate-1", at=morning)
        lasting = await router.clear_alarm("gate-2", at=morning, duration_s=7200.0)
        await eventually(router.all_done)
    assert receiver.told() == [("alarm.cleared", "gate-1"), ("alarm.cleared", "gate-2")]
    assert receiver.ids("/night") == [lasting]  # it began at five, by what the device says


async def test_a_rule_for_beginnings_is_not_told_of_ends(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    async with router.in_process():
        await router.put("starts", hook("/starts"), match={"phases": ["raised"]})
        await router.put("ends", hook("/ends"), match={"phases": ["cleared"]})
        began, ended = await router.raise_alarm("gate-1"), await router.clear_alarm("gate-1")
        await eventually(router.all_done)
    assert (receiver.ids("/starts"), receiver.ids("/ends")) == ([began], [ended])


async def test_a_flood_is_kept_back_and_counted(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    async with router.in_process() as running:
        now = 1000.0
        running.service.clock = lambda: now
        await router.put("calm", hook(), min_interval_s=60.0)
        for _ in range(4):
            await router.raise_alarm("gate-1")
            await router.clear_alarm("gate-1")
        await router.raise_alarm("gate-2")  # another device is another alarm
        await eventually(router.all_done)
        assert sorted(receiver.told()) == [
            ("alarm.cleared", "gate-1"),
            ("alarm.raised", "gate-1"),
            ("alarm.raised", "gate-2"),
        ]
        now += 61
        await router.raise_alarm("gate-1")
        await eventually(router.all_done)
    assert receiver.accepted[-1][2]["suppressed"] == 3


async def test_the_end_of_a_repeated_alarm_is_told_though_its_repetitions_were_not(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    async with router.in_process():
        await router.put("calm", hook(), min_interval_s=3600.0)
        began = await router.raise_alarm("gate-1")
        await router.raise_alarm("gate-1")
        ended = await router.clear_alarm("gate-1")
        await eventually(router.all_done)
    assert receiver.ids() == [began, ended]


async def test_a_rule_applies_as_soon_as_it_was_put_and_no_longer_once_deleted(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    async with router.in_process():
        await router.raise_alarm("gate-0")
        await eventually(router.all_done)
        await router.put("all", hook("/old"))
        first = await router.raise_alarm("gate-1")
        await receiver.until(lambda: receiver.ids("/old"))
        await router.put("all", hook("/new"))
        second = await router.raise_alarm("gate-1")
        await receiver.until(lambda: receiver.ids("/new"))
        await router.put("all", hook("/new"), enabled=False)
        await router.raise_alarm("gate-1")
        await router.put("all", hook("/new"))
        third = await router.raise_alarm("gate-1")
        await eventually(router.all_done)
        await router.delete("all")
        await router.raise_alarm("gate-1")
        await eventually(router.all_done)
    assert (receiver.ids("/old"), receiver.ids("/new")) == ([first], [second, third])


async def test_two_routers_share_the_work(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    async with router.in_process(), router.in_process(instance="router-2"):
        await router.put("all", hook())

        async def known_to_both() -> bool:
            await router.raise_alarm("probe", momentary=True)
            await eventually(router.all_done)
            return len(receiver.accepted) >= 5

        await eventually(known_to_both)
        before = len(receiver.accepted)
        published = [await router.raise_alarm(f"gate-{number}") for number in range(50)]
        published += [await router.clear_alarm(f"gate-{number}") for number in range(50)]
        await eventually(router.all_done)
        assert await router.active() == []
    assert sorted(receiver.ids()[before:]) == sorted(published)
