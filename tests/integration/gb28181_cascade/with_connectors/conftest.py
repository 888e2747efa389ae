"""Real connectors beside the links: they take every device there is, so each module has a server of its own."""

import pytest
from cascade_rig import Rig

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.testing import NatsServer


@pytest.fixture(scope="module")
def own_nats():
    with NatsServer() as server:
        yield server


@pytest.fixture
async def bus(own_nats, bus_settings):
    settings = bus_settings.model_copy(update={"nats_url": own_nats.url})
    async with await Bus.connect(settings, name="test") as made:
        await ensure_assets(made)
        yield made


@pytest.fixture
async def rig(bus, unique, recorder):
    """Links, which end before the device does."""
    made = Rig(bus, unique)
    yield made
    await made.close()
