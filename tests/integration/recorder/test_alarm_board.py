"""Alarms are known whatever happens to NATS: before the start, during an outage, and each once."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.recorder.alarm_board import AlarmBoard
from cambus.schemas.codec import MSGPACK, encode
from cambus.schemas.events.alarm import RAISED, AlarmRaised
from cambus.schemas.headers import CONTENT_TYPE
from cambus.schemas.ids import new_ulid

Eventually = Callable[..., Awaitable[None]]


async def raise_alarm(bus: Bus, key: str) -> None:
    alarm = AlarmRaised(
        id=new_ulid(),
        device="gate-1",
        protocol="dvrip",
        at=datetime.now(UTC),
        channel=0,
        type="motion",  # type: ignore[arg-type]
        severity="info",  # type: ignore[arg-type]
        key=key,
    )
    await bus.jetstream.publish(RAISED.subject("gate-1"), encode(alarm), headers={CONTENT_TYPE: MSGPACK})


async def test_alarms_from_before_the_start_and_from_around_an_outage_are_known(
    eventually: Eventually,
) -> None:
    with NatsServer() as server:
        async with await Bus.connect(BusSettings(nats_url=server.url, instance="t"), name="test") as bus:
            await ensure_assets(bus)
            await raise_alarm(bus, "before")
            told: list[str] = []
            board = AlarmBoard(lambda alarm, _: told.append(alarm.key))
            reading = asyncio.create_task(board.run(bus))
            try:
                await asyncio.wait_for(board.synced.wait(), 30)
                assert told == ["before"]
                server.kill()
                await server.restart()
                await bus.wait_connected(30)
                for number in range(5):
                    await raise_alarm(bus, f"after-{number}")
                await eventually(lambda: len(told) >= 6, within_s=60)
            finally:
                reading.cancel()
                await asyncio.wait({reading})
    assert told == ["before", *(f"after-{number}" for number in range(5))]
    assert [alarm.key for alarm in board.of("gate-1")] == told
