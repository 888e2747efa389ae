"""Links to upper platforms, written and looked at."""

import json

import pytest

from cambus.bus.endpoints import Endpoints
from cambus.client.kv import KeyValue
from cambus.connector_gb28181.cascade.commands import CascadeCommands
from cambus.schemas import keys
from cambus.schemas.assets import KV_POLICIES
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.state.cascade import CascadeLink, CascadeStatus
from cambus.schemas.state.presence import Presence

OURS, UPPER = "34020000002000000002", "34010000002000000001"


@pytest.fixture(autouse=True)
async def service(bus):
    """What answers the commands."""
    endpoints = Endpoints(bus, "connector-gb28181")
    CascadeCommands(bus).register(endpoints)
    await endpoints.start()
    yield
    await endpoints.drain(1.0)


def link(unique, **fields):
    return {
        "id": unique,
        "code": OURS,
        "server_code": UPPER,
        "server_address": "192.0.2.9:5060",
        "shares": [{"devices": [f"cam-{unique}"]}],
        **fields,
    }


async def test_a_link_is_put_listed_shown_and_deleted(cambusctl, bus, unique, tmp_path):
    file = tmp_path / "link.json"
    file.write_text(json.dumps({"links": [link(unique)]}))
    assert (await cambusctl("cascade", "put", "-f", str(file))).out == f"put {unique}\n"
    stored = await KeyValue(bus, KV_POLICIES, CascadeLink).get(keys.cascade_link(unique))
    assert stored.value.server_code == UPPER
    listed = await cambusctl("cascade", "list")
    assert (listed.code, unique in listed.out, "never held" in listed.out) == (0, True, True)
    status = CascadeStatus(link=unique, registered=True, since="2026-02-01T12:00:00Z", nodes=2)
    await KeyValue(bus, KV_POLICIES, CascadeStatus).put(keys.cascade_status(unique), status)
    assert (await cambusctl("cascade", "list", "--json")).document[0]["status"]["registered"] is True
    presence = Presence(
        device=f"cam-{unique}",
        online=True,
        since="2026-02-01T12:00:00Z",
        channels=[ChannelInfo(channel=0, name="Gate & yard")],
        channels_total=1,
    )
    await KeyValue(bus, "cambus-presence", Presence).put(presence.device, presence)
    shown = (await cambusctl("cascade", "show", unique, "--json")).document
    assert shown["total"] == 2
    assert [node["name"] for node in shown["nodes"]] == ["Cambus", "Gate & yard"]
    assert shown["nodes"][1]["parents"] == [OURS]
    assert "Gate & yard" in (await cambusctl("cascade", "show", unique)).out
    assert (await cambusctl("cascade", "delete", unique)).code == 2  # nobody said yes
    assert (await cambusctl("cascade", "delete", unique, "--yes")).out == f"deleted {unique}\n"
    assert (await cambusctl("cascade", "show", unique)).code == 3
    assert (await cambusctl("cascade", "delete", unique, "--yes")).code == 3


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"code": "12"}, "code"),
        ({"shares": [{"devices": ["*"], "code": OURS}]}, "shares[0].code"),
        ({"shares": [{"group": "nowhere"}]}, "there is no group nowhere"),
        ({"groups": [{"id": "a", "name": "A", "parent": "a"}]}, "groups[0].parent"),
        ({"server_address": "somewhere"}, "server_address"),
        ({"server_address": "somewhere:99999"}, "HOST:PORT"),
        ({"pasword": "x"}, "no field pasword"),
    ],
)
async def test_a_link_that_could_not_work_is_refused(cambusctl, unique, tmp_path, fields, told):
    file = tmp_path / "link.json"
    file.write_text(json.dumps(link(unique, **fields)))
    ran = await cambusctl("cascade", "put", "-f", str(file))
    assert ran.code in {2, 3}  # by the command itself, or by who was asked
    assert told in ran.err
    assert (await cambusctl("cascade", "list", "--json")).document == []
