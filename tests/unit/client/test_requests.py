"""Requests that NATS does not let through: told at once to those who want to know, and to nobody else."""

import asyncio
from typing import Any, cast

import pytest
from nats.aio.client import Client

from cambus.client.errors import SendingForbidden
from cambus.client.requests import Requests


class Wire:
    """As much of a connection as requests need; answers nothing."""

    max_payload = 1 << 20

    def new_inbox(self) -> str:
        return "_INBOX.x"

    async def publish(self, *_: Any) -> None:
        """Take it."""


async def asked(requests: Requests, *subjects: str, refusable: bool = True) -> list[asyncio.Task[Any]]:
    """Requests that are under way."""
    tasks = [
        asyncio.create_task(requests.one(subject, b"", None, 3600, refusable=refusable))
        for subject in subjects
    ]
    await asyncio.sleep(0)
    return tasks


async def pending(tasks: list[asyncio.Task[Any]]) -> list[bool]:
    """Which of them still wait; ends them all."""
    for _ in range(3):
        await asyncio.sleep(0)
    waiting = [not task.done() for task in tasks]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return waiting


async def test_all_that_is_under_way_to_a_forbidden_subject_fails_and_nothing_else() -> None:
    requests = Requests(cast(Client, Wire()))
    tasks = await asked(requests, "cambus.v1.cmd.Gate.ptz.move", "cambus.v1.cmd.Gate.ptz.move", "cambus.v1.x")
    tasks += await asked(requests, "cambus.v1.cmd.Gate.ptz.move", refusable=False)
    requests.forbidden("cambus.v1.cmd.gate.ptz.move")
    with pytest.raises(SendingForbidden, match=r"cmd\.Gate\.ptz"):
        await tasks[0]
    assert await pending(tasks) == [False, False, True, True]


async def test_of_subjects_that_differ_in_small_letters_alone_none_is_taken_for_the_forbidden_one() -> None:
    """NATS's answer comes in small letters: one of the two may have been carried out."""
    requests = Requests(cast(Client, Wire()))
    tasks = await asked(requests, "cambus.v1.cmd.Gate.ptz.move", "cambus.v1.cmd.gate.ptz.move")
    requests.forbidden("cambus.v1.cmd.gate.ptz.move")
    assert await pending(tasks) == [True, True]
