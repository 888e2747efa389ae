"""Searching for devices through the connector: off unless allowed, only where allowed, and what is found."""

import json

import pytest

from cambus.connector_dvrip.discovery import NetworkSearch
from cambus.connector_dvrip.settings import DvripSettings
from cambus.schemas.commands.discovery import (
    ADDRESS_SET_DVRIP,
    RUN_DVRIP,
    DiscoveryAddressRequest,
    DiscoveryRunRequest,
)
from cambus.schemas.errors import BadRequest, Unauthorized, Unsupported
from cambus.simulators.dvrip import DvripSimulator
from cambus.simulators.dvrip.discovery import DiscoveryResponder

USER, PASSWORD = "admin", "c4nary-passw0rd"
QUICK = DiscoveryRunRequest(wait_s=0.3)


@pytest.fixture
async def network(simulator):
    """Two recorders on a network of one port."""
    async with DvripSimulator(
        user=USER, password=PASSWORD, channels=1, index=7, name="back\x1bdoor"
    ) as second:
        responder = DiscoveryResponder([simulator, second])
        await responder.start("127.0.0.1", 0)
        responder.recorders = [simulator, second]
        yield responder
        responder.close()


async def search(bench, request=QUICK):
    (reply,) = await bench.client.broadcast(RUN_DVRIP, request, expected=1)
    return reply


async def test_devices_are_found_and_the_known_ones_named(bench, network, device):
    first, second = network.recorders
    here = f"127.0.0.1:{network.port}"
    await bench.connector(dvrip_discovery=here, dvrip_discovery_listen="127.0.0.1:0")
    await bench.online(device, first)
    reply = await search(bench)
    assert (reply.replica, reply.searched, reply.truncated) == ("replica-1", [here], False)
    found = {each.mac: each for each in reply.devices}
    assert set(found) == {first.device.identity.mac, second.device.identity.mac}
    mine, other = (found[each.device.identity.mac] for each in (first, second))
    assert (mine.known_as, mine.address) == (device, f"127.0.0.1:{first.port}")
    assert (other.known_as, other.address) == (None, f"127.0.0.1:{second.port}")
    assert (other.protocol, other.serial) == ("dvrip", second.device.identity.serial)
    assert (other.name, other.channels, other.source) == ("backdoor", 1, "127.0.0.1")


async def test_nothing_is_sent_unless_it_was_allowed(bench, network):
    await bench.connector()
    with pytest.raises(Unsupported, match="CAMBUS_DVRIP_DISCOVERY") as refused:
        await search(bench)
    assert refused.value.reason == "discovery-off"
    assert network.searches == 0
    assert DvripSettings.model_fields["dvrip_discovery"].default == ""


async def test_nothing_is_sent_elsewhere(bench, network):
    here = f"127.0.0.1:{network.port}"
    await bench.connector(dvrip_discovery=f"{here}, 127.0.0.2:9", dvrip_discovery_listen="127.0.0.1:0")
    for address in (f"127.0.0.1:{network.port + 1}", "192.0.2.1", "a:b:c", "127.0.0.1:x"):
        with pytest.raises(BadRequest, match="address"):
            await search(bench, DiscoveryRunRequest(address=address, wait_s=0.1))
    assert network.searches == 0
    reply = await search(bench, DiscoveryRunRequest(address=here, wait_s=0.3))
    assert (reply.searched, len(reply.devices)) == ([here], 2)


async def test_every_replica_searches_its_own_network(bench, network, tmp_path):
    here = f"127.0.0.1:{network.port}"
    settings = {"dvrip_discovery": here, "dvrip_discovery_listen": "127.0.0.1:0"}
    await bench.connector("replica-1", **settings)
    await bench.connector("replica-2", **settings)
    replies = await bench.client.broadcast(RUN_DVRIP, QUICK, expected=2)
    assert sorted(reply.replica for reply in replies) == ["replica-1", "replica-2"]
    assert [len(reply.devices) for reply in replies] == [2, 2]


@pytest.mark.parametrize(
    ("field", "value"),
    [("dvrip_discovery", "host:port"), ("dvrip_discovery", "::1"), ("dvrip_discovery_listen", "")],
)
def test_settings_that_can_not_work_are_refused(field, value):
    with pytest.raises(ValueError, match="wanted HOST"):
        DvripSettings(**{field: value})


# --- another address ----------------------------------------------------------------------------------------


def change(recorder, **fields):
    values = {
        "mac": recorder.device.identity.mac.upper(),
        "host": "127.0.0.3",
        "netmask": "255.0.0.0",
        "gateway": "127.0.0.1",
        "username": USER,
        "password": PASSWORD,
        "confirm": True,
    }
    return DiscoveryAddressRequest(**{**values, **fields})


@pytest.fixture
def searcher(network):
    return NetworkSearch("r", [("127.0.0.1", network.port)], ("127.0.0.1", 0), dict, look_s=0.3)


async def test_a_device_gets_another_address_and_is_found_there(network, searcher):
    first, second = network.recorders
    reply = await searcher.set_address(None, change(second))
    assert (reply.found, reply.accepted, reply.seen) == (True, True, True)
    assert second.host == "127.0.0.3"
    assert first.host == "127.0.0.1"
    assert second.device.address() == ("127.0.0.3", second.port)


async def test_a_wrong_password_and_an_unknown_device_change_nothing(network, searcher):
    _, second = network.recorders
    with pytest.raises(Unauthorized) as refused:
        await searcher.set_address(None, change(second, password="wrong"))
    assert refused.value.reason == "wrong-password"
    assert "wrong" not in str(refused.value).replace("wrong-password", "").replace("wrong password", "")
    reply = await searcher.set_address(None, change(second, mac="ff:ff:ff:ff:ff:ff"))
    assert (reply.found, reply.accepted) == (False, False)
    assert second.host == "127.0.0.1"


async def test_addresses_are_set_only_with_a_confirm_and_where_searches_are_allowed(bench, network):
    _, second = network.recorders
    body = change(second).model_dump(mode="json") | {"password": PASSWORD}
    await bench.connector()
    with pytest.raises(Unsupported, match="CAMBUS_DVRIP_DISCOVERY"):
        await bench.client.broadcast(ADDRESS_SET_DVRIP, change(second), expected=1)
    for bad in ({"confirm": False}, {"host": "127.0.0"}, {"host": "1.2.3.400"}):
        reply = await bench.bus.request(
            ADDRESS_SET_DVRIP.subject(), json.dumps({**body, **bad}).encode(), timeout_s=5
        )
        assert reply.headers["Nats-Service-Error-Code"] == "400"
    assert network.searches == 0
