"""What a program may do that logs in as one of the users of people."""

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import pytest
from bus_camera import JPEG, PICTURE, BusCamera

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.endpoints import Endpoints
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.bus.users import ADMIN, OPERATOR, USERS, VIEWER
from cambus.cli.nats_users import UserFolder
from cambus.client import Cambus, live_claim
from cambus.client.calling import BUS_FORBIDDEN
from cambus.schemas.errors import Forbidden

FOREVER_S = 3600.0
"""What may not be done is told at once, whatever the time for it."""


async def read_a_picture(cambus, gate):
    async with asyncio.timeout(30), aclosing(aiter(cambus.frames(gate.name))) as frames:
        picture = asyncio.ensure_future(anext(frames))
        while not picture.done():  # nobody tells when somebody has subscribed
            await gate.send_picture()
            await asyncio.wait({picture}, timeout=0.05)
        assert (await picture).payload == PICTURE


async def test_an_operator_commands_and_a_viewer_looks(tmp_path, unique, monkeypatch):
    folder = UserFolder(tmp_path)
    folder.ensure(USERS)
    with NatsServer(config={"authorization": folder.authorization(USERS)}) as server:
        settings = BusSettings(nats_url=server.url, nats_nkey_file=folder.seed_file(ADMIN))
        async with await Bus.connect(settings, name="test") as bus:
            await ensure_assets(bus)
            endpoints = Endpoints(bus, "connector-test", "1.2.3")
            gate = BusCamera(bus, endpoints, unique)
            await gate.start()
            alarm = await gate.raise_alarm()
            begun = datetime.now(UTC) - timedelta(minutes=1)

            async with Cambus.connect(server.url, nkey_file=folder.seed_file(OPERATOR)) as cambus:
                await cambus.device(unique).ptz.move(channel=0, pan=0.5)
                assert await cambus.snapshot(unique) == JPEG
                assert await cambus.device_records() == {}
                assert [each.name for each in await cambus.services()] == ["connector-test"]
                await read_a_picture(cambus, gate)
                assert gate.claims == set()

            async with Cambus.connect(server.url, nkey_file=folder.seed_file(VIEWER)) as cambus:
                async with aclosing(cambus.alarms(device=unique, since=begun)) as alarms:
                    assert (await anext(alarms)).id == alarm.id
                monkeypatch.setattr(live_claim, "_STOP_TIMEOUT_S", FOREVER_S)
                await read_a_picture(cambus, gate)
                assert len(gate.claims) == 1, "ends by itself"
                with pytest.raises(Forbidden) as refused:
                    await cambus.device(unique).ptz.move(channel=0, pan=1.0, within_s=FOREVER_S)
                assert refused.value.reason == BUS_FORBIDDEN
            assert [move.pan for move in gate.moves] == [0.5]
            await endpoints.drain(timeout_s=5.0)
