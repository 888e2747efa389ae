"""The router is killed (a real process, SIGKILL) at the points that matter, and started again.

A receiver that remembers `webhook-id`, as receivers must, takes every alarm exactly once, whenever that happens.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from alarm_rig import AlarmBus, Receiver

Hook = Callable[..., dict]
Eventually = Callable[..., Awaitable[None]]


def requested(receiver: Receiver, path: str) -> Counter[str]:
    """How often each id was sent to a path."""
    return Counter(request.headers["webhook-id"] for request in receiver.requests if request.path == path)


@pytest.mark.parametrize("answered", [False, True])
async def test_killed_around_the_answer_the_alarm_comes_again_under_its_id(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually, answered: bool
) -> None:
    router_process: asyncio.subprocess.Process

    async def kill(number: int) -> object:
        if number > 1:
            return 200
        if not answered:
            router_process.send_signal(signal.SIGKILL)
            await router_process.wait()
            return 500  # to nobody

        class Deadly(web.StreamResponse):
            async def write_eof(self, data: bytes = b"") -> None:
                router_process.send_signal(
                    signal.SIGSTOP
                )  # or it may write down the answer before it is killed
                await super().write_eof(data)
                router_process.send_signal(signal.SIGKILL)

        return Deadly()

    receiver.scripts["/hook"] = kill
    await router.store("all", hook())
    async with router.process() as router_process:
        event = await router.raise_alarm("gate-1")
        await router_process.wait()
    async with router.process():
        await receiver.until(lambda: event in receiver.ids() and receiver.attempts() >= 2)
        await eventually(router.all_done)
    assert requested(receiver, "/hook") == {event: 2}
    assert await router.dead_letters() == []


async def test_killed_while_one_sink_waits_the_healthy_one_is_told_once(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    receiver.scripts["/ill"] = lambda _: 503
    await router.store("both", hook("/ill"), hook("/well"))
    for _ in range(2):
        async with router.process() as process:
            if not receiver.requests:
                began, ended = await router.raise_alarm("gate-1"), await router.clear_alarm("gate-1")
            tried = receiver.attempts("/ill")
            await receiver.until(
                lambda tried=tried: len(receiver.ids("/well")) == 2 and receiver.attempts("/ill") >= tried + 2
            )
            await eventually(router_has_written_down_what_is_owed(router, began, ended))
            process.send_signal(signal.SIGKILL)
            await process.wait()
    receiver.scripts["/ill"] = lambda _: 200
    async with router.process():
        await eventually(router.all_done)
        assert await router.active() == []
    assert requested(receiver, "/well") == {began: 1, ended: 1}
    assert receiver.ids("/ill") == [began, ended]


def router_has_written_down_what_is_owed(router: AlarmBus, *event_ids: str) -> Callable[[], Awaitable[bool]]:
    async def written() -> bool:
        return [await router.owed(event) for event in event_ids] == [["both.0"]] * len(event_ids)

    return written


async def test_killed_again_and_again_under_load_nothing_is_lost(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    """Each life of the router ends at another point of its work; NATS gives out again what it left."""
    await router.store("all", hook("/a"), hook("/b"))
    published: list[str] = []
    for number in range(60):
        published.append(await router.raise_alarm(f"gate-{number % 20}", key=f"motion:{number}"))
        published.append(await router.clear_alarm(f"gate-{number % 20}", key=f"motion:{number}"))
    for deadly in (7, 61, 130):
        async with router.process() as process:
            enough = len(receiver.requests) + deadly
            await receiver.until(
                lambda enough=enough: (
                    len(receiver.requests) >= enough
                    or set(receiver.ids("/a")) == set(receiver.ids("/b")) == set(published)
                )
            )
            process.send_signal(signal.SIGKILL)
            await process.wait()
    async with router.process():
        await eventually(router.all_done)
        assert await router.active() == []
    for path in ("/a", "/b"):
        told = receiver.ids(path)
        assert set(told) == set(published)
        for began, ended in zip(published[::2], published[1::2], strict=True):
            assert told.index(began) < told.index(ended)
    assert await router.dead_letters() == []


async def test_a_stop_hands_what_waits_to_another_router_at_once(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    receiver.scripts["/ill"] = lambda _: 503
    # so long that only a hand-over can bring it
    async with router.in_process(redelivery_s=600.0) as first:
        await router.put("both", hook("/ill"), hook("/well"))
        published = [await router.raise_alarm(f"gate-{number}") for number in range(10)]
        await receiver.until(lambda: len(receiver.ids("/well")) == 10)
        await eventually(lambda: first.service._router._waiting == 10)
    receiver.scripts["/ill"] = lambda _: 200
    async with router.in_process(instance="router-2", redelivery_s=600.0):
        await eventually(router.all_done)
    assert sorted(receiver.ids("/ill")) == sorted(published)
    assert sorted(receiver.ids("/well")) == sorted(published)


async def test_a_flood_is_not_judged_anew_after_a_crash(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    """What was let through and then interrupted is not kept back because it was let through before."""
    receiver.scripts["/hook"] = lambda _: 503
    await router.store("calm", hook(), min_interval_s=3600.0)
    crashed = await router.in_process().start()
    event = await router.raise_alarm("gate-1")
    await receiver.until(lambda: receiver.attempts() >= 2)
    await crashed.crash()
    receiver.scripts["/hook"] = lambda _: 200
    async with router.in_process():
        await eventually(router.all_done)
    assert receiver.ids() == [event]
