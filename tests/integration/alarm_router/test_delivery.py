"""Alarms reach their sinks, and everyone who was told of a beginning is told of its end."""

import asyncio
import json
from collections.abc import Callable

import pytest
from alarm_rig import AlarmBus, Receiver


async def test_an_alarm_reaches_the_webhook(router: AlarmBus, receiver: Receiver, hook: Callable) -> None:
    async with router.in_process():
        await router.put("all", hook())
        event = await router.raise_alarm("gate-1")
        await receiver.until(receiver.ids)
    assert receiver.ids() == [event]
