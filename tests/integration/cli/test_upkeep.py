"""Secrets, firmware images and upgrades."""

import hashlib
import os
from datetime import UTC, datetime

import pytest

from cambus.bus.sealing import KeyRing
from cambus.client.kv import KeyValue
from cambus.client.objects import ObjectStore
from cambus.schemas.assets import KV_CREDENTIALS, OBJECTS_FIRMWARE
from cambus.schemas.commands import upgrade_manager
from cambus.schemas.errors import NotFound, Offline
from cambus.schemas.model import Done
from cambus.schemas.state.credentials import SealedCredentials
from cambus.schemas.state.firmware import FirmwareImage
from cambus.schemas.state.upgrades import CampaignState, FirmwareRef, UpgradeAttempt, UpgradeCampaign
from cambus.schemas.upgrades import UpgradeState

CANARY = "canary-signing-key"


async def test_a_secret_is_read_from_standard_input_and_sealed(cambusctl, bus, key_file, unique):
    ran = await cambusctl("secret", "set", unique, "--credentials-key", str(key_file), stdin=f"{CANARY}\n")
    assert (ran.code, ran.out) == (0, f"stored {unique}\n")
    entry = await KeyValue(bus, KV_CREDENTIALS, SealedCredentials).get(unique)
    opened = KeyRing.load(key_file).open(entry.value, unique)
    assert opened.token.get_secret_value() == CANARY
    shown = await cambusctl("secret", "list")
    assert unique in shown.out
    assert CANARY not in shown.out
    assert (await cambusctl("secret", "delete", unique)).code == 2
    assert (await cambusctl("secret", "delete", unique, "--yes")).code == 0
    assert (await cambusctl("secret", "delete", unique, "--yes")).code == 3


async def test_a_secret_may_come_from_a_file_and_must_be_one(cambusctl, bus, key_file, unique, tmp_path):
    file = tmp_path / "secret"
    file.write_text(CANARY)
    arguments = ("secret", "set", unique, "--credentials-key", str(key_file))
    assert (await cambusctl(*arguments, "-f", str(file))).code == 0
    assert (await cambusctl(*arguments, stdin="\n")).code == 2
    assert (
        await cambusctl("secret", "set", "no token!", "--credentials-key", str(key_file), stdin="x")
    ).code == 2
    missing = await cambusctl(*arguments, "-f", str(tmp_path / "nowhere"))
    assert (missing.code, "No such file" in missing.err) == (1, True)


async def test_a_key_file_that_is_none_is_explained(cambusctl, tmp_path, unique):
    bad = tmp_path / "bad.key"
    bad.write_bytes(b"short")
    ran = await cambusctl("secret", "set", unique, "--credentials-key", str(bad), stdin="x")
    assert (ran.code, "5 bytes" in ran.err) == (2, True)


async def test_an_image_is_stored_listed_and_deleted(cambusctl, bus, tmp_path, unique):
    image = tmp_path / f"{unique} (1).bin"
    content = os.urandom(300_000)
    image.write_bytes(content)
    put = (await cambusctl("upgrade", "images", "add", str(image), "--json")).document
    assert put["image"] == f"{unique}__1_.bin"
    assert put["sha256"] == hashlib.sha256(content).hexdigest()
    store = ObjectStore(bus, OBJECTS_FIRMWARE)
    assert b"".join([piece async for piece in store.get(put["image"])]) == content
    (tmp_path / "empty.bin").touch()
    nothing = await cambusctl("upgrade", "images", "add", str(tmp_path / "empty.bin"))
    assert (nothing.code, "is empty" in nothing.err) == (2, True)
    again = await cambusctl("upgrade", "images", "add", str(image))
    assert (again.code, "--overwrite" in again.err) == (2, True)
    assert (
        await cambusctl("upgrade", "images", "add", str(image), "--overwrite", "--name", put["image"])
    ).code == 0
    assert "293 KiB" in (await cambusctl("upgrade", "images", "list")).out
    assert (await cambusctl("upgrade", "images", "remove", put["image"], "--yes")).code == 0
    assert (await cambusctl("upgrade", "images", "remove", put["image"], "--yes")).code == 3
    assert (await cambusctl("upgrade", "images", "add", str(image), "--name", "../up")).code == 2
    assert (await cambusctl("upgrade", "images", "add", str(tmp_path / "none"))).code == 2


