"""Everything a platform may ask a device, and every make."""

import asyncio

import pytest

PROFILES = ("dahua_ipc", "hik_nvr", "std_2022")


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize("profile", PROFILES)
async def test_a_device_registers_and_says_what_it_is(rig, profile, tcp):
    sim = await rig.device(profile=profile, tcp=tcp, channels=2)
    info = await rig.remote(sim).info()
    assert (info.manufacturer, info.firmware) == (sim.profile.manufacturer, sim.profile.firmware)
    assert (info.channels, info.ok) == (2, True)
    status = await rig.remote(sim).status()
    assert (status.online, status.ok) == ("ONLINE", True)
    assert [each.duty for each in status.alarms] == ["OFFDUTY"]


@pytest.mark.parametrize("profile", PROFILES)
async def test_a_catalog_comes_whole(rig, profile):
    sim = await rig.device(profile=profile, channels=9)
    result = await rig.remote(sim).catalog(now=asyncio.get_running_loop().time)
    assert result.outcome.value == "complete"
    assert list(result.items) == [each.code for each in sim.device.catalog()]
    assert result.items[sim.channels[4]].name == sim.device.cameras[sim.channels[4]].name
