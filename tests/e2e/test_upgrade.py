"""Firmware: sent once and bit by bit, with progress, and never a second time whoever is killed."""

import hashlib
import itertools
import os
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import pytest_asyncio
from documented import ROOT, mentioned
from suite import recorder_device, running_suite, until

from cambus.client.objects import ObjectStore
from cambus.dvrip.ids import MessageId
from cambus.schemas.assets import OBJECTS_FIRMWARE
from cambus.schemas.commands import device as device_commands
from cambus.schemas.commands import upgrade_manager
from cambus.schemas.events import device as device_events
from cambus.schemas.events import upgrade as upgrade_events
from cambus.schemas.model import Empty
from cambus.schemas.state.upgrades import CampaignState, FirmwareRef, UpgradeAttempt
from cambus.schemas.upgrades import UpgradeState
from cambus.simulators.dvrip.quirks import Quirks

pytestmark = pytest.mark.asyncio(loop_scope="module")

IMAGE = os.urandom(1_000_003)
SHA256 = hashlib.sha256(IMAGE).hexdigest()
OBJECT = "simulated/next.bin"
SLOW = {int(MessageId.UPGRADE_DATA): 0.03}
"""Seconds before each piece is acknowledged: 62 pieces take about two."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(folder):
    async with running_suite(folder, "connector-dvrip", "upgrade-manager") as running:
        stored = await ObjectStore(running.bus, OBJECTS_FIRMWARE).put(OBJECT, IMAGE)
        assert stored.sha256 == SHA256
        yield running


@asynccontextmanager
async def recorder(suite, name, *, identity=None, tags=(), **quirks):
    """A recorder on the bus that behaves like that."""
    async with recorder_device(channels=1, quirks=Quirks(**quirks)) as simulator:
        for what, said in (identity or {}).items():
            setattr(simulator.device.identity, what, said)
        await suite.add(name, simulator.port, tags=list(tags))
        await suite.online(name)
        yield simulator
        await suite.remove(name)
        await suite.events.find(device_events.OFFLINE, name, lambda event: event.reason != "rebooting")


async def order(suite, *devices, **options) -> str:
    """Order a campaign; its name."""
    request = upgrade_manager.CampaignStartRequest(
        firmware=FirmwareRef(object=OBJECT), devices=list(devices), confirm=True, **options
    )
    return (await suite.client.call(upgrade_manager.UPGRADE_START, request)).campaign


async def over(suite, campaign) -> dict[str, UpgradeAttempt]:
    """Wait for the end of a campaign; each device's part."""
    status = None

    async def finished() -> bool:
        nonlocal status
        request = upgrade_manager.CampaignStatusRequest(campaign=campaign)
        (status,) = (await suite.client.call(upgrade_manager.UPGRADE_STATUS, request)).campaigns
        return status.campaign.state is not CampaignState.RUNNING

    await until(finished, within_s=60, what=f"the end of {status}")
    assert status is not None
    return {attempt.device: attempt for attempt in status.attempts}


def sent(simulator) -> tuple[int, list[tuple[str, int]]]:
    """How many upgrades the device began, and the images that arrived whole."""
    return simulator.device.upgrade.starts, [(image.sha256, image.size_bytes) for image in simulator.images]


async def takes_commands(suite, name) -> bool:
    await suite.online(name)
    info = await suite.client.call(device_commands.INFO, Empty(), device=name)
    return bool(info.serial)


async def test_two_recorders_come_back_with_the_new_version(suite):
    async with recorder(suite, "upgrade-a") as first, recorder(suite, "upgrade-b") as second:
        before = first.firmware
        attempts = await over(suite, await order(suite, "upgrade-a", "upgrade-b", concurrency=2))
        for name, simulator in (("upgrade-a", first), ("upgrade-b", second)):
            attempt = attempts[name]
            assert (attempt.state, attempt.image_sent, attempt.percent) == (
                UpgradeState.SUCCEEDED,
                True,
                100.0,
            )
            assert (attempt.version_before, attempt.version_after) == (before, simulator.firmware)
            assert simulator.firmware != before
            assert sent(simulator) == (1, [(SHA256, len(IMAGE))])
            assert (await suite.online(name)).software_version == simulator.firmware
            assert_progress(suite, name)


def assert_progress(suite, name) -> None:
    """The events tell every state in order, and percents that never fall within one."""
    steps = suite.events.of(upgrade_events.PROGRESSED, name)
    states = [state for state, _ in itertools.groupby(step.state for step in steps)]
    assert states == [
        UpgradeState.PREPARING,
        UpgradeState.TRANSFERRING,
        UpgradeState.FLASHING,
        UpgradeState.REBOOTING,
        UpgradeState.VERIFYING,
    ]
    for _, group in itertools.groupby(steps, key=lambda step: step.state):
        percents = [step.percent or 0.0 for step in group]
        assert percents == sorted(percents)
    assert len([step for step in steps if step.state is UpgradeState.TRANSFERRING]) > 5
    (end,) = suite.events.of(upgrade_events.FINISHED, name)
    assert (end.state, end.image_sent) == (UpgradeState.SUCCEEDED, True)


@pytest.mark.parametrize(
    ("name", "quirks", "reason", "image_sent"),
    [
        ("refuses-511", {"upgrade_start_code": 511}, "already-upgrading", False),
        ("refuses-513", {"upgrade_bad_packet": 3}, "data-error", False),
        ("fails-514", {"upgrade_result": 514}, "device-failed", True),
    ],
)
async def test_a_device_that_refuses_ends_the_upgrade_cleanly(suite, name, quirks, reason, image_sent):
    async with recorder(suite, name, **quirks) as simulator:
        before = simulator.firmware
        attempt = (await over(suite, await order(suite, name)))[name]
        assert (attempt.state, attempt.reason) == (UpgradeState.FAILED, reason)
        assert attempt.image_sent is image_sent
        assert len(simulator.images) == image_sent
        assert simulator.firmware == before
        assert await takes_commands(suite, name)


