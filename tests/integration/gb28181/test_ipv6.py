"""Devices on IPv6: registered, commanded and watched there (GB-027)."""

import pytest
from gb28181_rig import DEVICE, DOMAIN, PASSWORD, SERVER, SMALL, TIMES, AnyAccount, Units

from cambus.gb28181.media_session import MediaSessions, MediaSettings, SessionOrder
from cambus.gb28181.platform import Gb28181Platform
from cambus.gb28181.platform_settings import PlatformSettings
from cambus.gb28181.registrar import RegistrarSettings
from cambus.simulators.gb28181.simulator import Gb28181Simulator

US = "::1"


@pytest.fixture
async def platform():
    settings = PlatformSettings(RegistrarSettings(DOMAIN, SERVER), DOMAIN, host=US, times=TIMES)
    async with Gb28181Platform(settings, AnyAccount(), lambda _: None) as made:
        yield made


@pytest.fixture
async def sessions(platform):
    made = MediaSessions(platform, MediaSettings(host=US, advertised=US, allow_loopback=True))
    yield made
    await made.close()


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize("transport", ["udp", "tcp-passive", "tcp-active"])
async def test_a_device_is_watched_over_ipv6(platform, sessions, transport, tcp):
    sim = Gb28181Simulator(
        server=(US, platform.port),
        server_code=SERVER,
        code=DEVICE,
        password=PASSWORD,
        media=SMALL,
        seed=1,
        host=US,
        tcp=tcp,
    )
    async with sim:
        await sim.wait_for(lambda: sim.registered)
        assert (await platform.device(DEVICE).info()).ok
        units = Units()
        session = await sessions.open(
            DEVICE, SessionOrder(channel=sim.channels[0], transport=transport), units.take
        )
        await units.until(lambda: len(units.pictures) > 3)
        (invite,) = sim.heard("INVITE")
        assert b"c=IN IP6 ::1\r\n" in invite.body
        assert b"IP4" not in invite.body
        assert f"@[{US}]:{platform.port}>" in invite.headers.get("Contact")
        (answer,) = sim.said("200 INVITE")
        assert b"IN IP6 ::1" in answer.body
        await session.close()
