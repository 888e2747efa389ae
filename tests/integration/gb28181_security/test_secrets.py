"""No password, proof or credential is found in a log, an event, an error or a count (GB-131, GB-273)."""

import asyncio
import base64
import logging
import re
import traceback

import pytest
from gb28181_by_hand import Platform, hand_device
from gb28181_rig import EPOCH, NVR, PASSWORD, Rig, Units

from cambus.gb28181.accounts import Account
from cambus.gb28181.errors import GbError
from cambus.gb28181.media_session import SessionOrder
from cambus.gb28181.sdp import Purpose
from cambus.simulators.gb28181.quirks import Quirks
from cambus.sip.errors import SipError

SDP_PASSWORD = "zzgd1234"  # what the simulated recorder puts into its answers
CANARY = "canary-in-a-body"
_PROOF = re.compile(r'(?:response|cnonce)="([^"]+)"')


class Everything(logging.Handler):
    """Keeps all that is logged, with tracebacks and extra fields, however little it matters."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.lines = []

    def emit(self, record):
        shown = {key: value for key, value in vars(record).items() if key != "args"}
        error = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        self.lines.append(f"{record.getMessage()} {shown!r} {error}")


@pytest.fixture
def logged():
    """What is logged at the finest level, also by asyncio in its debug mode."""
    handler, root = Everything(), logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler.lines
    root.removeHandler(handler)


def forms(secret):
    """How a secret may be shown: as it is, as hex, in Base64."""
    data = secret.encode()
    return {secret, data.hex(), base64.b64encode(data).decode().rstrip("=")}


def assert_hidden(secrets, shown):
    for secret in secrets:
        for form in forms(secret):
            found = [text for text in shown if form in text]
            assert not found, (secret, found[0][:400])


def proofs(*sims):
    """The responses of all digests that were sent."""
    return {
        found
        for sim in sims
        for message in sim.said("REGISTER")
        for found in _PROOF.findall(message.headers.get("Authorization") or "")
    }


async def failing(work):
    """The error of something that may fail, in all its forms."""
    try:
        await work
    except (GbError, SipError, TimeoutError) as error:
        return [str(error), repr(error), "".join(traceback.format_exception(error))]
    return []


async def test_a_day_in_the_life_of_devices_shows_no_secret(logged):
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    async with Rig() as rig:
        good = await rig.device(profile="dahua_ipc")
        nvr = await rig.device(code=NVR, profile="hik_nvr", channels=2)
        liar = await rig.device(
            code="34020000001320000009", online=False, quirks=Quirks(credentials="wrong"), retry_s=60.0
        )
        await rig.until(lambda: rig.platform.registrar.counts["wrong-password"])
        errors = []
        order = SessionOrder(nvr.channels[0], Purpose.PLAYBACK, transport="udp", start=EPOCH, end=EPOCH + 12)
        units = Units()
        session = await rig.sessions.open(nvr.code, order, units.take)
        await units.until(lambda: units.pictures)
        answers = nvr.said("200 INVITE")
        assert SDP_PASSWORD.encode() in answers[0].body
        shown = [repr(session), repr(session.answer), str(session.answer)]
        await session.close()
        for sim in (good, nvr):
            remote = rig.remote(sim)
            shown.append(repr(await remote.info()))
            shown.append(repr(await remote.catalog(now=loop.time)))
        errors += await failing(rig.remote(liar).info())
        nvr.quirks.drop = {"DeviceInfo", "200 MESSAGE"}
        errors += await failing(rig.remote(nvr).info())
        nvr.quirks.corrupt = {"200 INVITE"}
        errors += await failing(rig.sessions.open(nvr.code, order, units.take))
        bindings = [rig.platform.registrar.binding(each.code) for each in (good, nvr)]
        counts = [rig.platform.counts, rig.platform.registrar.counts, rig.platform.endpoint.counts]
        shown += [repr(each) for each in (*rig.events, *bindings, *counts, rig.platform.settings)]
        shown += [repr(each.to_json()) for each in bindings]
        shown += [repr(each.message) for sim in (good, nvr, liar) for each in sim.messages]
        digests = proofs(good, nvr, liar)
    assert len(digests) >= 3
    assert logged
    assert_hidden({PASSWORD, SDP_PASSWORD, *digests}, [*logged, *errors, *shown])


async def test_broken_messages_show_no_secret_either(logged):
    async with Platform() as platform, hand_device(platform) as device:
        password = f"<Password>{CANARY}</Password>"
        for body in (
            f"<Response><CmdType>Catalog</CmdType><DeviceList><Item>{password}</Item></DeviceList></Response>",
            f"<Response><CmdType>DeviceInfo</CmdType><SN>x</SN><LoginName>{CANARY}</LoginName>{password}</Response>",
            f"<Notify>{password}",
            f"there is no XML here, and nobody knows where it went {CANARY}",
            f"<!DOCTYPE {CANARY}><Notify>{password}</Notify>",
        ):
            await device.tell(body.encode())
        for line in (
            f'Authorization Digest username="1", response="{CANARY}"',
            f'Authorization: Digest username="1", realm="{CANARY}", nonce="{CANARY}", uri="", response="{CANARY}"',
            f"Authorization: Basic {CANARY}",
        ):
            await device.ask("REGISTER", headers=[line], to_self=True)
        shown = [repr(each) for each in (*platform.events, platform.gb.counts, platform.gb.registrar.counts)]
    assert logged
    assert_hidden({CANARY}, [*logged, *shown])


def test_accounts_do_not_show_their_password():
    assert_hidden({CANARY}, [repr(Account("1", CANARY)), str(Account("1", CANARY))])
