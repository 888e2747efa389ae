"""Who is behind a command, and the way that is preferred, are told to devices that may be lower platforms (GB-251)."""

import contextlib
import logging

import pytest

from cambus.client.behalf import ON_BEHALF_OF, PREFERRED_PATH
from cambus.schemas.commands import live, ptz
from cambus.simulators.gb28181.quirks import Quirks

SERVER = "34020000002000000001"
CAMERA = "34020000001320000001"
BELOW = "34020000002000000077-34020000002000000078"
WHO = "34010000004000000007-gate-9"


@contextlib.contextmanager
def said(who=None, path=None):
    """What is said of the commands in this block."""
    tokens = (ON_BEHALF_OF, ON_BEHALF_OF.set(who)), (PREFERRED_PATH, PREFERRED_PATH.set(path))
    try:
        yield
    finally:
        for variable, token in tokens:
            variable.reset(token)


async def test_who_is_behind_a_command_is_told_with_us_as_a_gateway_and_audited(bench, device, caplog):
    caplog.set_level(logging.INFO, "cambus.audit")
    simulator = await bench.online(device)
    for who in (WHO, None):
        with said(who):
            await bench.client.call(ptz.STOP, ptz.PtzChannelRequest(channel=0), device=device)
    orders = [each.headers.get("Monitor-User-Identity") for each in simulator.heard("DeviceControl")]
    assert orders[-2:] == [f"{WHO}-{SERVER}", None]
    lines = [record for record in caplog.records if record.name == "cambus.audit"]
    assert [line.on_behalf_of for line in lines] == [WHO, ""]


async def test_the_rest_of_a_preferred_path_is_told_with_the_invitation(bench, device):
    simulator = await bench.online(device)
    with said(WHO, BELOW):
        watched = await bench.view(device)
    await watched.until(lambda frames: frames)
    (invite,) = simulator.heard("INVITE")
    assert invite.headers.get("X-PreferredPath") == f"{CAMERA}-{BELOW}"
    assert invite.headers.get("Monitor-User-Identity") == f"{WHO}-{SERVER}"


@pytest.mark.parametrize("path", [None, "", "x", "34020000002000000077-", "3402000000200000007;tag=1"])
async def test_what_is_no_path_is_not_told(bench, device, path):
    simulator = await bench.online(device)
    with said("a\tb" if path else None, path):
        watched = await bench.view(device)
    await watched.until(lambda frames: frames)
    (invite,) = simulator.heard("INVITE")
    assert invite.headers.get("X-PreferredPath") is None
    assert invite.headers.get("Monitor-User-Identity") == (f"ab-{SERVER}" if path else None)


@pytest.mark.parametrize(
    ("told", "route"), [("", ""), (f" {CAMERA}-{BELOW}", f"{CAMERA}-{BELOW}"), (f"{CAMERA}-<x>", "")]
)
async def test_the_way_a_stream_comes_by_is_in_the_answer_to_whoever_claims_it(bench, device, told, route):
    await bench.online(device, quirks=Quirks(route_path=told))
    for spec in (live.START, live.START, live.TOUCH):
        request = spec.request(channel=0, claimant="viewer")
        assert (await bench.client.call(spec, request, device=device)).route == route
