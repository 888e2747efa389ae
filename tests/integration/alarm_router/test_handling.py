"""What is done about alarms beside telling them: acknowledged, escalated, counted, searched."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from alarm_rig import AlarmBus, Receiver

from cambus.schemas.commands import alarm_cases as cases
from cambus.schemas.commands import alarm_router as commands
from cambus.schemas.errors import NotFound

Hook = Callable[..., dict]
Eventually = Callable[..., Awaitable[None]]


async def acknowledge(router: AlarmBus, event: str, by: str, note: str = "") -> cases.AlarmsAcknowledgeReply:
    request = cases.AlarmsAcknowledgeRequest(id=event, by=by, note=note)
    return await router.client.call(cases.ALARMS_ACKNOWLEDGE, request)


async def history(router: AlarmBus, **fields: object) -> list[cases.AlarmCase]:
    now = datetime.now(UTC)
    request = cases.AlarmsHistoryRequest(
        since=now - timedelta(hours=1), until=now + timedelta(hours=1), **fields
    )
    return (await router.client.call(cases.ALARMS_HISTORY, request)).alarms


async def test_the_first_who_acknowledges_stays(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    async with router.in_process():
        await router.put("all", hook(), match={"phases": ["raised", "cleared", "acknowledged"]})
        event = await router.raise_alarm("gate-1")
        await receiver.until(receiver.ids)
        first, second = await asyncio.gather(
            acknowledge(router, event, "anna", "on my way"), acknowledge(router, event, "bert")
        )
        assert first.acknowledged.by == second.acknowledged.by
        assert sorted((first.already, second.already)) == [False, True]
        again = await acknowledge(router, event, "carl")
        assert (again.already, again.acknowledged) == (True, first.acknowledged)
        await receiver.until(lambda: len(receiver.accepted) == 2)
        await eventually(router.all_done)
        listed = await router.client.call(commands.ALARMS_LIST, commands.AlarmsListRequest(acknowledged=True))
        assert [each.acknowledged for each in listed.alarms] == [first.acknowledged]
        assert (await router.active(acknowledged=False)) == []
    kind, body = receiver.accepted[1][2]["type"], receiver.accepted[1][2]["alarm"]
    assert (kind, body["alarm"]["id"], body["by"]) == ("alarm.acknowledged", event, first.acknowledged.by)


async def test_alarms_that_are_over_or_were_momentary_can_be_acknowledged_too(router: AlarmBus) -> None:
    async with router.in_process():
        event = await router.raise_alarm("gate-1", momentary=True)
        assert (await acknowledge(router, event, "anna")).already is False
        with pytest.raises(NotFound):
            await acknowledge(router, "01KGE5C8QXG1Z5X0N3V7M4T2RB", "anna")
        found = await history(router)
    assert [(case.raised.id, case.acknowledged.by) for case in found] == [(event, "anna")]


def steps(hook: Hook, *after_s: float, until: tuple[str, ...] = ("acknowledged",)) -> list[dict]:
    return [
        {"after_s": seconds, "until": list(until), "sinks": [hook(f"/step-{number}")]}
        for number, seconds in enumerate(after_s)
    ]


async def test_others_are_told_until_somebody_looks_after_it(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    async with router.in_process():
        await router.put("all", hook(), escalation=steps(hook, 0.2, 600.0))
        event = await router.raise_alarm("gate-1", at=datetime.now(UTC))
        await receiver.until(lambda: receiver.ids("/step-0"))
        body = next(body for path, _, body in receiver.accepted if path == "/step-0")
        assert (body["type"], body["rule"]) == ("alarm.escalated", "all")
        assert (body["alarm"]["alarm"]["id"], body["alarm"]["step"]) == (event, 0)
        await acknowledge(router, event, "anna")
        await eventually(router.all_done)

        async def nothing_open() -> bool:
            return not await router.open_escalations()

        await eventually(nothing_open)
    assert receiver.ids("/step-1") == []


async def test_an_escalation_survives_the_router(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    async with router.in_process():
        await router.put("all", hook(), escalation=steps(hook, 3600.0))
        event = await router.raise_alarm("gate-1", at=datetime.now(UTC))
        await receiver.until(receiver.ids)
        await eventually(router.all_done)
    assert await router.open_escalations() == [(event, 0)]
    await router.make_due()
    async with router.in_process():
        await receiver.until(lambda: receiver.ids("/step-0"))
        await eventually(router.all_done)
    assert len(receiver.ids("/step-0")) == 1


async def test_an_alarm_that_ends_is_no_lasting_one(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    async with router.in_process():
        await router.put("all", hook(), escalation=steps(hook, 3600.0, until=("ended",)))
        await router.raise_alarm("gate-1", at=datetime.now(UTC))
        lasting = await router.raise_alarm("gate-2", at=datetime.now(UTC))
        await acknowledge(router, lasting, "anna")
        await router.clear_alarm("gate-1", at=datetime.now(UTC))
        await receiver.until(lambda: len(receiver.accepted) == 3)
        await eventually(router.all_done)
        assert await router.open_escalations() == [(lasting, 0)]
    await router.make_due()
    async with router.in_process():
        await receiver.until(lambda: receiver.ids("/step-0"))
    bodies = [body["alarm"] for path, _, body in receiver.accepted if path == "/step-0"]
    assert [(body["device"], body["reason"]) for body in bodies] == [("gate-2", "lasting")]


async def test_what_was_kept_back_is_counted_and_told_afterwards(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    async with router.in_process() as running:
        now = 1000.0
        running.service.clock = lambda: now
        await router.put("calm", hook(), limit={"per": "type", "most": 2, "within_s": 60.0})
        for number in range(5):
            await router.raise_alarm("gate-1", key=f"motion:{number}", momentary=True)
        await router.raise_alarm("gate-1", type="tamper", key="tamper:0", momentary=True)
        await eventually(router.all_done)
        assert len(receiver.accepted) == 3
        now += 61
        await receiver.until(lambda: len(receiver.accepted) == 4)
    told = receiver.accepted[3][2]
    assert (told["type"], told["alarm"]["count"], told["alarm"]["per"]) == ("alarm.suppressed", 3, "type")


async def test_an_end_says_how_long_it_lasted_and_one_without_a_beginning_that_it_has_none(
    router: AlarmBus, receiver: Receiver, hook: Hook
) -> None:
    async with router.in_process():
        await router.put("all", hook())
        began = router.raised("gate-1")
        await router.publish(began)
        await router.clear_alarm("gate-1", at=began.at + timedelta(seconds=90))
        await router.clear_alarm("gate-2")
        await receiver.until(lambda: len(receiver.accepted) == 3)
        found = await history(router)
    ends = {
        body["alarm"]["device"]: body["alarm"]
        for _, _, body in receiver.accepted
        if body["type"] == "alarm.cleared"
    }
    assert (ends["gate-1"]["raised"], ends["gate-1"]["duration_s"]) == (began.id, 90.0)
    assert (ends["gate-2"]["raised"], ends["gate-2"]["duration_s"]) == (None, None)
    assert [(case.raised and case.raised.id, case.duration_s) for case in found] == [
        (began.id, 90.0),
        (None, None),
    ]


async def test_the_history_is_searched_by_device_type_time_and_who_looks_after_it(router: AlarmBus) -> None:
    async with router.in_process():
        one = await router.raise_alarm("gate-1", momentary=True)
        two = await router.raise_alarm("gate-2", type="tamper", severity="major", key="tamper:0")
        old = await router.raise_alarm("gate-1", at=datetime.now(UTC) - timedelta(hours=3), momentary=True)
        await acknowledge(router, two, "anna")
        assert [case.raised.id for case in await history(router)] == [one, two]
        assert [case.raised.id for case in await history(router, devices=["gate-?"], types=["tam*"])] == [two]
        assert [case.raised.id for case in await history(router, devices=["gate-1"])] == [one]
        assert [case.raised.id for case in await history(router, acknowledged=False)] == [one]
        assert [case.raised.id for case in await history(router, min_severity="major")] == [two]
        request = cases.AlarmsHistoryRequest(
            since=datetime.now(UTC) - timedelta(hours=4), until=datetime.now(UTC), limit=1
        )
        reply = await router.client.call(cases.ALARMS_HISTORY, request)
        assert len(reply.alarms) == 1
        assert reply.complete_until is not None
        shown = await router.client.call(cases.ALARMS_SHOW, cases.AlarmsShowRequest(id=old))
        assert (shown.raised.id, shown.acknowledged) == (old, None)


async def test_a_rule_may_stop_those_behind_it(router: AlarmBus, receiver: Receiver, hook: Hook) -> None:
    async with router.in_process():
        await router.put("late", hook("/late"), order=200)
        await router.put("ignored", order=100, stop=True, match={"text_contains": ["TEST"]})
        await router.put("first", hook("/first"), order=50, match={"text_matches": "(?i)^a .*t$"})
        await router.raise_alarm("gate-1", text="a Test", momentary=True)
        seen = await router.raise_alarm("gate-1", text="no such", momentary=True)
        await receiver.until(lambda: len(receiver.accepted) == 2)
        request = commands.RulesTestRequest(alarm=router.raised("gate-1", text="A tEsT"))
        verdicts = (await router.client.call(commands.RULES_TEST, request)).verdicts
    assert receiver.ids("/late") == [seen]
    assert len(receiver.ids("/first")) == 1
    assert [(each.rule, each.applies, each.why_not) for each in verdicts] == [
        ("first", True, ""),
        ("ignored", True, ""),
        ("late", False, "stopped"),
    ]
    assert verdicts[0].sinks == [f"webhook {receiver.url}/first"]
