"""A real platform, and simulated devices that register at it."""

from collections.abc import AsyncIterator

import pytest
from gb28181_rig import Rig


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """A platform that listens."""
    async with Rig() as made:
        yield made
