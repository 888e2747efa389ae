"""The upgrade manager brings firmware to a GB/T 28181 device as to any other."""

import hashlib
import os

import pytest
from upgrade_rig import running_manager

from cambus.client.objects import ObjectStore
from cambus.connector_gb28181 import upgrade_run
from cambus.schemas.assets import OBJECTS_FIRMWARE
from cambus.schemas.commands import upgrade_manager as commands
from cambus.schemas.state.upgrades import CampaignState, FirmwareRef
from cambus.simulators.gb28181.quirks import Quirks

IMAGE = os.urandom(500_003)
NEW = "V9.9"
CODES = tuple(f"3402000000132000000{number}" for number in range(1, 4))


@pytest.fixture
async def manager(bench):
    async with running_manager(bench.nats.url) as running:
        yield running


async def campaign(bench, heard, gates):
    """Order a campaign over devices, wait until each has told its end, and return what became of each."""
    await ObjectStore(bench.bus, OBJECTS_FIRMWARE).put("std/next.bin", IMAGE)
    request = commands.CampaignStartRequest(
        firmware=FirmwareRef(object="std/next.bin", version=NEW), devices=gates, confirm=True
    )
    name = (await bench.client.call(commands.UPGRADE_START, request)).campaign
    for each in heard:
        await each.until("upgrade.finished")
    while True:
        request = commands.CampaignStatusRequest(campaign=name)
        (status,) = (await bench.client.call(commands.UPGRADE_STATUS, request)).campaigns
        if status.campaign.state is not CampaignState.RUNNING:
            return {attempt.device: attempt for attempt in status.attempts}


async def test_a_campaign_brings_one_device_after_the_other_to_the_new_version(
    bench, manager, unique, monkeypatch
):
    monkeypatch.setattr(upgrade_run, "LOOK_S", 0.2)
    gates = [f"gate-{unique}-{number}" for number in range(3)]
    quirks = (Quirks(), Quirks(upgrade="silent"), Quirks(upgrade="02"))
    simulators = [
        await bench.online(gate, code, profile="std_2022", quirks=quirk)
        for gate, code, quirk in zip(gates, CODES, quirks, strict=True)
    ]
    heard = [await bench.heard(gate) for gate in gates]
    attempts = await campaign(bench, heard, gates)
    assert [attempts[gate].state for gate in gates] == ["succeeded", "succeeded", "failed"]
    assert [attempts[gate].version_after for gate in gates[:2]] == [NEW, NEW]
    assert (attempts[gates[2]].reason, attempts[gates[2]].device_code) == ("bad-package", "02")
    once = [(len(IMAGE), hashlib.sha256(IMAGE).hexdigest())]
    assert [simulator.fetched for simulator in simulators] == [once, once, once]
    for gate in gates[:2]:
        await bench.shown(gate, lambda presence: presence.online and presence.software_version == NEW)
