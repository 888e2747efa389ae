"""What becomes of alarms is kept in the order it came, and only what is kept counts."""

import asyncio
from dataclasses import dataclass, field

from cambus.client.errors import BusUnavailable
from cambus.connector.alarm_publisher import keep


@dataclass(frozen=True)
class Told:
    """Something to be published."""

    event_id: str
    spec: object = None
    fields: dict = field(default_factory=dict)


class Outbox:
    """Takes events one after the other, and has them on its disk a while later."""

    device = "gate"

    def __init__(self, full=()):
        self.taken = []
        self.on_disk = asyncio.Event()
        self._full = full

    async def publish(self, spec, *, event_id, **fields):
        if event_id in self._full:
            raise BusUnavailable("full")
        self.taken.append(event_id)
        await self.on_disk.wait()


def told(*ids):
    return [Told(each) for each in ids]


async def test_nothing_comes_between_what_one_report_makes():
    outbox, forgotten = Outbox(), []
    keeping = [
        asyncio.create_task(keep(outbox, report, forgotten.append))
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
    assert not await keep(outbox, told("over", "begun"), lambda each: forgotten.append(each.event_id))
    assert (outbox.taken, forgotten) == (["begun"], ["over"])