async def test_a_connection_lost_in_the_data_ends_the_upgrade_cleanly(suite):
    async with recorder(suite, "drops", delay_s=SLOW) as simulator:
        campaign = await order(suite, "drops")
        await simulator.wait_for(lambda: simulator.device.upgrade.received_bytes > 100_000)
        simulator.drop()
        attempt = (await over(suite, campaign))["drops"]
        assert (attempt.state, attempt.reason) == (UpgradeState.FAILED, "connection-lost")
        assert not attempt.image_sent
        assert sent(simulator) == (1, [])
        assert await takes_commands(suite, "drops")


async def test_a_killed_manager_goes_on_and_sends_nothing_twice(suite):
    async with recorder(suite, "manager-killed", delay_s=SLOW) as simulator:
        campaign = await order(suite, "manager-killed")
        await simulator.wait_for(lambda: simulator.device.upgrade.received_bytes > 100_000)
        killed = suite.kill("upgrade-manager")
        assert simulator.device.upgrade.received_bytes < len(IMAGE)
        await suite.back("upgrade-manager", killed)
        attempt = (await over(suite, campaign))["manager-killed"]
        assert attempt.state is UpgradeState.SUCCEEDED
        assert attempt.version_after == simulator.firmware
        assert sent(simulator) == (1, [(SHA256, len(IMAGE))])


async def test_a_killed_connector_does_not_send_the_image_again(suite):
    async with recorder(suite, "connector-killed", delay_s=SLOW) as simulator:
        campaign = await order(suite, "connector-killed")
        await simulator.wait_for(lambda: simulator.device.upgrade.received_bytes > 100_000)
        killed = suite.kill("connector-dvrip")
        attempt = (await over(suite, campaign))["connector-killed"]
        await suite.back("connector-dvrip", killed)
        assert (attempt.state, attempt.reason) == (UpgradeState.FAILED, "interrupted")
        assert not attempt.image_sent
        assert sent(simulator) == (1, [])
        assert await takes_commands(suite, "connector-killed")
        simulator.quirks.delay_s = {}
        again = (await over(suite, await order(suite, "connector-killed")))["connector-killed"]
        assert again.state is UpgradeState.SUCCEEDED  # whoever wants it all the same orders it anew
        assert sent(simulator) == (2, [(SHA256, len(IMAGE))])


async def test_a_connector_killed_while_the_device_writes_leaves_the_verdict_to_the_version(suite):
    async with recorder(suite, "killed-late") as simulator:
        before = simulator.firmware
        campaign = await order(suite, "killed-late")
        await simulator.wait_for(lambda: simulator.images)
        killed = suite.kill("connector-dvrip")
        attempt = (await over(suite, campaign))["killed-late"]
        await suite.back("connector-dvrip", killed)
        assert attempt.state is UpgradeState.SUCCEEDED
        assert (attempt.version_before, attempt.version_after) == (before, simulator.firmware)
        assert attempt.image_sent
        assert sent(simulator) == (1, [(SHA256, len(IMAGE))])


GUIDE = ROOT / "docs" / "how-to" / "upgrade-a-fleet.md"


async def test_every_command_of_the_guide(suite, folder):
    """Typed in an order in which each has something to do."""
    (folder / "NBD8016-R12.bin").write_bytes(IMAGE)
    lines = {
        tuple(words[1:3] if words[1] == "images" else words[1:2]): words for words in commands_of_the_guide()
    }
    names = ("gate-1", "gate-2", "gate-3")

    async def typed(*name, code=0, campaign=""):
        words = [campaign if word == "CAMPAIGN" else word for word in lines.pop(name)]
        ran = await suite.cambusctl(*words)
        assert ran.code == code, (words, ran)
        return ran

    async with AsyncExitStack() as stack:

        async def there_is(name):
            old = {"software": "V4.02.R11", "hardware": "NBD8016RA"}
            await stack.enter_async_context(recorder(suite, name, identity=old, tags=["site:north"]))

        await there_is("gate-1")
        await there_is("gate-2")
        await suite.add("gate-3", None, tags=["site:north"])  # it comes later: so long the campaign goes on
        await typed("images", "add")
        assert "NBD80*" in (await typed("images", "show")).out
        shown = (await typed("plan")).out
        assert all(name in shown for name in names)
        assert "2 ready, 1 waits" in shown
        campaign = (await typed("start")).out.split()[1]
        assert campaign in (await typed("list")).out
        await typed("pause", campaign=campaign)
        await typed("resume", campaign=campaign)
        await there_is("gate-3")
        watched = (await typed("watch", campaign=campaign)).out
        assert watched.splitlines()[-1].split()[:2] == ["gate-3", "succeeded"]
        report = (await typed("report", campaign=campaign)).out
        assert all(word in report for word in ("the line is down", "wave 2 of 2", "V4.02.R12", "finished"))
        assert "V4.02.R11" in (await typed("history")).out
        assert "nothing to decide" in (await typed("resolve", code=3, campaign=campaign)).err
        table = await suite.cambusctl("upgrade", "report", campaign, "--csv")
        assert [line.split(",")[1:3] for line in table.out.splitlines()[1:]] == [
            [name, "succeeded"] for name in names
        ]
    assert set(lines) <= {("cancel",)}


def commands_of_the_guide() -> list[list[str]]:
    """The commands of its blocks; of each the first."""
    found = [words for words in mentioned(GUIDE, "cambusctl") if words[0] == "upgrade"]
    return [words for words in reversed(found) if words[-1] != "--csv"]
