"""How a campaign goes over its devices: canaries and waves, limits, pauses, stops and further tries."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from upgrade_rig import IMAGE, NEW, OLD, Campaigns, FakeConnector, FakeDevice

from cambus.client.event_history import stored_events
from cambus.client.objects import ObjectStore
from cambus.schemas import assets, subjects
from cambus.schemas.commands import upgrade_manager as commands
from cambus.schemas.errors import Conflict, NotFound
from cambus.schemas.events.upgrade import CampaignChanged
from cambus.schemas.schedule import WEEKDAYS
from cambus.schemas.state.upgrades import CampaignChange, CampaignState
from cambus.schemas.upgrades import UpgradeState
from cambus.upgrade_manager import planning
from cambus.upgrade_manager.store import CampaignStore

Connect = Callable[..., Awaitable[FakeConnector]]
Eventually = Callable[..., Awaitable[None]]

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
PATIENT_S = 60.0
"""For a manager that leaves it to events what became of a device, however late they come."""
CANARY = {"devices": 1, "required_percent": 100.0}


def devices(count: int, **fields: object) -> list[FakeDevice]:
    return [FakeDevice(f"cam-{number}", **fields) for number in range(count)]


async def changes(campaigns: Campaigns, campaign: str) -> list[CampaignChange]:
    return [step.change for step in (await campaigns.status(campaign)).campaign.steps]


# --- waves --------------------------------------------------------------------------------------------------


async def test_no_wave_begins_before_the_one_before_it_is_through(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    first, second, third = fleet = devices(3, holds={UpgradeState.TRANSFERRING})
    connector = await connect(*fleet)
    async with campaigns.manager():
        campaign = await campaigns.start(
            *connector.devices, concurrency=3, canary=CANARY, waves=[{"devices": 1}]
        )
        for running, waiting in ((first, [second, third]), (second, [third]), (third, [])):
            await running.until(UpgradeState.TRANSFERRING)
            assert not {each.id for each in waiting} & set(connector.orders)
            await running.go_on()
        await eventually(campaigns.over(campaign))
        assert await changes(campaigns, campaign) == [
            CampaignChange.ORDERED,
            CampaignChange.WAVE_BEGUN,
            CampaignChange.WAVE_BEGUN,
            CampaignChange.FINISHED,
        ]
    assert connector.orders == ["cam-0", "cam-1", "cam-2"]


async def test_a_canary_that_fails_saves_the_others(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    connector = await connect(FakeDevice("cam-0", becomes=OLD), *devices(5)[1:])
    async with campaigns.manager():
        campaign = await campaigns.start(*connector.devices, concurrency=5, canary=CANARY)
        await eventually(campaigns.over(campaign))
        status = await campaigns.status(campaign)
    assert status.campaign.state is CampaignState.STOPPED
    assert "wave 1: 0 of 1 succeeded" in status.campaign.note
    assert status.counts == {"unchanged": 1, "cancelled": 4}
    assert connector.orders == ["cam-0"]


async def test_a_canary_that_is_gone_after_its_soak_saves_the_others(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    """Whichever manager sees the end of the soak."""
    connector = await connect(*devices(2))
    first = await campaigns.manager().start()
    campaign = await campaigns.start(*connector.devices, canary=CANARY | {"soak_s": 86400})

    async def soaks() -> bool:
        return (await campaigns.status(campaign)).campaign.soak_until is not None

    await eventually(soaks)
    assert "soak of wave 1" in (await campaigns.status(campaign)).waits_for
    await first.crash()
    await connector.go("cam-0")
    await CampaignStore(campaigns.bus).change_campaign(
        campaign, lambda each: each.model_copy(update={"soak_until": LONG_AGO})
    )
    async with campaigns.manager():
        await eventually(campaigns.over(campaign))
        status = await campaigns.status(campaign)
    assert status.campaign.state is CampaignState.STOPPED
    assert "not as they should be after the upgrade: cam-0" in status.campaign.note
    assert connector.orders == ["cam-0"]


async def test_after_a_soak_that_went_well_the_others_follow(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    connector = await connect(*devices(3))
    async with campaigns.manager():
        campaign = await campaigns.start(*connector.devices, canary=CANARY | {"soak_s": 1})
        await eventually(campaigns.over(campaign))
        status = await campaigns.status(campaign)
    assert status.counts == {"succeeded": 3}
    soak, next_wave = (
        next(step.at for step in status.campaign.steps if step.change is change)
        for change in (CampaignChange.SOAKING, CampaignChange.WAVE_BEGUN)
    )
    assert next_wave - soak >= timedelta(seconds=1)


# --- limits -------------------------------------------------------------------------------------------------


async def test_devices_of_one_site_are_not_all_under_way_at_once(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    sites = ["site:a", "site:a", "site:a", "site:b"]
    fleet = [
        FakeDevice(f"cam-{number}", tags=[site], holds={UpgradeState.TRANSFERRING})
        for number, site in enumerate(sites)
    ]
    connector = await connect(*fleet)
    async with campaigns.manager():
        campaign = await campaigns.start(
            *connector.devices, concurrency=4, limits=[{"tag": "site:*", "concurrency": 1}]
        )
        await fleet[3].until(UpgradeState.TRANSFERRING)
        for number in range(3):
            await fleet[number].until(UpgradeState.TRANSFERRING)
            assert [name for name in connector.orders if name != "cam-3"] == [
                f"cam-{each}" for each in range(number + 1)
            ]
            await fleet[number].go_on()
        await fleet[3].go_on()
        await eventually(campaigns.over(campaign))
    assert set((await campaigns.states(campaign)).values()) == {"succeeded"}


async def test_transfers_share_the_bandwidth_there_is(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    connector = await connect(*devices(2))
    async with campaigns.manager():
        campaign = await campaigns.start(*connector.devices, concurrency=4, max_bytes_per_s=400_000)
        await eventually(campaigns.over(campaign))
        unlimited = await campaigns.start(*connector.devices, force=True)
        await eventually(campaigns.over(unlimited))
    assert [each.max_bytes_per_s for each in connector.requests] == [100_000, 100_000, None, None]


def window(now: datetime, *, is_open: bool) -> dict[str, object]:
    """A window that is open for hours yet, or begins in a day and a half."""
    day = WEEKDAYS[(now + timedelta(days=0 if is_open else 2)).weekday()]
    other = WEEKDAYS[(now + timedelta(days=1 if is_open else 3)).weekday()]
    return {"time_zone": "UTC", "spans": [{"days": [day, other], "start": "00:00", "end": "24:00"}]}


async def test_no_device_is_begun_outside_of_the_windows(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    now = datetime.now(UTC)
    connector = await connect(*devices(2))
    async with campaigns.manager():
        closed = await campaigns.start("cam-0", windows=window(now, is_open=False))
        opened = await campaigns.start("cam-1", windows=window(now, is_open=True))
        await eventually(campaigns.over(opened))
        status = await campaigns.status(closed)
        assert status.counts == {"queued": 1}
        assert status.waits_for.startswith("its window, ")
        await campaigns.cancel(closed)
        await eventually(campaigns.over(closed))
    assert connector.orders == ["cam-1"]


async def test_windows_in_which_nothing_could_be_begun_are_refused(
    campaigns: Campaigns, connect: Connect
) -> None:
    await connect(*devices(1))
    short = {"spans": [{"start": "01:00", "end": "02:00"}]}
    async with campaigns.manager():
        for rules in ({"windows": {"spans": []}}, {"windows": short, "window_margin_s": 7200}):
            error = await campaigns.refused("cam-0", **rules)
            assert "no device would ever be begun" in error.text
        assert (await campaigns.plan("cam-0", windows=short, window_margin_s=1800)).problems == []


# --- pauses and stops ---------------------------------------------------------------------------------------


async def test_a_device_that_is_being_looked_at_when_the_pause_comes_is_not_begun(
    campaigns: Campaigns, connect: Connect, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "ASK_TIMEOUT_S", PATIENT_S)
    connector = await connect(*devices(1))
    async with campaigns.manager():
        campaign = await campaigns.write("cam-0")
        connector.tells.clear()
        await connector.asked.wait()
        await campaigns.pause(campaign)
        await campaigns.cancel(campaign)
        connector.tells.set()
        await eventually(campaigns.over(campaign))
        assert (await campaigns.attempts(campaign))["cam-0"].reason == "not-begun"
    assert connector.orders == []


async def test_what_a_stopped_campaign_still_sends_can_be_broken_off(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    refused = {"state": "failed", "reason": "data-error"}
    bad = FakeDevice("bad", told=refused, becomes=OLD, holds={UpgradeState.FLASHING})
    sending = FakeDevice("sending", holds={UpgradeState.TRANSFERRING})
    await connect(bad, sending)
    async with campaigns.manager(settle_s=PATIENT_S):
        campaign = await campaigns.start("bad", "sending", concurrency=2, max_failures=1)
        await eventually(campaigns.shows(campaign, bad="flashing", sending="transferring"))
        await bad.go_on()

        async def has_stopped() -> bool:
            return (await campaigns.status(campaign)).campaign.state is CampaignState.STOPPED

        await eventually(has_stopped)
        await campaigns.cancel(campaign)
        await eventually(campaigns.over(campaign))
        status = await campaigns.status(campaign)
    assert status.campaign.state is CampaignState.CANCELLED
    assert status.counts == {"failed": 1, "cancelled": 1}


async def test_a_pause_begins_nobody_and_what_is_under_way_goes_on(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    first, second = devices(2, holds={UpgradeState.FLASHING})
    connector = await connect(first, second)
    async with campaigns.manager():
        campaign = await campaigns.start(*connector.devices)
        await first.until(UpgradeState.FLASHING)
        await campaigns.pause(campaign, "the line is down")
        await campaigns.pause(campaign)  # again: nothing
        status = await campaigns.status(campaign)
        assert (status.campaign.state, status.campaign.note) == (CampaignState.PAUSED, "the line is down")
        assert status.waits_for == "to be resumed; 1 under way go on"
        await first.go_on()
        await eventually(campaigns.shows(campaign, cam_0="succeeded"))
        assert connector.orders == ["cam-0"]
    async with campaigns.manager():  # a pause outlives its manager
        assert (await campaigns.status(campaign)).campaign.state is CampaignState.PAUSED
        await second.go_on()
        await campaigns.resume(campaign)
        await eventually(campaigns.over(campaign))
        assert await changes(campaigns, campaign) == [
            CampaignChange.ORDERED,
            CampaignChange.PAUSED,
            CampaignChange.RESUMED,
            CampaignChange.FINISHED,
        ]
        for late in (campaigns.pause, campaigns.resume, campaigns.cancel):
            with pytest.raises(Conflict):
                await late(campaign)
            with pytest.raises(NotFound):
                await late("nothing")
        assert (await campaigns.status(campaign)).campaign.state is CampaignState.FINISHED
    assert connector.orders == ["cam-0", "cam-1"]


async def test_a_campaign_stops_at_a_rate_of_failures_and_tells_why(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    connector = await connect(*(FakeDevice(f"cam-{number}", becomes=OLD) for number in range(8)))
    async with campaigns.manager():
        campaign = await campaigns.start(
            *connector.devices, max_failure_percent=50.0, failure_sample=2, note="rollout of spring"
        )
        await eventually(campaigns.over(campaign))
        status = await campaigns.status(campaign)
        await eventually(all_told(campaigns, campaign))
        events = await told(campaigns, campaign)
    assert status.counts == {"unchanged": 2, "cancelled": 6}
    assert status.campaign.note == "too many devices failed: 2 of 2, more than 50 %"
    assert [(event.number, event.change) for event in events] == [
        (1, CampaignChange.ORDERED),
        (2, CampaignChange.STOPPED),
        (3, CampaignChange.FINISHED),
    ]
    assert "rollout of spring" in events[0].text
    assert (events[1].text, events[1].state) == (status.campaign.note, CampaignState.STOPPED)
    assert events[2].counts == status.counts


def all_told(campaigns: Campaigns, campaign: str) -> Callable[[], Awaitable[bool]]:
    """A condition: every change of the campaign was told."""

    async def are() -> bool:
        return not (await campaigns.status(campaign)).campaign.untold

    return are


async def told(campaigns: Campaigns, campaign: str) -> list[CampaignChanged]:
    """The events about a campaign, in the order in which they were published."""
    subject = subjects.event_subject(commands.SERVICE, "upgrade", "campaign-changed")
    found = [received.event async for received in stored_events(campaigns.bus, [subject], LONG_AGO)]
    return [event for event in found if isinstance(event, CampaignChanged) and event.campaign == campaign]


async def test_an_image_that_is_removed_meanwhile_pauses_the_campaign_until_it_is_back(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    first, second = devices(2, holds={UpgradeState.TRANSFERRING})
    second.holds.clear()
    connector = await connect(first, second)
    store = ObjectStore(campaigns.bus, assets.OBJECTS_FIRMWARE)
    async with campaigns.manager():
        campaign = await campaigns.start(*connector.devices)
        await first.until(UpgradeState.TRANSFERRING)
        await store.delete("image.bin")
        await first.go_on()

        async def paused() -> bool:
            return (await campaigns.status(campaign)).campaign.state is CampaignState.PAUSED

        await eventually(paused)
        assert "was removed" in (await campaigns.status(campaign)).campaign.note
        await campaigns.store_image(data=IMAGE + b"another")
        await campaigns.resume(campaign)
        await eventually(paused)
        assert "was replaced" in (await campaigns.status(campaign)).campaign.note
        assert connector.orders == ["cam-0"]
        await campaigns.store_image()
        await campaigns.resume(campaign)
        await eventually(campaigns.over(campaign))
    assert await campaigns.states(campaign) == {"cam-0": "succeeded", "cam-1": "succeeded"}


# --- further tries ------------------------------------------------------------------------------------------


async def test_a_transfer_that_broke_off_is_tried_again_as_another_job(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    lost = {"state": "failed", "reason": "connection-lost", "image_sent": False, "version_after": None}
    device = FakeDevice("cam-0", holds={UpgradeState.TRANSFERRING})
    connector = await connect(device)
    async with campaigns.manager(silence_s=PATIENT_S):
        campaign = await campaigns.start("cam-0", retries=1, retry_delay_s=0)
        await device.until(UpgradeState.TRANSFERRING)
        await connector.break_off(device, **lost)
        await eventually(lambda: len(connector.orders) == 2)
        await device.until(UpgradeState.TRANSFERRING)
        await device.go_on()
        await eventually(campaigns.over(campaign))
        (attempt,) = (await campaigns.status(campaign)).attempts
    assert (attempt.state, attempt.tries) == (UpgradeState.SUCCEEDED, 1)
    first, second = (request.job for request in connector.requests)
    assert first != second
    states = [each.state.value for each in attempt.steps]
    assert states[:4] == ["preparing", "transferring", "queued", "preparing"]
    assert states[-1] == "succeeded"


async def test_a_device_that_may_have_got_the_image_has_no_further_try(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    lost = {"state": "failed", "reason": "connection-lost", "image_sent": True, "version_after": None}
    connector = await connect(FakeDevice("cam-0", told=lost))
    async with campaigns.manager(silence_s=PATIENT_S):
        campaign = await campaigns.start("cam-0", retries=5, retry_delay_s=0)
        await eventually(campaigns.over(campaign))
    assert await campaigns.states(campaign) == {"cam-0": "failed"}
    assert connector.orders == ["cam-0"]


async def test_a_device_that_stays_with_its_new_version_is_upgraded(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    await connect(FakeDevice("cam-0"))
    async with campaigns.manager(silence_s=0.05):
        campaign = await campaigns.start("cam-0", stable_s=1)
        await eventually(campaigns.over(campaign))
    attempt = (await campaigns.attempts(campaign))["cam-0"]
    assert (attempt.state, attempt.version_after) == (UpgradeState.SUCCEEDED, NEW)
    assert UpgradeState.VERIFYING in [step.state for step in attempt.steps]


async def test_a_device_that_restarts_again_and_again_is_not(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    device = FakeDevice("cam-0")
    connector = await connect(device)
    async with campaigns.manager(silence_s=0.05):
        campaign = await campaigns.start("cam-0", stable_s=3600)
        await eventually(lambda: device.version == NEW and device.job is None)

        async def over() -> bool:
            await connector.go("cam-0")
            await connector.come("cam-0")
            return await campaigns.over(campaign)()

        await eventually(over)
        attempts = await campaigns.attempts(campaign)
    assert (attempts["cam-0"].state, attempts["cam-0"].reason) == (UpgradeState.FAILED, "boot-loop")
    assert connector.orders == ["cam-0"]


# --- where nobody can know ----------------------------------------------------------------------------------


async def unknown(campaigns: Campaigns, eventually: Eventually, *names: str, **fields: object) -> str:
    """A campaign in which the first device ended so that nobody knows how."""
    campaign = await campaigns.start(*names, **fields)
    await eventually(campaigns.shows(campaign, **{names[0].replace("-", "_"): "unknown"}))
    return campaign


async def test_a_device_of_which_nobody_knows_is_in_no_campaign_until_somebody_decides(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    mute = FakeDevice("cam-0", told={"state": "unknown", "version_after": "", "image_sent": True})
    connector = await connect(mute)
    async with campaigns.manager(silence_s=PATIENT_S):
        campaign = await unknown(campaigns, eventually, "cam-0")
        await eventually(campaigns.over(campaign))
        mute.version = OLD
        await connector.come("cam-0")
        error = await campaigns.refused("cam-0")
        assert (error.reason, "upgrade resolve" in error.text) == ("unresolved", True)
        assert [each.reason for each in (await campaigns.plan(selection={})).devices] == ["unresolved"]
        with pytest.raises(Conflict, match="order a new one"):
            await campaigns.resolve(campaign, "cam-0", "retry")
        await campaigns.resolve(campaign, "cam-0", "failed")
        with pytest.raises(Conflict, match="nothing to decide"):
            await campaigns.resolve(campaign, "cam-0", "succeeded")
        with pytest.raises(NotFound):
            await campaigns.resolve(campaign, "cam-9", "failed")
        mute.told = {}
        again = await campaigns.start("cam-0")
        await eventually(campaigns.over(again))
        history = (
            await campaigns.client.call(commands.UPGRADE_HISTORY, commands.HistoryRequest(device="cam-0"))
        ).upgrades
    assert [(each.attempt.campaign, each.attempt.state.value) for each in history] == [
        (again, "succeeded"),
        (campaign, "failed"),
    ]
    assert history[1].attempt.decision == "failed: looked at it"
    assert history[0].firmware is not None
    assert history[0].firmware.version == NEW


async def test_a_device_can_be_decided_about_when_its_campaign_is_forgotten(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    mute = FakeDevice("cam-0", told={"state": "unknown", "version_after": "", "image_sent": True})
    await connect(mute)
    async with campaigns.manager(silence_s=PATIENT_S):
        campaign = await unknown(campaigns, eventually, "cam-0")
        await eventually(campaigns.over(campaign))
        mute.told = {}
        await CampaignStore(campaigns.bus).forget(campaign)
        error = await campaigns.refused("cam-0")
        assert f"cambusctl upgrade resolve {campaign} cam-0" in error.text
        with pytest.raises(NotFound):
            await campaigns.resolve("another", "cam-0", "failed")
        with pytest.raises(Conflict, match="order a new one"):
            await campaigns.resolve(campaign, "cam-0", "retry")
        await campaigns.resolve(campaign, "cam-0", "failed")
        assert (await campaigns.plan("cam-0", force=True)).counts["ready"] == 1


async def test_an_operator_may_have_it_tried_again_while_the_campaign_goes_on(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    mute = FakeDevice(
        "cam-0", told={"state": "unknown", "version_after": "", "image_sent": True}, becomes=OLD
    )
    other = FakeDevice("cam-1", holds={UpgradeState.FLASHING})
    connector = await connect(mute, other)
    async with campaigns.manager(silence_s=PATIENT_S):
        campaign = await unknown(campaigns, eventually, "cam-0", "cam-1", concurrency=2)
        mute.told, mute.becomes = {}, NEW
        await campaigns.resolve(campaign, "cam-0", "retry")
        await eventually(campaigns.shows(campaign, cam_0="succeeded"))
        await other.go_on()
        await eventually(campaigns.over(campaign))
        attempts = await campaigns.attempts(campaign)
        assert (attempts["cam-0"].tries, attempts["cam-0"].decision) == (1, "retry: looked at it")
        assert (await campaigns.plan("cam-0", force=True)).counts["ready"] == 1
    assert connector.orders.count("cam-0") == 2
