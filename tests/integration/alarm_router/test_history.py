"""Whatever befalls routers, NATS and receivers: every alarm is told, and each end after its beginning.

What was told is a history; a checker reads it when all is over.
"""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from alarm_rig import AlarmBus, Receiver

from cambus.bus.testing import NatsServer
from cambus.client.errors import BusError

Hook = Callable[..., dict]
Eventually = Callable[..., Awaitable[None]]

DEVICES = 12
STEPS = 12
PAUSE_S = (0.1, 1.5)


class Fleet:
    """Devices that raise and clear an alarm over and over, whether NATS is there or not."""

    def __init__(self, router: AlarmBus) -> None:
        self.pairs: list[tuple[str, str]] = []
        self._router = router

    async def live(self, device: str, chance: random.Random) -> None:
        while True:
            began = await self._tell(self._router.raised(device))
            await asyncio.sleep(chance.uniform(0, 0.3))
            ended = await self._tell(self._router.cleared(device))
            self.pairs.append((began, ended))
            await asyncio.sleep(chance.uniform(0, 0.5))

    async def _tell(self, event) -> str:
        while True:
            try:
                return await self._router.publish(event)
            except BusError:
                await asyncio.sleep(0.1)

    @asynccontextmanager
    async def running(self, seed: int) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(self.live(f"gate-{number}", random.Random(seed * 100 + number)))
            for number in range(DEVICES)
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


@pytest.mark.parametrize(
    ("seed", "steps"),
    [(7, 3), *(pytest.param(seed, STEPS, marks=pytest.mark.slow) for seed in range(4))],  # the long ones
)
async def test_any_history_of_faults_tells_everything_and_each_end_after_its_beginning(
    router: AlarmBus,
    receiver: Receiver,
    hook: Hook,
    eventually: Eventually,
    nats_server: NatsServer,
    seed: int,
    steps: int,
) -> None:
    chance = random.Random(seed)
    ill = False
    receiver.scripts["/moody"] = lambda _: 503 if ill else 200
    await router.store("all", hook("/well"), hook("/moody"))
    fleet = Fleet(router)
    async with AsyncExitStack() as lives, fleet.running(seed):
        replicas = {}
        for name in ("one", "two"):
            replicas[name] = await lives.enter_async_context(router.process(instance=name, lease_ttl_s=2))
        for _ in range(steps):
            await asyncio.sleep(chance.uniform(*PAUSE_S))
            what = chance.choice(["kill", "stop", "nats", "mood", "mood"])
            if what == "mood":
                ill = not ill
            elif what == "nats":
                await nats_server.restart()
            else:
                name = chance.choice(sorted(replicas))
                replicas[name].send_signal(signal.SIGKILL if what == "kill" else signal.SIGTERM)
                await replicas[name].wait()
                replicas[name] = await lives.enter_async_context(router.process(instance=name, lease_ttl_s=2))
        ill = False
    async with router.process():
        await router.bus.wait_connected(30)
        await eventually(router.all_done, within_s=90)
    for path in ("/well", "/moody"):
        told = receiver.ids(path)
        first = {event: told.index(event) for event in set(told)}
        for began, ended in fleet.pairs:
            assert first[began] < first[ended], (path, began, ended)
    assert fleet.pairs
    assert await router.dead_letters() == []
