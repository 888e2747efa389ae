"""Upgrades of the simulated recorder: done, failed, and with its configuration."""

import asyncio
import hashlib

import pytest
from recorder_tour import PATIENT_S, upgrade_package

from cambus.dvrip.client import DvripClient
from cambus.dvrip.errors import (
    TransportError,
)
from cambus.dvrip.operations.upgrade import UpgradeError, UpgradePhase


async def test_configuration_in_roots_and_silent_roots(recorder, opened):
    client = await opened.open(config_root=0.3)
    whole = await client.config.get("Detect.MotionDetect")
    recorder.quirks.config_607 = {"Detect.MotionDetect"}
    assert await client.config.get("Detect.MotionDetect") == whole
    recorder.quirks.config_silent = {"Detect"}
    assert await client.config.get("Detect.MotionDetect") == whole
    assert client.is_online


async def test_an_upgrade_arrives_bit_exact_and_the_device_comes_back_new(recorder, opened):
    client = await opened.open()
    before = await client.system.info()
    from_info = await client.upgrades.info()
    assert from_info.hardware
    image = upgrade_package(from_info)
    seen = []
    async with asyncio.timeout(PATIENT_S):
        await client.upgrades.run(image, confirm=True, on_progress=seen.append)
        await client.wait_closed()
    assert recorder.images[-1].sha256 == hashlib.sha256(image).hexdigest()
    assert seen[-1].percent == 100

    again = await come_back(opened)
    assert (await again.system.info()).software_version != before.software_version


async def come_back(opened) -> DvripClient:
    """A session with a device that is restarting."""
    async with asyncio.timeout(PATIENT_S):
        while True:
            try:
                return await opened.open()
            except TransportError:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("quirk", "phase", "is_unknown"),
    [
        ({"upgrade_start_code": 511}, UpgradePhase.STARTING, False),
        ({"upgrade_start_code": 107}, UpgradePhase.STARTING, False),
        ({"upgrade_bad_packet": 2}, UpgradePhase.SENDING, False),
        ({"upgrade_silent_packet": 2}, UpgradePhase.SENDING, False),
        ({"upgrade_reboot_packet": 2}, UpgradePhase.SENDING, False),
        ({"upgrade_close_after_end": True}, UpgradePhase.WRITING, True),
        ({"upgrade_stall_at": 20}, UpgradePhase.WRITING, True),
        ({"upgrade_reboot_at": 95}, UpgradePhase.WRITING, True),
        ({"upgrade_result": 514}, UpgradePhase.WRITING, False),
        ({"upgrade_result": 512}, UpgradePhase.WRITING, False),
    ],
    ids=str,
)
async def test_upgrades_that_fail_say_where_and_whether_it_is_known(
    recorder, opened, quirk, phase, is_unknown
):
    recorder.quirks.update(quirk)
    client = await opened.open(upgrade_ack=0.5, upgrade_progress=1.5)
    image = upgrade_package(await client.upgrades.info())
    async with asyncio.timeout(PATIENT_S):
        with pytest.raises(UpgradeError) as caught:
            await client.upgrades.run(image, confirm=True)
    assert (caught.value.phase, caught.value.is_unknown) == (phase, is_unknown)
