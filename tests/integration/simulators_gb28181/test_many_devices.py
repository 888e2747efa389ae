"""Many light devices in one process."""

import asyncio

import pytest
from gb28181_rig import PASSWORD, SERVER, SMALL

from cambus.gb28181.registrar import Bound
from cambus.simulators.gb28181.simulator import Gb28181Simulator
from cambus.simulators.gb28181.storm import Storm, numbered

FIRST = "34020000001320001000"


def storm(rig, count, **options):
    def make(number, shared):
        return Gb28181Simulator(
            server=("127.0.0.1", rig.platform.port),
            server_code=SERVER,
            code=numbered(FIRST, number),
            password=PASSWORD,
            media=SMALL,
            shared=shared,
        )

    return Storm(make, count, **options)


async def test_many_devices_register_and_answer_each_for_itself(rig):
    async with storm(rig, 300) as many:
        assert await many.settled(60.0) > 0
        assert (many.registered, many.state()["devices"]) == (300, 300)
        assert all(rig.platform.registrar.online(each.code) for each in many.devices)
        now = asyncio.get_running_loop().time
        for number in (0, 137, 299):
            device = many.devices[number]
            result = await rig.remote(device).catalog(now=now)
            assert device.channels[0] in result.items
        sim = many.devices[137]
        _, units = await rig.watch(sim)
        await units.until(lambda: len(units.pictures) >= 2)
        assert len(sim.sessions) == 1


async def test_they_begin_at_their_rate_and_register_again_together(rig):
    async with storm(rig, 20, rate=200.0) as many:
        assert await many.settled(60.0) >= 19 / 200.0
        before = len(rig.events)
        many.register_again()
        await rig.until(lambda: sum(isinstance(each, Bound) for each in rig.events[before:]) == 20)
        assert many.registered == 20


@pytest.mark.slow
async def test_two_thousand_devices_live_in_one_process(rig):
    async with storm(rig, 2000) as many:
        await many.settled(120.0)
        assert many.registered == 2000
