"""The upgrade manager and recorders that do what recorders do: every device is accounted for, and written once."""

import hashlib
from contextlib import AsyncExitStack

import pytest
from upgrade_rig import running_manager

from cambus.client.objects import ObjectStore
from cambus.dvrip.ids import MessageId
from cambus.schemas.assets import OBJECTS_FIRMWARE
from cambus.schemas.commands import upgrade_manager as commands
from cambus.schemas.state.upgrades import FirmwareRef
from cambus.simulators.dvrip import DvripSimulator

IMAGE = bytes(range(256)) * 300
SLOW = {int(MessageId.UPGRADE_DATA): 0.05}
FATES = [
    ({}, "succeeded", "", 1, 1),
    ({"upgrade_bad_packet": 2}, "failed", "data-error", 1, 0),
    ({"upgrade_version": "old"}, "unchanged", "same-version", 1, 1),
    ({"upgrade_reboot_at": 50, "upgrade_version": "old"}, "unchanged", "same-version", 1, 1),  # power loss
    ({"upgrade_reboot_packet": 2}, "failed", "connection-lost", 2, 0),  # and once more
    ({"never_returns": True}, "not-back", "not-back", 1, 1),
    ({"upgrade_result": 514}, "failed", "device-failed", 1, 1),
    ({"upgrade_close_after_end": True}, "succeeded", "", 1, 1),
]
"""What a recorder does, what is to be told of it, how often it is to be begun, and images it is to get."""


@pytest.fixture
def patience_s():
    return 1200


@pytest.fixture
async def recorders(bench):
    """Starts recorders; the function returns them by name."""
    async with AsyncExitStack() as stack:

        async def start(prefix, quirks, **options):
            found = {}
            for number, each in enumerate(quirks):
                made = DvripSimulator(user="admin", password="c4nary-passw0rd", channels=1, index=number)
                simulator = await stack.enter_async_context(made)
                simulator.update_quirks({"reboot_s": 0.1, **each})
                simulator.device.booted_at -= 86400
                name = f"{prefix}-{number}"
                await bench.online(name, simulator, options=options)
                found[name] = simulator
            return found

        yield start


@pytest.fixture
async def order(bench, unique):
    """Orders a campaign; returns its name."""

    async def start(devices, **fields):
        await ObjectStore(bench.bus, OBJECTS_FIRMWARE).put(f"{unique}.bin", IMAGE)
        request = commands.CampaignStartRequest(
            firmware=FirmwareRef(object=f"{unique}.bin"), devices=list(devices), confirm=True, **fields
        )
        return (await bench.client.call(commands.UPGRADE_START, request)).campaign

    return start


@pytest.fixture
def over(bench, eventually):
    """Waits for the end of a campaign; each device's part."""

    async def wait(campaign, within_s=80):
        request = commands.CampaignStatusRequest(campaign=campaign)
        status = None

        async def is_over():
            nonlocal status
            (status,) = (await bench.client.call(commands.UPGRADE_STATUS, request)).campaigns
            return status.campaign.finished_at is not None

        await eventually(is_over, within_s=within_s)
        return {attempt.device: attempt for attempt in status.attempts}

    return wait


@pytest.mark.parametrize("times", [1, pytest.param(13, marks=pytest.mark.slow)], ids=["a-few", "a-hundred"])
async def test_every_device_of_a_fleet_in_which_much_goes_wrong_is_accounted_for(
    bench, recorders, order, over, unique, times
):
    fates = FATES * times
    fleet = await recorders(f"cam-{unique}", [fate[0] for fate in fates], upgrade_return_s=10.0)
    versions = {name: simulator.firmware for name, simulator in fleet.items()}
    async with running_manager(bench.nats.url):
        campaign = await order(fleet, concurrency=8, retries=1, retry_delay_s=0)
        attempts = await over(campaign, within_s=80 * times)
    for (name, simulator), (_, state, reason, starts, images) in zip(fleet.items(), fates, strict=True):
        attempt = attempts[name]
        assert (attempt.state, attempt.reason) == (state, reason), name
        assert simulator.device.upgrade.starts == starts, name
        assert [each.sha256 for each in simulator.images] == [hashlib.sha256(IMAGE).hexdigest()] * images, (
            name
        )
        assert (simulator.firmware != versions[name]) is (state in {"succeeded", "not-back"}), name


async def test_a_replica_killed_in_a_transfer_leaves_the_device_to_another_that_sends_nothing(
    bench, recorders, order, over, unique
):
    """Whether the image was written only its version could tell; so nobody sends it again, not even where allowed."""
    await bench.connector("replica-1", lease_ttl_s=3.0, lease_margin_s=0.5)
    fleet = await recorders(f"cam-{unique}", [{"delay_s": SLOW}])
    ((name, simulator),) = fleet.items()
    await bench.connector("replica-2", lease_ttl_s=3.0, lease_margin_s=0.5)
    async with running_manager(bench.nats.url, silence_s=0.5, settle_s=1.0):
        campaign = await order(fleet, retries=3, retry_delay_s=0)
        await simulator.wait_for(lambda: simulator.device.upgrade.received_bytes > 0)
        before = await bench.shown(name)
        holder = before.replica
        await bench.connectors[holder].crash()
        simulator.drop()  # a process that is killed takes its connections with it
        after = await bench.shown(name, lambda presence: presence.online and presence.replica != holder)
        assert after.epoch > before.epoch
        attempt = (await over(campaign))[name]
    assert (attempt.state, attempt.reason, attempt.tries) == ("failed", "interrupted", 0)
    assert (simulator.device.upgrade.starts, simulator.images) == (1, [])
