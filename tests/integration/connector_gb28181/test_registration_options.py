"""How a device is let in, and written to, by the options of its record (GB-039, GB-040, GB-056, GB-058, GB-067)."""

import itertools
from types import SimpleNamespace

import pytest
from gb28181_by_hand import hand_device

from cambus.gb28181.manscdp.envelope import Envelope
from cambus.sip.digest import Algorithm, Challenge, answer

PASSWORD = "c4nary-passw0rd"
SERVER = "34020000002000000001"
ELSEWHERE = f"sip:{SERVER}@127.0.0.1:5999"
_codes = itertools.count(900_001)


@pytest.fixture
def code():
    """The code of a device no other test has."""
    return f"34020000001320{next(_codes):06d}"


def by_hand(bench, code, **options):
    """A device nobody moves; it does not register by itself."""
    (connector,) = bench.connectors.values()
    return hand_device(
        SimpleNamespace(gb=connector.service.signalling.platform), code, register=False, **options
    )


def contact(device):
    return f"Contact: <sip:{device.code}@{device.address[0]}:{device.address[1]}>"


async def challenged(device):
    """What a device that proves nothing is told: the response, and the challenges in it."""
    response = await device.ask("REGISTER", headers=[contact(device), "Expires: 3600"], to_self=True)
    return response, [Challenge.parse(each) for each in response.headers.all("WWW-Authenticate")]


@pytest.mark.parametrize("no_qop", [True, False])
async def test_qop_is_offered_unless_the_record_says_no(bench, gate, code, no_qop):
    await bench.connector()
    await bench.add(gate, code, options={"no_qop": no_qop})
    async with by_hand(bench, code) as device:
        response, _ = await challenged(device)
        assert response.status == 401
        assert ("qop" in response.headers.get("WWW-Authenticate")) is not no_qop
        assert (await device.register(password=PASSWORD)).status == 200


@pytest.mark.parametrize("told", [True, False])
async def test_the_time_is_told_unless_the_record_says_no(bench, gate, code, told):
    await bench.connector()
    await bench.add(gate, code, options={"date_header": told})
    async with by_hand(bench, code) as device:
        registered = await device.register(password=PASSWORD)
        assert (registered.status, registered.headers.get("Date") is not None) == (200, told)


async def test_a_device_is_offered_the_algorithms_of_its_record(bench, gate, code):
    await bench.connector()
    await bench.add(gate, code, options={"algorithms": ["SHA-256", "MD5"]})
    async with by_hand(bench, code) as device:
        _, challenges = await challenged(device)
        assert [each.algorithm for each in challenges] == [Algorithm.SHA256, Algorithm.MD5]
        given = answer(challenges[0], code, PASSWORD, "REGISTER", f"sip:{SERVER}@3402000000")
        headers = [contact(device), "Expires: 3600", f"Authorization: {given}"]
        assert (await device.ask("REGISTER", headers=headers, to_self=True)).status == 200


@pytest.mark.parametrize("is_open", [True, False])
async def test_without_a_password_a_device_is_let_in_only_where_its_record_is_open(
    bench, gate, code, is_open
):
    await bench.connector()
    await bench.add(gate, code, password="", options={"open": is_open})
    async with by_hand(bench, code) as device:
        assert (await device.register(password="")).status == (200 if is_open else 403)


@pytest.mark.parametrize(
    ("announced", "options", "declared"),
    [
        ("2.0", {}, b'encoding="GB2312"'),
        ("3.0", {}, b'encoding="GB18030"'),
        ("2.0", {"version": "3.0"}, b'encoding="GB18030"'),
        ("3.0", {"version": "2.0"}, b'encoding="GB2312"'),
        ("2.0", {"charset": "UTF-8"}, b'encoding="UTF-8"'),
    ],
)
async def test_a_device_is_written_to_as_its_edition_or_its_record_says(
    bench, gate, code, announced, options, declared
):
    await bench.connector()
    await bench.add(gate, code, options=options)
    async with by_hand(bench, code) as device:
        registered = await device.register(password=PASSWORD, headers=[f"X-GB-Ver: {announced}"])
        assert registered.status == 200
        asked = await device.request()
        device.answer(asked)
        assert declared in asked.body
        assert Envelope.parse(asked.body).command in {"DeviceInfo", "Catalog"}


async def test_a_connector_that_redirects_says_where_to_go_and_serves_nobody(bench, gate, code):
    await bench.connector(gb28181_redirect=ELSEWHERE)
    await bench.add(gate, code)
    async with by_hand(bench, code) as device:
        assert (await device.register(password="wrong")).status == 403
        sent = await device.register(password=PASSWORD)
        assert (sent.status, sent.headers.get("Contact")) == (302, f"<{ELSEWHERE}>")
        assert int(sent.headers.get("Expires")) > 0
        assert await device.keepalive() == 403
