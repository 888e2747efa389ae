"""The end of an alarm is told after its beginning, whoever is killed, stopped or cut off in between."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

from alarm_rig import AlarmBus, Receiver

from cambus.bus.in_process import RunningService
from cambus.bus.testing import NatsServer

Hook = Callable[..., dict]
Eventually = Callable[..., Awaitable[None]]

DEVICES = [f"gate-{number}" for number in range(8)]


async def begin(router: AlarmBus) -> list[str]:
    return [await router.raise_alarm(device) for device in DEVICES]


async def finish(router: AlarmBus) -> list[str]:
    return [await router.clear_alarm(device) for device in DEVICES]


def by_device(receiver: Receiver, path: str = "/hook") -> dict[str, list[str]]:
    """What happened on each device as it was told, without what was told again."""
    told: dict[str, list[str]] = {}
    for phase, device in receiver.told(path):
        phases = told.setdefault(device, [])
        if phase not in phases:
            phases.append(phase)
    return told


IN_ORDER = {device: ["alarm.raised", "alarm.cleared"] for device in DEVICES}


async def test_the_end_waits_for_a_beginning_that_a_killed_router_had_taken(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    receiver.scripts["/hook"] = lambda _: 503
    await router.store("all", hook())
    async with router.process() as process:
        began = await begin(router)
        await receiver.until(lambda: receiver.attempts() >= 1)
        await eventually(lambda: taken(router, len(DEVICES)))
        process.send_signal(signal.SIGKILL)
        await process.wait()
    receiver.scripts["/hook"] = lambda _: 200
    ended = await finish(router)
    async with router.process():
        await eventually(router.all_done)
        assert await router.active() == []
    assert by_device(receiver) == IN_ORDER
    assert sorted(receiver.ids()) == sorted(began + ended)


async def taken(router: AlarmBus, count: int) -> bool:
    """Whether the router has been given so many events and has not ended them."""
    info = await router.bus.jetstream.call("CONSUMER.INFO.CAMBUS_EVENTS.alarm-router")
    return info["num_ack_pending"] == count


async def test_nobody_waits_for_what_other_devices_had_under_way(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    receiver.scripts["/hook"] = lambda _: 503
    await router.store("all", hook())
    # so long that what the first had taken does not come again while the test lasts
    crashed = await router.in_process(redelivery_s=600.0).start()
    await begin(router)
    await eventually(lambda: taken(router, len(DEVICES)))
    await crashed.crash()
    receiver.scripts["/hook"] = lambda _: 200
    await finish(router)
    other = [await router.raise_alarm("yard-1"), await router.clear_alarm("yard-1")]
    async with router.in_process(redelivery_s=600.0):
        await receiver.until(lambda: len(receiver.ids()) >= 2)
        assert receiver.ids() == other


async def test_a_replica_that_stands_by_goes_on_in_order_after_a_crash(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    receiver.scripts["/hook"] = lambda _: 503
    await router.store("all", hook())
    crashed = await router.in_process(lease_ttl_s=2).start()
    await begin(router)
    await eventually(lambda: taken(router, len(DEVICES)))
    async with router.in_process(instance="router-2", lease_ttl_s=2):
        await crashed.crash()
        receiver.scripts["/hook"] = lambda _: 200
        await finish(router)
        await eventually(router.all_done)
    assert by_device(receiver) == IN_ORDER


async def test_what_a_killed_router_had_taken_finds_room_before_what_is_new(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    room = len(DEVICES)
    receiver.scripts["/hook"] = lambda _: 503
    await router.store("all", hook())
    crashed = await router.in_process(alarms_in_memory=2 * room, redelivery_s=3.0).start()
    await begin(router)
    await eventually(lambda: taken(router, room))
    await crashed.crash()
    receiver.scripts["/hook"] = lambda _: 200
    await finish(router)
    async with router.in_process(alarms_in_memory=room, redelivery_s=3.0):
        await eventually(router.all_done)
    assert by_device(receiver) == IN_ORDER


async def test_a_replica_that_is_stopped_hands_over_in_order(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    receiver.scripts["/hook"] = lambda _: 503
    await router.store("all", hook())
    first = await router.in_process().start()
    await begin(router)
    await eventually(lambda: first.service._router._waiting == len(DEVICES))
    async with router.in_process(instance="router-2"):
        stopping = asyncio.create_task(first.stop())
        receiver.scripts["/hook"] = lambda _: 200
        await finish(router)
        await stopping
        await eventually(router.all_done)
    assert by_device(receiver) == IN_ORDER


async def test_two_replicas_do_not_tell_the_end_while_the_beginning_is_being_told(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    answered = asyncio.Event()

    async def slow(number: int) -> int:
        if number <= len(DEVICES):
            await answered.wait()
        return 200

    receiver.scripts["/hook"] = slow
    await router.store("all", hook())
    async with router.in_process(), router.in_process(instance="router-2"):
        began = await begin(router)
        await eventually(lambda: receiver.attempts() == len(DEVICES))
        ended = await finish(router)
        await eventually(lambda: taken(router, 2 * len(DEVICES)))
        assert receiver.ids() == []
        answered.set()
        await eventually(router.all_done)
    assert by_device(receiver) == IN_ORDER
    assert sorted(receiver.ids()) == sorted(began + ended)


async def test_an_outage_of_nats_does_not_mix_them_up(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually, nats_server: NatsServer
) -> None:
    receiver.scripts["/hook"] = lambda _: 503
    await router.store("all", hook())
    async with router.in_process() as running:
        await begin(router)
        await eventually(lambda: running.service._router._waiting == len(DEVICES))
        await nats_server.restart()
        await router.bus.wait_connected(30)
        await finish(router)
        receiver.scripts["/hook"] = lambda _: 200
        await receiver.until(lambda: len(set(receiver.ids())) == 2 * len(DEVICES))
        await eventually(router.all_done)
        assert await router.active() == []
    assert by_device(receiver) == IN_ORDER


async def test_a_lease_that_is_lost_ends_the_duty_and_the_next_goes_on_in_order(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    receiver.scripts["/hook"] = lambda _: 503
    await router.store("all", hook())
    async with router.in_process() as running:
        await begin(router)
        await eventually(lambda: running.service._router._waiting == len(DEVICES))
        await router.bus.jetstream.publish("$KV.cambus-leases.service.alarm-router", b"{}")
        receiver.scripts["/hook"] = lambda _: 200
        await finish(router)
        await eventually(router.all_done)
    assert by_device(receiver) == IN_ORDER


async def test_what_was_given_back_is_not_overtaken(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    dead = True
    receiver.scripts["/dead"] = lambda _: 503 if dead else 200
    # a fiftieth of the time to give up is how long what is given back stays away
    async with router.in_process(alarms_in_memory=8, delivery_give_up_s=60.0) as running:
        await router.put("all", hook("/dead"), hook("/alive"))
        began = await begin(router)
        await receiver.until(lambda: len(receiver.ids("/alive")) == len(DEVICES))
        await eventually(lambda: given_back(running) > 0)
        dead = False
        ended = await finish(router)
        await receiver.until(lambda: len(receiver.ids("/alive")) == 2 * len(DEVICES))
        await eventually(router.all_done, within_s=60)
    assert by_device(receiver, "/dead") == by_device(receiver, "/alive") == IN_ORDER
    assert sorted(receiver.ids("/dead")) == sorted(receiver.ids("/alive")) == sorted(began + ended)
    assert await router.dead_letters() == []


def given_back(running: RunningService) -> float:
    """How many alarms went back to NATS because too many waited."""
    rendered = running.runtime.metrics.render().decode()
    (line,) = [line for line in rendered.splitlines() if line.startswith("cambus_alarms_given_back_total ")]
    return float(line.split()[1])
