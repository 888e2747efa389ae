"""Devices nobody configured: refused, listed, or taken in."""

import asyncio
import secrets

import pytest

from cambus.client.kv import KeyValue
from cambus.schemas.assets import KV_LEASES
from cambus.schemas.state.inbound import Knock, KnockOutcome

COMMON = "the c0mmon password"


@pytest.fixture
def stranger():
    """A code no other test has."""
    return f"3402000000132{secrets.randbelow(10**7):07d}"


async def knocked(bench, stranger, outcome):
    """Wait until the stranger is listed."""
    async for key, entry in KeyValue(bench.bus, KV_LEASES, Knock).watch("knock.gb28181.*"):
        if entry is not None and (entry.value.identity, entry.value.outcome) == (stranger, outcome):
            return key, entry.value
    raise AssertionError("a watch never ends")


async def common(bench, **settings):
    await bench.credential("common", COMMON)
    await bench.connector(gb28181_common_credentials="common", **settings)


async def test_a_stranger_is_refused_and_listed(bench, stranger):
    await bench.connector()
    simulator = await bench.simulator(stranger)
    _, knock = await knocked(bench, stranger, KnockOutcome.REFUSED)
    assert knock.address.startswith("udp:127.0.0.1:")
    assert not simulator.registered
    assert await bench.devices.get(stranger) is None


async def test_a_stranger_with_the_common_password_waits_for_a_record(bench, stranger):
    await common(bench, gb28181_unknown="pending")
    simulator = await bench.simulator(stranger, password=COMMON, retry_s=0.2)
    await knocked(bench, stranger, KnockOutcome.PENDING)
    assert not simulator.registered
    await bench.add("square", stranger, password=COMMON)
    await bench.shown("square")


async def test_a_stranger_with_the_common_password_gets_a_record(bench, stranger):
    await common(bench, gb28181_unknown="enrol")
    await bench.simulator(stranger, password=COMMON, retry_s=0.2)
    await bench.shown(stranger)
    record = (await bench.devices.get(stranger)).value
    assert record.credentials.name == "common"
    assert record.tags == ["enrolled"]


async def test_a_stranger_with_another_password_gets_none(bench, stranger):
    await common(bench, gb28181_unknown="enrol")
    simulator = await bench.simulator(stranger, password="a guess", retry_s=0.2)
    await knocked(bench, stranger, KnockOutcome.REFUSED)
    assert not simulator.registered
    assert await bench.devices.get(stranger) is None


async def test_no_common_credentials_admit_nobody_even_without_a_password(bench, stranger):
    await bench.connector(gb28181_unknown="enrol")
    await bench.simulator(stranger, password="", retry_s=0.2)
    await knocked(bench, stranger, KnockOutcome.REFUSED)


async def test_a_device_whose_record_is_removed_goes_and_comes_back_with_it(bench):
    await bench.online("gate", retry_s=0.2)
    await bench.devices.delete("gate")
    registrar = bench.connectors["replica-1"].service.signalling.platform.registrar
    async with asyncio.timeout(30):
        while registrar.binding("34020000001320000001") is not None:  # noqa: ASYNC110 - nobody sets an event
            await asyncio.sleep(0.01)
    await bench.add("gate")
    bench_registered = await bench.simulator(retry_s=0.2)
    await bench_registered.wait_for(lambda: bench_registered.registered)
    await bench.shown("gate")