class Manager:
    """An upgrade manager whose one campaign goes on a step each time it is asked."""

    def __init__(self, end):
        self.started = []
        self.cancelled = []
        self.problems = []
        self._steps = [(UpgradeState.TRANSFERRING, 40.0), (UpgradeState.REBOOTING, None), (end, 100.0)]
        self.away = 0

    async def plan(self, context, request):
        waves = dict.fromkeys(request.devices, 1)
        devices = [
            upgrade_manager.PlannedDevice(device=device, planned="ready", wave=wave)
            for device, wave in waves.items()
        ]
        if request.firmware.object != "r12.bin":
            raise NotFound(f"there is no image {request.firmware.object}", reason="no-such-image")
        return upgrade_manager.PlanReply(
            firmware=FirmwareRef(object="r12.bin", size_bytes=8),
            image=FirmwareImage(),
            counts={"ready": len(devices)},
            waves=[len(devices)],
            devices=devices,
            problems=self.problems,
        )

    async def start(self, context, request):
        self.started.append(request)
        return upgrade_manager.UpgradeRef(campaign="c1")

    async def status(self, context, request):
        if self.away and len(self._steps) < 3:
            self.away -= 1
            raise Offline("nobody answers")
        state, percent = self._steps.pop(0) if len(self._steps) > 1 and request.campaign else self._steps[0]
        campaign = UpgradeCampaign(
            id="c1",
            firmware=self.started[0].firmware,
            devices=self.started[0].devices,
            state=CampaignState.FINISHED if state.final else CampaignState.RUNNING,
            created_at=datetime.now(UTC),
            finished_at=datetime.now(UTC) if state.final else None,
        )
        attempt = UpgradeAttempt(campaign="c1", device="gate", state=state, percent=percent, text="a text")
        shown = upgrade_manager.CampaignStatus(campaign=campaign, counts={state: 1}, attempts=[attempt])
        return upgrade_manager.CampaignStatusReply(campaigns=[shown])

    async def cancel(self, context, request):
        self.cancelled.append(request.campaign)
        return Done()


@pytest.fixture
async def manager(service, bus, monkeypatch):
    monkeypatch.setattr("cambus.cli.commands.upgrade_reports.LOOK_S", 0.0)

    async def run(end=UpgradeState.SUCCEEDED):
        made = Manager(end)
        service.add(upgrade_manager.UPGRADE_PLAN, made.plan)
        service.add(upgrade_manager.UPGRADE_START, made.start)
        service.add(upgrade_manager.UPGRADE_STATUS, made.status)
        service.add(upgrade_manager.UPGRADE_CANCEL, made.cancel)
        await service.start()
        return made

    return run


START = ("upgrade", "start", "--firmware", "r12.bin", "gate", "yard")


async def test_an_upgrade_is_started_once_confirmed(cambusctl, manager):
    running = await manager()
    asked = await cambusctl(*START)
    assert (asked.code, "Send r12.bin (8 B) to 2 devices: gate, yard?" in asked.err) == (2, True)
    assert running.started == []
    ran = await cambusctl(*START, "--concurrency", "2", "--version", "V2", "--max-failures", "1", "--yes")
    assert ran.out.splitlines() == ["campaign c1", "  cambusctl upgrade watch c1"]
    (request,) = running.started
    assert (request.devices, request.concurrency, request.max_failures) == (["gate", "yard"], 2, 1)
    assert (request.firmware.object, request.firmware.version) == ("r12.bin", "V2")
    assert "r12.bin" in (await cambusctl("upgrade", "list")).out
    assert (await cambusctl("upgrade", "cancel", "c1", "--yes")).code == 0
    assert running.cancelled == ["c1"]


async def test_watching_ends_with_the_campaign(cambusctl, manager):
    await manager()
    ran = await cambusctl(*START, "--yes", "--watch")
    assert ran.code == 0
    assert [line.split()[1] for line in ran.out.splitlines()] == ["transferring", "rebooting", "succeeded"]
    assert [line.split()[2:] for line in ran.out.splitlines()] == [
        ["40", "%", "a", "text"],
        *[["a", "text"]] * 2,
    ]


async def test_watching_outlasts_a_manager_that_starts_anew(cambusctl, manager):
    running = await manager()
    running.away = 2
    ran = await cambusctl("upgrade", "start", "--firmware", "r12.bin", "gate", "--yes", "--watch")
    assert (ran.code, running.away) == (0, 0)
    assert ran.out.splitlines()[-1].startswith("gate  succeeded")
    assert ran.err.count("waiting for the upgrade manager") == 1


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (UpgradeState.FAILED, 1),
        (UpgradeState.UNCHANGED, 1),
        (UpgradeState.NOT_BACK, 1),
        (UpgradeState.UNKNOWN, 1),
        (UpgradeState.SKIPPED, 0),
        (UpgradeState.CANCELLED, 0),
    ],
)
async def test_a_device_without_its_firmware_makes_watching_fail(cambusctl, manager, end, code):
    await manager(end)
    await cambusctl(*START, "--yes")
    ran = await cambusctl("upgrade", "watch", "c1", "--json")
    assert (ran.code, ran.records[-1]["state"]) == (code, end)


async def test_an_image_that_is_not_there_is_said_before_anybody_is_asked(cambusctl, manager):
    running = await manager()
    ran = await cambusctl("upgrade", "start", "--firmware", "nope.bin", "gate")
    assert (ran.code, "no image nope.bin" in ran.err) == (3, True)
    assert running.started == []


async def test_what_could_not_be_started_is_said_before_anybody_is_asked(cambusctl, manager):
    running = await manager()
    running.problems = ["gate: it is a NBD7004T"]
    ran = await cambusctl(*START)
    assert (ran.code, "NBD7004T" in ran.err) == (3, True)
    assert running.started == []
