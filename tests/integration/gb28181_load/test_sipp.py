"""The platform against SIPp, a SIP stack that shares no line with ours (GB-030, GB-261).

SIPp is in the package `sip-tester` of Debian and Ubuntu; without it these tests are skipped.
"""

import asyncio
import contextlib
import shutil
from pathlib import Path

import pytest
from ports import free_port

from cambus.gb28181.accounts import Account
from cambus.gb28181.admission import AdmissionSettings
from cambus.gb28181.platform import Gb28181Platform
from cambus.gb28181.platform_settings import PlatformSettings
from cambus.gb28181.registrar import Online, RegistrarSettings
from cambus.simulators.gb28181.storm import numbered
from cambus.sip.peer import Peer

HERE = Path(__file__).parent
SIPP = shutil.which("sipp")
SERVER, DOMAIN, FIRST = "34020000002000000001", "3402000000", "34020000001320000001"
PASSWORD = "a-password-of-tests"
DEVICES, RATE = 2_000, 400
CALLS = 200

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(SIPP is None, reason="sipp is not installed (package sip-tester)"),
]


class AnyAccount:
    def account(self, code):
        return Account(code, PASSWORD)


@contextlib.asynccontextmanager
async def platform(events):
    settings = PlatformSettings(
        RegistrarSettings(DOMAIN, SERVER), DOMAIN, admission=AdmissionSettings(registers_per_s=10_000)
    )
    async with Gb28181Platform(settings, AnyAccount(), events.append) as made:
        yield made


@contextlib.asynccontextmanager
async def sipp(folder, *arguments):
    """SIPp at work; it is ended with the block."""
    process = await asyncio.create_subprocess_exec(
        SIPP,
        *arguments,
        "-nostdin",
        "-max_retrans",
        "20",
        cwd=folder,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_two_thousand_devices_of_another_make_register_and_say_that_they_are_there(tmp_path):
    codes = [numbered(FIRST, number) for number in range(DEVICES)]
    lines = [f"{code};[authentication username={code} password={PASSWORD}]\n" for code in codes]
    (tmp_path / "devices.csv").write_text("SEQUENTIAL\n" + "".join(lines))
    events = []
    async with platform(events) as made:
        arguments = ["-sf", str(HERE / "register.xml"), "-inf", "devices.csv", "-i", "127.0.0.1", "-t", "u1"]
        arguments += ["-r", str(RATE), "-m", str(DEVICES), "-l", str(DEVICES)]
        async with sipp(tmp_path, f"127.0.0.1:{made.port}", *arguments) as process:
            _, complaints = await asyncio.wait_for(process.communicate(), 300)
        assert process.returncode == 0, complaints.decode()[-2000:]
        assert [code for code in codes if not made.registrar.online(code)] == []
        assert sum(isinstance(event, Online) for event in events) == DEVICES
        assert made.counts.total() == 0
        assert made.registrar.counts.total() == 0


async def test_calls_are_answered_by_another_make_and_ended(tmp_path):
    port = free_port()
    async with platform([]) as made:
        peer = Peer("udp", "127.0.0.1", port)

        async def call(number):
            request = made.compose("INVITE", numbered(FIRST, number), peer, sequence=20)
            invitation = await made.endpoint.invite(request, peer, timeout_s=60.0)
            assert invitation.response.status == 200
            made.endpoint.acknowledge(invitation)
            ended = await made.endpoint.request(invitation.dialog.request("BYE"), peer, timeout_s=60.0)
            assert ended.status == 200

        arguments = ["-sf", str(HERE / "answer.xml"), "-i", "127.0.0.1", "-p", str(port), "-m", str(CALLS)]
        async with sipp(tmp_path, *arguments) as process:
            await asyncio.gather(*(call(number) for number in range(CALLS)))
            _, complaints = await asyncio.wait_for(process.communicate(), 120)
        assert process.returncode == 0, complaints.decode()[-2000:]
