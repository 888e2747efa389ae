"""What a sink did not take in all its time is a dead letter, and can be tried again for that sink alone."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from alarm_rig import AlarmBus, Receiver

from cambus.bus.dead_letters import dead_letters, drop, retry
from cambus.client.consumer import EventConsumer
from cambus.client.event_history import stored_events

Hook = Callable[..., dict]
Eventually = Callable[..., Awaitable[None]]


async def given_up(router: AlarmBus, receiver: Receiver, hook: Hook) -> tuple[str, int]:
    """An alarm one of two sinks never took, and the number of its dead letter."""
    receiver.scripts["/dead"] = lambda _: 400
    await router.put("both", hook("/dead"), hook("/alive"))
    event = await router.raise_alarm("gate-1", momentary=True)
    async with asyncio.timeout(60):
        while not await router.dead_letters():
            continue
    [kept] = [kept async for kept in dead_letters(router.bus)]
    assert kept.letter.text == "both.0: HTTP 400"
    return event, kept.number


async def test_a_retry_is_for_the_sink_that_did_not_take_it(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    async with router.in_process(delivery_give_up_s=0.2):
        event, number = await given_up(router, receiver, hook)
        receiver.scripts["/dead"] = lambda _: 200
        await retry(router.bus, number)
        await receiver.until(lambda: receiver.ids("/dead"))
        await eventually(router.all_done)
    assert receiver.ids("/dead") == receiver.ids("/alive") == [event]
    assert await router.dead_letters() == []
    with pytest.raises(KeyError):
        await drop(router.bus, number)


async def test_other_consumers_are_not_given_what_is_tried_again(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    heard = []

    async def hear(received) -> None:
        heard.append(received.event.id)

    async with router.in_process(delivery_give_up_s=0.2):
        event, number = await given_up(router, receiver, hook)
        await retry(router.bus, number)
        last = await router.raise_alarm("gate-1", momentary=True)
        other = EventConsumer(router.bus, "another", ["cambus.v1.evt.*.alarm.raised"], hear)
        task = asyncio.create_task(other.run())

        async def heard_all() -> bool:
            return last in heard

        await eventually(heard_all)
        other.stop()
        await task
        listed = [
            each.event.id
            async for each in stored_events(
                router.bus, ["cambus.v1.evt.>"], router.raised("x").at.replace(year=2020)
            )
        ]
        await router.delete("both")
    assert heard == [event, last]
    assert listed.count(event) == 1


async def test_a_dead_letter_that_is_dropped_is_gone(
    router: AlarmBus, receiver: Receiver, hook: Hook
) -> None:
    async with router.in_process(delivery_give_up_s=0.2):
        _, number = await given_up(router, receiver, hook)
        await drop(router.bus, number)
        assert await router.dead_letters() == []
        with pytest.raises(KeyError):
            await retry(router.bus, number)
