"""A real platform, and simulated devices whose media it receives."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from gb28181_rig import TIMES, Rig


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """A platform that listens."""
    async with Rig() as made:
        yield made


@pytest.fixture
async def hasty() -> AsyncIterator[Rig]:
    """One that gives up soon, for what is not going to come."""
    times = replace(TIMES, invite_s=3.0, first_media_s=2.0, query_s=2.0)
    async with Rig(replace(times, broadcast_answer_s=2.0)) as made:
        yield made
