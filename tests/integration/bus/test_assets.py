"""What is created in JetStream."""

import asyncio

import pytest

from cambus.bus.assets import BUCKETS, OBJECT_STORES, STREAMS, configurations, ensure_assets, ensure_stream
from cambus.bus.connection import Bus
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.schemas import assets


@pytest.fixture(scope="module")
def fresh_server():
    with NatsServer() as server:
        yield server


async def created(bus):
    answer = await bus.jetstream.call("STREAM.LIST")
    return {stream["config"]["name"]: stream["config"] for stream in answer["streams"]}


async def test_every_asset_of_the_contract_is_created_once_and_bounded(fresh_server):
    settings = BusSettings(nats_url=fresh_server.url)
    async with await Bus.connect(settings) as one, await Bus.connect(settings) as two:
        await asyncio.gather(ensure_assets(one), ensure_assets(two))
        await ensure_assets(one)
        streams = await created(one)
    names = (
        {*assets.STREAMS}
        | {f"KV_{name}" for name in assets.KV_BUCKETS}
        | {f"OBJ_{name}" for name in assets.OBJECT_STORES}
    )
    assert set(streams) == names
    assert all(config["max_bytes"] > 0 for config in streams.values())
    assert streams["CAMBUS_EVENTS"]["duplicate_window"] == 120 * 10**9
    assert streams["CAMBUS_EVENTS"]["max_age"] == 7 * 86400 * 10**9
    with_ttl = {name for name, config in streams.items() if config.get("allow_msg_ttl")}
    assert with_ttl == {"KV_cambus-leases", "KV_cambus-registrations", "KV_cambus-tokens"}
    assert not any(config.get("subject_delete_marker_ttl") for config in streams.values())


async def test_what_the_operator_changed_is_left_alone(fresh_server):
    async with await Bus.connect(BusSettings(nats_url=fresh_server.url)) as bus:
        await ensure_assets(bus)
        config = (await created(bus))["KV_cambus-presence"] | {"max_bytes": 12345678}
        await bus.jetstream.call("STREAM.UPDATE.KV_cambus-presence", config)
        await ensure_assets(bus)
        assert (await created(bus))["KV_cambus-presence"]["max_bytes"] == 12345678


async def test_a_created_stream_is_a_key_value_bucket_to_others(bus, unique):
    """nats-py's own key-value view accepts what we create."""
    config = configurations(1)[2] | {
        "name": f"KV_{unique}",
        "subjects": [f"$KV.{unique}.>"],
        "max_bytes": 1 << 20,
    }
    await ensure_stream(bus, config)
    theirs = await bus.js.key_value(unique)
    await theirs.put("a", b"1")
    assert (await theirs.get("a")).value == b"1"


def test_a_budget_scales_every_bound():
    total = sum(config["max_bytes"] for config in configurations(1, 512 << 20))
    assert 0.99 * (512 << 20) < total <= 512 << 20


def test_the_contract_and_the_table_name_the_same():
    assert {asset.name for asset in BUCKETS} == set(assets.KV_BUCKETS)
    assert set(STREAMS) == set(assets.STREAMS)
    assert {asset.name for asset in OBJECT_STORES} == set(assets.OBJECT_STORES)


def test_replicas_are_set_everywhere():
    assert {config["num_replicas"] for config in configurations(3)} == {3}
