"""A real NATS server, links to upper platforms, the platforms, and devices on the bus."""

import pytest
from cascade_rig import Rig

from cambus.bus.assets import ensure_assets
from cambus.gb28181.pending import Pending


@pytest.fixture(autouse=True)
def _exact_numbers(monkeypatch):
    """Answers count under the number of their question alone: no platform has to forgive us that we forget it."""
    answer = Pending.answer

    def strictly(self, envelope):
        key = (envelope.command.lower(), envelope.sn or 0)
        return (key in self._open or key in self._past) and answer(self, envelope)

    monkeypatch.setattr(Pending, "answer", strictly)


@pytest.fixture
async def rig(bus, unique):
    await ensure_assets(bus)
    made = Rig(bus, unique)
    yield made
    await made.close()
