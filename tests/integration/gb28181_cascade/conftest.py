"""A real NATS server, links to upper platforms, the platforms, and devices on the bus."""

import pytest
from cascade_rig import Rig

from cambus.bus.assets import ensure_assets


@pytest.fixture
async def rig(bus, unique):
    await ensure_assets(bus)
    made = Rig(bus, unique)
    yield made
    await made.close()
