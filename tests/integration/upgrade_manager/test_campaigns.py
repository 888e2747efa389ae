"""Campaigns from the order to the end, with connectors that do what connectors do."""

from collections.abc import Awaitable, Callable

import pytest
from upgrade_rig import NEW, OLD, Campaigns, FakeDevice

from cambus.client.kv import KeyValue
from cambus.schemas import assets
from cambus.schemas.errors import Conflict, DeviceRefused, NotFound, Unsupported
from cambus.schemas.events import upgrade as events
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.presence import Presence
from cambus.schemas.state.upgrades import CampaignState, UpgradeCampaign
from cambus.schemas.upgrades import UpgradeState
from cambus.upgrade_manager import retention, service

Connect = Callable[..., Awaitable]
Eventually = Callable[..., Awaitable[None]]


async def test_a_device_is_upgraded_and_its_progress_written_down(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    device = FakeDevice("gate-1", holds={UpgradeState.FLASHING})
    connector = await connect(device)
    async with campaigns.manager():
        campaign = await campaigns.start("gate-1")
        await eventually(campaigns.shows(campaign, gate_1="flashing"))
        (attempt,) = (await campaigns.status(campaign)).attempts
        assert (attempt.state, attempt.percent, attempt.image_sent) == (UpgradeState.FLASHING, 0.0, True)
        assert (attempt.version_before, attempt.version_after) == (OLD, None)
        await device.go_on()
        await eventually(campaigns.over(campaign))
        status = await campaigns.status(campaign)
    (attempt,) = status.attempts
    assert (attempt.state, attempt.version_after, attempt.percent) == (UpgradeState.SUCCEEDED, NEW, 100.0)
    assert attempt.finished_at is not None
    assert status.campaign.state is CampaignState.FINISHED
    assert status.counts == {"succeeded": 1}
    assert connector.orders == ["gate-1"]


async def test_the_order_names_the_image_as_it_is_stored(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    connector = await connect(FakeDevice("gate-1"))
    seen = []
    handle = connector._start

    async def look(context, request):
        seen.append(request)
        return await handle(context, request)

    connector._endpoints._device_routes["upgrade.start"].handler = look
    async with campaigns.manager():
        campaign = await campaigns.start("gate-1", force=True)
        await eventually(campaigns.over(campaign))
    (request,) = seen
    assert request.session.startswith("connector-1@20")
    assert (request.object, request.sha256, request.size_bytes) == (
        "image.bin",
        await campaigns.store_image(),
        9000,
    )
    assert (request.force, request.expected_version, request.confirm) == (True, NEW, True)


async def test_a_refusal_of_the_device_is_its_end(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    refusal = DeviceRefused("the image is for other hardware", reason="wrong-hardware", device_code="513")
    connector = await connect(FakeDevice("gate-1", refusal=refusal))
    async with campaigns.manager():
        campaign = await campaigns.start("gate-1")
        await eventually(campaigns.over(campaign))
        (attempt,) = (await campaigns.status(campaign)).attempts
    assert (attempt.state, attempt.reason, attempt.device_code) == (
        UpgradeState.FAILED,
        "wrong-hardware",
        "513",
    )
    assert connector.orders == ["gate-1"]


async def test_what_the_connector_tells_of_the_end_is_taken_over(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    told = {"state": "failed", "reason": "data-error", "device_code": "512", "image_sent": False}
    await connect(FakeDevice("gate-1", told=told))
    async with campaigns.manager():
        campaign = await campaigns.start("gate-1")
        await eventually(campaigns.over(campaign))
        (attempt,) = (await campaigns.status(campaign)).attempts
    assert (attempt.state, attempt.reason, attempt.device_code) == (UpgradeState.FAILED, "data-error", "512")


async def test_another_version_than_ordered_is_no_success(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    await connect(FakeDevice("gate-1", becomes="V1.9"))
    async with campaigns.manager():
        campaign = await campaigns.start("gate-1")
        await eventually(campaigns.over(campaign))
        (attempt,) = (await campaigns.status(campaign)).attempts
    assert (attempt.state, attempt.reason, attempt.version_after) == (
        UpgradeState.UNCHANGED,
        "other-version",
        "V1.9",
    )


async def test_a_success_nobody_verified_is_verified_by_the_version(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    unverified = {"version_after": None}
    await connect(FakeDevice("good", told=unverified), FakeDevice("bad", told=unverified, becomes=OLD))
    async with campaigns.manager():
        campaign = await campaigns.start("good", "bad", concurrency=2)
        await eventually(campaigns.over(campaign))
    assert await campaigns.states(campaign) == {"good": "succeeded", "bad": "unchanged"}


@pytest.mark.parametrize(("becomes", "verdict"), [(NEW, "succeeded"), (OLD, "unchanged")])
async def test_what_a_connector_that_was_stopped_could_not_see_is_decided_by_the_version(
    campaigns: Campaigns, connect: Connect, eventually: Eventually, becomes: str, verdict: str
) -> None:
    told = {"state": "unknown", "reason": "interrupted", "version_after": None}
    await connect(FakeDevice("gate-1", told=told, becomes=becomes))
    async with campaigns.manager():
        campaign = await campaigns.start("gate-1")
        await eventually(campaigns.over(campaign))
    assert await campaigns.states(campaign) == {"gate-1": verdict}


async def test_a_device_that_runs_the_version_is_left_alone_unless_forced(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    connector = await connect(FakeDevice("gate-1", version=NEW))
    async with campaigns.manager():
        campaign = await campaigns.start("gate-1")
        await eventually(campaigns.over(campaign))
        assert await campaigns.states(campaign) == {"gate-1": "skipped"}
        assert connector.orders == []
        campaign = await campaigns.start("gate-1", force=True)
        await eventually(campaigns.over(campaign))
        assert await campaigns.states(campaign) == {"gate-1": "succeeded"}


async def test_never_more_devices_at_a_time_than_allowed(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    devices = [FakeDevice(f"gate-{number}", holds={UpgradeState.TRANSFERRING}) for number in range(7)]
    connector = await connect(*devices)
    async with campaigns.manager():
        campaign = await campaigns.start(*connector.devices, concurrency=3)
        for device in devices:
            await device.until(UpgradeState.TRANSFERRING)
            await device.go_on()
        await eventually(campaigns.over(campaign))
    assert set((await campaigns.states(campaign)).values()) == {"succeeded"}
    assert connector.most_at_once == 3
    assert sorted(connector.orders) == sorted(connector.devices)


async def test_devices_that_are_away_hold_nobody_up_and_have_their_turn_when_they_are_back(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    connector = await connect(*(FakeDevice(f"gate-{number}") for number in range(4)))
    for away in ("gate-0", "gate-1"):
        await connector.go(away)
    async with campaigns.manager():
        campaign = await campaigns.start(*connector.devices, concurrency=1)
        await eventually(campaigns.shows(campaign, gate_2="succeeded", gate_3="succeeded"))
        assert sorted(connector.orders) == ["gate-2", "gate-3"]
        assert (await campaigns.status(campaign)).counts == {"queued": 2, "succeeded": 2}
        await connector.come("gate-1")
        await connector.come("gate-0")
        await eventually(campaigns.over(campaign))
    assert set((await campaigns.states(campaign)).values()) == {"succeeded"}


async def test_a_device_nobody_answers_for_is_tried_again(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    """Presence still shows it, but its connector is gone: NATS itself says that nothing was done."""
    connector = await connect(FakeDevice("gate-1"))
    await connector._endpoints.release("gate-1")
    async with campaigns.manager():
        campaign = await campaigns.start("gate-1")

        async def put_back() -> bool:
            attempt = (await campaigns.attempts(campaign)).get("gate-1")
            return attempt is not None and (attempt.state, attempt.reason) == (UpgradeState.QUEUED, "offline")

        await eventually(put_back)
        await connector._endpoints.hold("gate-1")
        await eventually(campaigns.over(campaign))
    assert await campaigns.states(campaign) == {"gate-1": "succeeded"}
    assert connector.orders == ["gate-1"]


async def test_a_busy_device_waits_for_its_turn(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    device = FakeDevice("gate-1", refusal=Conflict("another upgrade is under way"))
    connector = await connect(device)
    async with campaigns.manager():
        campaign = await campaigns.start("gate-1")
        await eventually(lambda: len(connector.orders) >= 2)
        device.refusal = None
        await eventually(campaigns.over(campaign))
    assert await campaigns.states(campaign) == {"gate-1": "succeeded"}


async def test_no_more_devices_are_begun_after_too_many_failures(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    refusal = Unsupported("no upgrade over this protocol")
    devices = [FakeDevice(f"gate-{number}", refusal=refusal) for number in range(5)]
    connector = await connect(*devices)
    async with campaigns.manager():
        campaign = await campaigns.start(*connector.devices, max_failures=2)
        await eventually(campaigns.over(campaign))
        status = await campaigns.status(campaign)
    assert status.campaign.state is CampaignState.STOPPED
    assert status.campaign.note
    assert status.counts == {"failed": 2, "cancelled": 3}
    assert connector.orders == ["gate-0", "gate-1"]


async def test_a_cancelled_campaign_ends_what_can_be_ended(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    sending = FakeDevice("sending", holds={UpgradeState.TRANSFERRING})
    flashing = FakeDevice("flashing", holds={UpgradeState.FLASHING})
    connector = await connect(sending, flashing, FakeDevice("waiting"))
    async with campaigns.manager(settle_s=60.0):
        campaign = await campaigns.start("sending", "flashing", "waiting", concurrency=2)
        await eventually(campaigns.shows(campaign, sending="transferring", flashing="flashing"))
        await campaigns.cancel(campaign)
        await eventually(campaigns.shows(campaign, sending="cancelled", waiting="cancelled"))
        assert await campaigns.states(campaign) == {
            "sending": "cancelled",
            "flashing": "flashing",
            "waiting": "cancelled",
        }
        await flashing.go_on()
        await eventually(campaigns.over(campaign))
        status = await campaigns.status(campaign)
    assert status.campaign.state is CampaignState.CANCELLED
    assert status.counts == {"cancelled": 2, "succeeded": 1}
    assert "flashing" not in connector.cancelled
    assert sorted(connector.orders) == ["flashing", "sending"]


async def test_a_device_that_does_not_come_back_is_given_up(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    device = FakeDevice("gate-1", holds={UpgradeState.REBOOTING})
    connector = await connect(device)
    async with campaigns.manager(device_deadline_s=3.0):
        campaign = await campaigns.start("gate-1")
        await eventually(campaigns.over(campaign))
        (attempt,) = (await campaigns.status(campaign)).attempts
    assert (attempt.state, attempt.reason) == (UpgradeState.NOT_BACK, "deadline")
    assert connector.orders == ["gate-1"]


async def test_a_device_that_stands_still_is_given_up_and_holds_nobody_up(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    """Its connector says that it is under way, and for ever nothing else."""
    stuck = FakeDevice("stuck", holds={UpgradeState.TRANSFERRING})
    connector = await connect(stuck, FakeDevice("gate-1"))
    async with campaigns.manager(device_deadline_s=2.0):
        campaign = await campaigns.start("stuck", "gate-1")
        await stuck.until(UpgradeState.TRANSFERRING)
        await eventually(campaigns.over(campaign))
        attempt, _ = (await campaigns.status(campaign)).attempts
    assert (attempt.state, attempt.reason) == (UpgradeState.UNKNOWN, "deadline")
    assert connector.orders == ["stuck", "gate-1"]


async def test_events_of_jobs_of_others_change_nothing(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    device = FakeDevice("gate-1", holds={UpgradeState.TRANSFERRING})
    connector = await connect(device, FakeDevice("gate-2"))
    async with campaigns.manager():
        campaign = await campaigns.start("gate-1")
        await eventually(campaigns.shows(campaign, gate_1="transferring"))
        for job in ("somebody", f"{campaign}-gate-2", f"{campaign}-gate-9", "0" * 26 + "-gate-1"):
            fields = {"job": job, "state": "failed", "reason": "not-ours"}
            await connector.tell(events.FINISHED, events.UpgradeFinished, "gate-1", **fields)
        fields = {"job": f"{campaign}-gate-2", "state": "failed"}
        await connector.tell(events.FINISHED, events.UpgradeFinished, "gate-2", **fields)
        await device.go_on()
        await eventually(campaigns.over(campaign))
    assert await campaigns.states(campaign) == {"gate-1": "succeeded"}


@pytest.mark.parametrize(
    ("devices", "fields", "code", "reason"),
    [
        (["gate-1", "gate-1"], {}, 400, "bad-request"),
        (["gate-1"], {"firmware": {"object": "nothing.bin"}}, 404, "no-such-image"),
        (["gate-1"], {"firmware": {"sha256": "0" * 64}}, 400, "bad-request"),
        (["gate-1"], {"firmware": {"size_bytes": 1}}, 400, "bad-request"),
        (["gate-1"], {"firmware": {"object": "empty.bin"}}, 400, "bad-request"),
        (["gate-1", "ghost"], {}, 404, "no-such-device"),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused(
    campaigns: Campaigns, connect: Connect, devices: list[str], fields: dict, code: int, reason: str
) -> None:
    await campaigns.store_image("empty.bin", b"")
    connector = await connect()
    async with campaigns.manager():
        refusal = await campaigns.refused(*devices, **fields)
    assert (int(refusal.code), refusal.reason) == (code, reason)
    assert connector.orders == []


async def test_a_damaged_image_is_refused_before_any_device_is_asked(
    campaigns: Campaigns, connect: Connect
) -> None:
    connector = await connect()
    stream = f"OBJ_{assets.OBJECTS_FIRMWARE}"
    info = await campaigns.bus.jetstream.call(f"STREAM.INFO.{stream}")
    await campaigns.bus.jetstream.call(f"STREAM.MSG.DELETE.{stream}", {"seq": info["state"]["first_seq"]})
    async with campaigns.manager():
        refusal = await campaigns.refused("gate-1")
    assert (int(refusal.code), refusal.reason) == (400, "image-damaged")
    assert connector.orders == []


async def test_a_device_can_be_in_one_campaign_at_a_time(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    device = FakeDevice("gate-1", holds={UpgradeState.TRANSFERRING})
    await connect(device)
    async with campaigns.manager():
        campaign = await campaigns.start("gate-1")
        refusal = await campaigns.refused("gate-1")
        assert (int(refusal.code), campaign in refusal.text) == (409, True)
        await device.until(UpgradeState.TRANSFERRING)
        await device.go_on()
        await eventually(campaigns.over(campaign))
        device.version = OLD
        await campaigns.start("gate-1")


async def test_only_what_exists_is_waited_for(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    """A device that was never seen but is registered may come yet; one that was removed does not."""
    record = DeviceRecord(id="registered", protocol="dvrip", address="127.0.0.1")
    await KeyValue(campaigns.bus, assets.KV_DEVICES, DeviceRecord).put("registered", record)
    connector = await connect(FakeDevice("away"), FakeDevice("removed"))
    for device in ("away", "removed"):
        await connector.go(device)
    async with campaigns.manager():
        campaign = await campaigns.start("registered", "away", "removed")
        assert (await campaigns.status(campaign)).counts == {"queued": 3}
        await KeyValue(campaigns.bus, assets.KV_PRESENCE, Presence).delete("removed")
        await eventually(campaigns.shows(campaign, removed="cancelled"))
        status = await campaigns.status(campaign)
    assert status.counts == {"queued": 2, "cancelled": 1}
    assert [(attempt.reason, attempt.text) for attempt in status.attempts] == [
        ("", "waits for the device, which was never there"),
        ("", "waits for the device, which is offline"),
        ("removed", "the device was removed"),
    ]


async def test_a_device_that_waits_for_others_says_so(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    await connect(FakeDevice("first", holds={UpgradeState.FLASHING}), FakeDevice("second"))
    async with campaigns.manager():
        campaign = await campaigns.start("first", "second")
        await eventually(campaigns.shows(campaign, first="flashing"))
        _, second = (await campaigns.status(campaign)).attempts
    assert (second.state, second.text) == (UpgradeState.QUEUED, "waits for its turn")


async def test_campaigns_are_listed_latest_first_and_unknown_ones_told(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    await connect()
    async with campaigns.manager():
        started = []
        for _ in range(3):
            started.append(await campaigns.start("gate-1"))
            await eventually(campaigns.over(started[-1]))
        assert await campaigns.latest(2) == started[:0:-1]
        for unknown in (campaigns.status, campaigns.cancel):
            with pytest.raises(NotFound):
                await unknown("nobody")


async def test_only_the_latest_campaigns_are_remembered(
    campaigns: Campaigns, connect: Connect, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "KEPT_CAMPAIGNS", 2)
    await connect(FakeDevice("gate-1"), FakeDevice("gate-2"))
    async with campaigns.manager():
        started = []
        for _ in range(4):
            started.append(await campaigns.start("gate-1", "gate-2"))
            await eventually(campaigns.over(started[-1]))

        async def remembered() -> set[str]:
            keys = await KeyValue(campaigns.bus, assets.KV_UPGRADES, UpgradeCampaign).keys()
            return {key.split(".")[1] for key in keys if not key.startswith("claim.")}

        async def few() -> bool:
            return await remembered() == set(started[2:])

        await eventually(few)
        assert await campaigns.latest(100) == started[:1:-1]
        assert (await campaigns.status(started[3])).counts == {"skipped": 2}


async def test_a_bucket_that_fills_up_loses_its_oldest_campaigns(
    campaigns: Campaigns, connect: Connect, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "CROWDED", 0.0)
    await connect()
    async with campaigns.manager():
        first = await campaigns.start("gate-1")
        await eventually(campaigns.over(first))
        second = await campaigns.start("gate-1")

        async def forgotten() -> bool:
            return await campaigns.latest(100) == [second]

        await eventually(forgotten)


async def test_how_devices_ended_is_counted(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    refusing = FakeDevice("refusing", refusal=Unsupported("no upgrade over this protocol"))
    held = FakeDevice("held", holds={UpgradeState.FLASHING})
    await connect(FakeDevice("good"), refusing, held)
    async with campaigns.manager() as manager:
        campaign = await campaigns.start("good", "refusing", "held")
        await eventually(campaigns.shows(campaign, held="flashing"))
        counts = manager.runtime.metrics.render().decode()
        assert "cambus_upgrade_campaigns_running 1.0" in counts
        assert 'cambus_upgrade_devices_total{state="succeeded"} 1.0' in counts
        assert 'cambus_upgrade_devices_total{state="failed"} 1.0' in counts
        await held.go_on()
        await eventually(campaigns.over(campaign))
        await eventually(lambda: not manager.service.running)
        counts = manager.runtime.metrics.render().decode()
    assert "cambus_upgrade_campaigns_running 0.0" in counts
    assert 'cambus_upgrade_devices_total{state="succeeded"} 2.0' in counts
