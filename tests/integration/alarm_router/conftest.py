"""A NATS server of its own for every test, a receiver of webhooks, and a router."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from alarm_rig import AlarmBus, Receiver

from cambus.alarm_router.settings import AlarmRouterSettings
from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.sealing import KeyRing
from cambus.bus.testing import NatsServer


@pytest.fixture
def nats_server() -> Iterator[NatsServer]:
    """Rules and the router's place in the stream are the server's, not the test's.

    Nobody may publish below `forbidden.`.
    """
    user = {"user": "all", "password": "all", "permissions": {"publish": {"deny": ["forbidden.>"]}}}
    config = {"authorization": {"users": [user]}, "no_auth_user": "all"}
    with NatsServer(sync_interval="2m", config=config) as server:
        yield server


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver().running() as running:
        yield running


@pytest.fixture
async def router(bus: Bus, nats_server: NatsServer, unique: str, tmp_path: Path) -> AlarmBus:
    await ensure_assets(bus)
    KeyRing.load_or_create(tmp_path / "key")
    settings = AlarmRouterSettings(
        nats_url=nats_server.url,
        instance=f"router-{unique}",
        credentials_key_file=tmp_path / "key",
        delivery_first_delay_s=0.05,
        delivery_longest_delay_s=0.2,
        redelivery_s=1.0,
    )
    return AlarmBus(bus, settings, tmp_path)


@pytest.fixture
def hook(receiver: Receiver) -> Callable[..., dict]:
    """Makes webhook sinks at paths of the receiver."""

    def make(path: str = "/hook", **fields: object) -> dict:
        return {"kind": "webhook", "url": receiver.url + path, **fields}

    return make
