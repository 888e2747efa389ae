"""What becomes of alarms is kept in the order it came, and only what is kept counts."""

import asyncio
from dataclasses import dataclass, field

import pytest

from cambus.client.errors import BusUnavailable
from cambus.connector.alarm_publisher import AlarmKeeper


@dataclass(frozen=True)
class Told:
    """Something to be published."""

    event_id: str
    spec: object = None
    fields: dict = field(default_factory=dict)


class Outbox:
    """Takes events one after the other, and has them on its disk a while later."""

    device = "gate"

    def __init__(self, full=(), *, slow_to_refuse=False):
        self._slow_to_refuse = slow_to_refuse
        self.taken = []
        self.on_disk = asyncio.Event()
        self._full = full

    async def publish(self, spec, *, event_id, **fields):
        if event_id in self._full:
            if self._slow_to_refuse:
                await self.on_disk.wait()
            raise BusUnavailable("full")
        self.taken.append(event_id)
        await self.on_disk.wait()


def told(*ids):
    return [Told(each) for each in ids]


async def test_nothing_comes_between_what_one_report_makes():
    outbox, forgotten = Outbox(), []
    keeper = AlarmKeeper(outbox, forgotten.append)
    keeping = [
        asyncio.create_task(keeper.keep(report))
        for report in (told("over", "begun"), told("ended"), told("begun again"))
    ]
    for _ in range(10):
        await asyncio.sleep(0)
    outbox.on_disk.set()
    assert await asyncio.gather(*keeping) == [True] * 3
    assert outbox.taken == ["over", "begun", "ended", "begun again"]
    assert forgotten == []


async def test_what_can_not_be_kept_is_forgotten_and_the_device_not_told():
    outbox, forgotten = Outbox(full={"over"}), []
    outbox.on_disk.set()
    keeper = AlarmKeeper(outbox, lambda each: forgotten.append(each.event_id))
    assert not await keeper.keep(told("over", "begun"))
    assert (outbox.taken, forgotten) == (["begun"], ["over"])


@pytest.mark.parametrize("full", [(), {"ended"}])
async def test_a_repeat_is_heard_once_what_it_repeats_is_kept(full):
    """Or not, if that can not be kept: then it has to be told again."""
    outbox = Outbox(full, slow_to_refuse=True)
    keeper = AlarmKeeper(outbox, lambda _: None)
    keeping = [asyncio.create_task(keeper.keep(report)) for report in (told("begun"), told("ended"), [])]
    for _ in range(10):
        await asyncio.sleep(0)
    assert not keeping[-1].done()
    outbox.on_disk.set()
    assert await asyncio.gather(*keeping) == [True, not full, not full]
    assert await keeper.keep([])
