"""cambusctl discover: what connectors found as a table, as JSON and as entries of a devices.yaml."""

from types import SimpleNamespace

import pytest

from cambus.cli.devices_file import load_devices
from cambus.schemas.commands.discovery import RUN_DVRIP, DiscoveryRunReply, FoundDevice
from cambus.schemas.errors import Unsupported

GATE = FoundDevice(
    protocol="dvrip",
    address="10.0.0.9:34567",
    mac="00:0b:3f:00:00:01",
    serial="3344230000",
    name="Ga\x1bte",
    version="V4.02",
    channels=4,
    known_as="gate-1",
)


@pytest.fixture
async def connector(service):
    """A connector that finds what the test says, and remembers what it was asked."""

    made = SimpleNamespace(found=[GATE], asked=[], off=False)

    async def run(_context, request):
        made.asked.append(request)
        if made.off:
            raise Unsupported("this connector may not search", reason="discovery-off")
        return DiscoveryRunReply(replica="c-0", searched=["10.0.0.255:34569"], devices=made.found)

    service.add(RUN_DVRIP, run)
    await service.start()
    return made


async def test_devices_that_were_found_are_a_table(cambusctl, connector):
    ran = await cambusctl("discover", "dvrip", "--address", "10.0.0.255", "--wait", "0.2")
    assert ran.code == 0
    for fact in ("10.0.0.9:34567", "00:0b:3f:00:00:01", "3344230000", "V4.02", "gate-1"):
        assert fact in ran.out
    assert "\x1b" not in ran.out
    assert [(asked.address, asked.wait_s) for asked in connector.asked] == [("10.0.0.255", 0.2)]


async def test_programs_get_everything_and_the_ids(cambusctl, connector):
    ran = await cambusctl("discover", "dvrip", "--wait", "0.2", "--json")
    (device,) = ran.document["devices"]
    assert (device["id"], device["address"]) == ("dvrip-000b3f000001", "10.0.0.9:34567")
    assert ran.document["searched"] == {"c-0": ["10.0.0.255:34569"]}


async def test_what_was_found_is_written_down_once(cambusctl, connector, tmp_path):
    file = tmp_path / "devices.yaml"
    first = await cambusctl("discover", "dvrip", "--wait", "0.2", "--write", str(file))
    assert "1 entry added" in first.out
    assert [entry.id for entry in load_devices(file)] == ["dvrip-000b3f000001"]
    again = await cambusctl("discover", "dvrip", "--wait", "0.2", "--write", str(file), "--json")
    assert (again.document["added"], again.document["kept"]) == ([], ["dvrip-000b3f000001"])


async def test_nobody_answering_is_said(cambusctl, connector):
    connector.found = []
    ran = await cambusctl("discover", "dvrip", "--wait", "0.2")
    assert (ran.code, "10.0.0.255" in ran.out) == (0, True)


async def test_a_connector_that_may_not_search_says_how_to_let_it(cambusctl, connector):
    connector.off = True
    ran = await cambusctl("discover", "dvrip", "--wait", "0.2")
    assert ran.code == 1
    assert "CAMBUS_DVRIP_DISCOVERY" in ran.err


async def test_protocols_without_a_search_and_connectors_that_do_not_run_are_told_apart(cambusctl):
    ran = await cambusctl("discover", "telepathy")
    assert (ran.code, "dvrip" in ran.err) == (2, True)
    ran = await cambusctl("discover", "dvrip", "--wait", "0.2")
    assert ran.code == 4
