"""Who would be upgraded, who not, and why; nothing is sent to anybody."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from upgrade_rig import NEW, Campaigns, FakeDevice

from cambus.bus.firmware import FirmwareStore, signed
from cambus.client.kv import KeyValue
from cambus.schemas import assets
from cambus.schemas.errors import BadRequest
from cambus.schemas.state.firmware import FirmwareImage
from cambus.schemas.state.presence import Presence
from cambus.schemas.upgrades import UpgradeState

Connect = Callable[..., Awaitable]
Eventually = Callable[..., Awaitable[None]]

NORTH, SOUTH = ["site:north"], ["site:south"]


def fleet() -> list[FakeDevice]:
    return [
        FakeDevice("cam-1", model="NBD80", tags=NORTH, hardware="HI3531"),
        FakeDevice("cam-2", model="NBD80", tags=SOUTH, hardware="HI3520"),
        FakeDevice("cam-3", model="NBD70", tags=NORTH),
        FakeDevice("cam-4", model="NBD80", tags=NORTH, version=NEW),
        FakeDevice("cam-5", model="NBD80", tags=SOUTH, supported=False),
        FakeDevice("cam-6", model="NBD80", tags=NORTH),
    ]


async def test_a_plan_says_of_every_device_what_would_become_of_it_and_why(
    campaigns: Campaigns, connect: Connect
) -> None:
    connector = await connect(*fleet())
    await connector.go("cam-6")
    await connector.write_down("cam-7", tags=NORTH)
    awaited = Presence(
        device="cam-10", protocol="fake", online=False, since=datetime.now(UTC), state="awaited"
    )
    await KeyValue(connector.bus, assets.KV_PRESENCE, Presence).put("cam-10", awaited)
    await connector.write_down("cam-8", enabled=False)
    await connector.write_down("cam-9")
    await campaigns.describe_image(FirmwareImage(version=NEW, models=["NBD80"], hardware=["HI3531"]))
    async with campaigns.manager():
        plan = await campaigns.plan(firmware={"object": "image.bin"}, selection={"without": ["cam-9"]})
        assert {each.device: (each.planned.value, each.reason, each.wave) for each in plan.devices} == {
            "cam-1": ("ready", "", 1),
            "cam-10": ("waits", "never-seen", 1),
            "cam-2": ("out", "wrong-hardware", None),
            "cam-3": ("out", "wrong-model", None),
            "cam-4": ("done", "same-version", None),
            "cam-5": ("out", "unsupported", None),
            "cam-6": ("waits", "offline", 1),
            "cam-7": ("waits", "never-seen", 1),
            "cam-8": ("out", "disabled", None),
        }
        assert (plan.firmware.version, plan.image.models) == (NEW, ["NBD80"])
        assert (plan.counts, plan.waves, plan.problems) == (
            {"ready": 1, "waits": 3, "done": 1, "out": 4},
            [4],
            [],
        )
    assert connector.orders == []


@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        ({"match": {"devices": ["cam-1", "*-3"]}}, {"cam-1", "cam-3"}),
        ({"match": {"tags": SOUTH}}, {"cam-2", "cam-5"}),
        ({"match": {"protocols": ["dvrip"]}}, set()),
        ({"models": ["NBD7?"]}, {"cam-3"}),
        ({"versions": ["V2*"]}, {"cam-4"}),
        ({"match": {"tags": NORTH}, "models": ["NBD80"], "without": ["*-6"]}, {"cam-1", "cam-4"}),
    ],
    ids=["names", "tags", "protocol", "model", "version", "all-of-it"],
)
async def test_devices_are_chosen_by_what_they_are(
    campaigns: Campaigns, connect: Connect, selection: dict[str, object], chosen: set[str]
) -> None:
    await connect(*fleet())
    async with campaigns.manager():
        plan = await campaigns.plan(selection=selection)
    assert {each.device for each in plan.devices} == chosen


async def test_of_a_selection_those_that_do_not_fit_are_left_out_and_counted(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    connector = await connect(*fleet())
    await campaigns.describe_image(FirmwareImage(version=NEW, models=["NBD80"]))
    async with campaigns.manager():
        campaign = await campaigns.start(selection={"match": {"tags": NORTH}})
        await eventually(campaigns.over(campaign))
        status = await campaigns.status(campaign)
    assert status.campaign.devices == ["cam-1", "cam-6"]
    assert status.campaign.left_out == {"wrong-model": 1, "same-version": 1}
    assert sorted(connector.orders) == ["cam-1", "cam-6"]


async def test_who_names_a_device_the_image_is_not_for_is_told(
    campaigns: Campaigns, connect: Connect
) -> None:
    connector = await connect(*fleet())
    await campaigns.describe_image(FirmwareImage(models=["NBD80"]))
    async with campaigns.manager():
        error = await campaigns.refused("cam-1", "cam-3")
        assert isinstance(error, BadRequest)
        assert (error.reason, "cam-3" in error.text, "NBD70" in error.text) == ("wrong-model", True, True)
        assert (await campaigns.plan("cam-1", "cam-3")).problems == [error.text]
        assert (await campaigns.plan("cam-1", "cam-3", force=True)).problems == []
        error = await campaigns.refused(selection={"models": ["NBD70"]})
        assert (error.reason, "1 wrong-model" in error.text) == ("no-device-left", True)
        assert (await campaigns.refused()).reason == BadRequest.REASON
    assert connector.orders == []


async def test_what_a_device_is_is_looked_at_again_when_its_turn_comes(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    """It was away when the campaign was ordered, and is not what it was thought to be."""
    connector = await connect(FakeDevice("cam-1", model="NBD80"), FakeDevice("cam-2", model="NBD80"))
    await connector.go("cam-2")
    await campaigns.describe_image(FirmwareImage(models=["NBD80"]))
    async with campaigns.manager():
        campaign = await campaigns.start("cam-1", "cam-2")
        connector.devices["cam-2"].model = "NBD70"
        await connector.come("cam-2")
        await eventually(campaigns.over(campaign))
        attempts = await campaigns.attempts(campaign)
    assert (attempts["cam-2"].state, attempts["cam-2"].reason) == (UpgradeState.CANCELLED, "wrong-model")
    assert connector.orders == ["cam-1"]


async def test_devices_that_are_there_come_first_where_a_canary_is_to_tell_something(
    campaigns: Campaigns, connect: Connect
) -> None:
    connector = await connect(*(FakeDevice(f"cam-{number}") for number in range(4)))
    for away in ("cam-0", "cam-2"):
        await connector.go(away)
    async with campaigns.manager():
        names = ["cam-0", "cam-1", "cam-2", "cam-3"]
        plan = await campaigns.plan(*names, canary={"devices": 2})
        assert [(each.device, each.wave) for each in plan.devices] == [
            ("cam-1", 1),
            ("cam-3", 1),
            ("cam-0", 2),
            ("cam-2", 2),
        ]
        assert [each.device for each in (await campaigns.plan(*names)).devices] == names


async def test_a_long_plan_is_read_in_parts(campaigns: Campaigns, connect: Connect) -> None:
    await connect(*(FakeDevice(f"cam-{number}") for number in range(5)))
    async with campaigns.manager():
        pages = [await campaigns.plan(selection={}, first=first, limit=2) for first in (0, 2, 4)]
    assert [each.device for page in pages for each in page.devices] == [
        f"cam-{number}" for number in range(5)
    ]
    assert all(page.counts["ready"] == 5 for page in pages)


async def test_only_images_that_a_trusted_key_has_signed_are_sent(
    campaigns: Campaigns, connect: Connect, eventually: Eventually, tmp_path: Path
) -> None:
    connector = await connect()
    key = Ed25519PrivateKey.generate()
    private, public = tmp_path / "key.pem", tmp_path / "trusted.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    other = Ed25519PrivateKey.generate().public_key()
    pem = [
        each.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        for each in (other, key.public_key())
    ]
    public.write_bytes(b"".join(pem))
    sha256 = await campaigns.store_image()
    good = signed(FirmwareImage(version=NEW, notes="good"), "image.bin", sha256, private)
    async with campaigns.manager(firmware_keys_file=public):
        for bad in (FirmwareImage(version=NEW), good.model_copy(update={"models": ["*"]})):
            await campaigns.describe_image(bad)
            assert (await campaigns.refused("gate-1")).reason == "not-signed"
        await campaigns.describe_image(good)
        campaign = await campaigns.start("gate-1")
        await eventually(campaigns.over(campaign))
    assert await campaigns.states(campaign) == {"gate-1": "succeeded"}
    assert connector.orders == ["gate-1"]


async def test_an_image_keeps_what_is_said_about_it_and_goes_with_it(campaigns: Campaigns) -> None:
    store = FirmwareStore(campaigns.bus)
    about = FirmwareImage(version=NEW, models=["NBD80*"], from_versions=["V1.*"], file="r12.bin")
    await campaigns.describe_image(about, "a/r12.bin")
    await campaigns.store_image("plain.bin")
    assert [(each.name, each.about) for each in await store.list()] == [
        ("a/r12.bin", about),
        ("image.bin", FirmwareImage()),
        ("plain.bin", FirmwareImage()),
    ]
    assert await store.remove("a/r12.bin")
    assert await store.info("a/r12.bin") is None
