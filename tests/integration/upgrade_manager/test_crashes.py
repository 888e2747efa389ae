"""Managers and connectors die in every state; no image that may have gone out is ever ordered a second time."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from upgrade_rig import NEW, OLD, Campaigns, FakeDevice

from cambus.bus.testing import NatsServer
from cambus.schemas.commands import upgrade
from cambus.schemas.errors import CambusError, Conflict, DeadlineExceeded, Offline
from cambus.schemas.upgrades import UpgradeState
from cambus.upgrade_manager.store import CampaignStore

Connect = Callable[..., Awaitable]
Eventually = Callable[..., Awaitable[None]]


async def test_of_two_campaigns_ordered_in_the_same_moment_one_waits_for_the_other(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    device = FakeDevice("cam-0", holds={UpgradeState.FLASHING})
    connector = await connect(device)
    both = [await campaigns.write("cam-0"), await campaigns.write("cam-0")]
    async with campaigns.manager():
        await device.until(UpgradeState.FLASHING)

        async def one_waits() -> bool:
            parts = [(await campaigns.attempts(each)).get("cam-0") for each in both]
            return [each.reason for each in parts if each is not None].count("other-campaign") == 1

        await eventually(one_waits)
        assert connector.orders == ["cam-0"]
        await device.go_on()
        for campaign in both:
            await eventually(campaigns.over(campaign))
        ends = [(await campaigns.states(each))["cam-0"] for each in both]
    assert sorted(ends) == ["skipped", "succeeded"]
    assert connector.orders == ["cam-0"]


async def test_a_device_is_a_campaigns_until_it_is_known_how_its_part_ended(campaigns: Campaigns) -> None:
    store = CampaignStore(campaigns.bus)
    first, second = await campaigns.write("cam-0"), await campaigns.write("cam-0")
    assert await store.claim(first, "cam-0") is None
    assert await store.claim(first, "cam-0") is None
    assert await store.claim(second, "cam-0") == first  # nothing is written of its part yet
    for state in (UpgradeState.QUEUED, UpgradeState.FLASHING, UpgradeState.UNKNOWN):
        await store.change_attempt(
            first, "cam-0", lambda each, to=state: each.model_copy(update={"state": to})
        )
        assert await store.claim(second, "cam-0") == first
    await store.forget(first)
    assert await store.claim(second, "cam-0") is None
    await store.change_attempt(
        second, "cam-0", lambda each: each.model_copy(update={"state": UpgradeState.UNCHANGED})
    )
    third = await campaigns.write("cam-0")
    assert await store.claim(third, "cam-0") is None


@pytest.mark.parametrize(
    "state",
    [
        UpgradeState.PREPARING,
        UpgradeState.TRANSFERRING,
        UpgradeState.FLASHING,
        UpgradeState.REBOOTING,
        UpgradeState.VERIFYING,
    ],
)
async def test_a_manager_killed_in_any_state_goes_on_without_ordering_again(
    campaigns: Campaigns, connect: Connect, eventually: Eventually, state: UpgradeState
) -> None:
    device = FakeDevice("gate-1", holds={state})
    connector = await connect(device)
    first = await campaigns.manager().start()
    campaign = await campaigns.start("gate-1")
    await device.until(state)
    await eventually(campaigns.shows(campaign, gate_1=state.value))
    await first.crash()
    async with campaigns.manager():
        await device.go_on()
        await eventually(campaigns.over(campaign))
    assert await campaigns.states(campaign) == {"gate-1": "succeeded"}
    assert connector.orders == ["gate-1"]


async def test_what_happens_while_no_manager_runs_is_written_down_by_the_next(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    device = FakeDevice("gate-1", holds={UpgradeState.TRANSFERRING})
    connector = await connect(device)
    first = await campaigns.manager().start()
    campaign = await campaigns.start("gate-1")
    await device.until(UpgradeState.TRANSFERRING)
    await first.crash()
    await device.go_on()
    await eventually(lambda: device.version == NEW and device.job is None)
    async with campaigns.manager():
        await eventually(campaigns.over(campaign))
    assert await campaigns.states(campaign) == {"gate-1": "succeeded"}
    assert connector.orders == ["gate-1"]


async def test_a_manager_killed_before_the_order_went_out_sends_it_later(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    """The order is on record and was never sent: the device's session is the one it was, and knows no job."""
    connector = await connect()
    first = await campaigns.manager().start()
    about_to = asyncio.Event()
    call = first.runtime.client.call

    async def never_sent(spec, request, **options):
        if spec is upgrade.START:
            about_to.set()
            await asyncio.Event().wait()
        return await call(spec, request, **options)

    first.runtime.client.call = never_sent
    campaign = await campaigns.start("gate-1")
    await asyncio.wait_for(about_to.wait(), 20)
    assert await campaigns.states(campaign) == {"gate-1": "preparing"}
    await first.crash()
    assert connector.orders == []
    async with campaigns.manager():
        await eventually(campaigns.over(campaign))
    assert await campaigns.states(campaign) == {"gate-1": "succeeded"}
    assert connector.orders == ["gate-1"]


async def test_a_manager_killed_between_order_and_answer_joins_what_it_began(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    device = FakeDevice("gate-1", holds={UpgradeState.PREPARING})
    connector = await connect(device)
    connector.answers.clear()
    first = await campaigns.manager().start()
    campaign = await campaigns.start("gate-1")
    await asyncio.wait_for(connector.ordered.wait(), 20)
    await first.crash()
    async with campaigns.manager():
        connector.answers.set()
        await device.go_on()
        await eventually(campaigns.over(campaign))
    assert await campaigns.states(campaign) == {"gate-1": "succeeded"}
    assert connector.orders == ["gate-1"]


async def test_an_order_that_may_have_arrived_is_not_repeated_to_another_session(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    """Manager and connector die together after the order: nobody knows how much was sent."""
    device = FakeDevice("gate-1", holds={UpgradeState.PREPARING})
    connector = await connect(device)
    connector.answers.clear()
    first = await campaigns.manager().start()
    campaign = await campaigns.start("gate-1")
    await asyncio.wait_for(connector.ordered.wait(), 20)
    await first.crash()
    await connector.crash()
    connector.answers.set()
    await connector.start()
    async with campaigns.manager():
        await eventually(campaigns.over(campaign))
        (attempt,) = (await campaigns.status(campaign)).attempts
    assert (attempt.state, attempt.reason) == (UpgradeState.FAILED, "interrupted")
    assert connector.orders == ["gate-1"]


@pytest.mark.parametrize(
    "answer",
    [DeadlineExceeded("too slow"), Offline("cut off by a stop", retryable=False)],
    ids=["deadline", "cut-off"],
)
async def test_an_order_nobody_carried_out_is_repeated_in_the_same_session(
    campaigns: Campaigns, connect: Connect, eventually: Eventually, answer: CambusError
) -> None:
    """Its connector does not know the job, and would: it is the one that was asked."""
    device = FakeDevice("gate-1", refusal=answer)
    connector = await connect(device)
    async with campaigns.manager():
        campaign = await campaigns.start("gate-1")
        await eventually(lambda: connector.orders)
        device.refusal = None
        await eventually(campaigns.over(campaign))
    assert await campaigns.states(campaign) == {"gate-1": "succeeded"}
    assert connector.orders == ["gate-1"] * 2


async def test_an_order_that_was_carried_out_but_not_answered_is_not_repeated(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    device = FakeDevice("gate-1", holds={UpgradeState.PREPARING})
    connector = await connect(device)
    connector.answers.clear()
    async with campaigns.manager() as manager:
        asked = asyncio.Event()
        call = manager.runtime.client.call

        async def impatient(spec, request, **options):
            if spec is upgrade.START:
                return await call(spec, request, **options | {"timeout_s": 0.1})
            asked.set()
            return await call(spec, request, **options)

        manager.runtime.client.call = impatient
        campaign = await campaigns.start("gate-1")
        await asyncio.wait_for(asked.wait(), 20)
        connector.answers.set()
        await device.go_on()
        await eventually(campaigns.over(campaign))
    assert await campaigns.states(campaign) == {"gate-1": "succeeded"}
    assert connector.orders == ["gate-1"]


@pytest.mark.parametrize(("runs", "verdict"), [(OLD, "failed"), (NEW, "succeeded")])
async def test_a_job_its_connector_had_begun_before_is_decided_by_the_version(
    campaigns: Campaigns, connect: Connect, eventually: Eventually, runs: str, verdict: str
) -> None:
    device = FakeDevice(
        "gate-1", refusal=Conflict("begun before", reason="job-already-begun", retryable=False)
    )
    connector = await connect(device)
    async with campaigns.manager():
        campaign = await campaigns.start("gate-1")
        await eventually(lambda: connector.orders)
        device.version = runs
        await eventually(campaigns.over(campaign))
    assert await campaigns.states(campaign) == {"gate-1": verdict}
    assert connector.orders == ["gate-1"]


@pytest.mark.parametrize(
    ("dies_in", "comes_back_with", "verdict"),
    [
        (UpgradeState.TRANSFERRING, OLD, "failed"),
        (UpgradeState.TRANSFERRING, NEW, "succeeded"),
        (UpgradeState.FLASHING, OLD, "unchanged"),
        (UpgradeState.FLASHING, NEW, "succeeded"),
        (UpgradeState.REBOOTING, "V1.9", "unchanged"),
        (UpgradeState.REBOOTING, NEW, "succeeded"),
    ],
)
async def test_when_the_connector_dies_the_version_decides(
    campaigns: Campaigns,
    connect: Connect,
    eventually: Eventually,
    dies_in: UpgradeState,
    comes_back_with: str,
    verdict: str,
) -> None:
    device = FakeDevice("gate-1", holds={dies_in})
    connector = await connect(device)
    async with campaigns.manager():
        campaign = await campaigns.start("gate-1")
        await device.until(dies_in)
        await eventually(campaigns.shows(campaign, gate_1=dies_in.value))
        await connector.crash()
        device.version = comes_back_with
        await connector.start()
        await eventually(campaigns.over(campaign))
        (attempt,) = (await campaigns.status(campaign)).attempts
    assert (attempt.state.value, attempt.version_after) == (verdict, comes_back_with)
    assert connector.orders == ["gate-1"]


async def test_nothing_is_judged_while_the_connector_is_away(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    """Presence still shows the device with its old version, as the dead connector left it."""
    device = FakeDevice("gate-1", holds={UpgradeState.FLASHING})
    connector = await connect(device)
    async with campaigns.manager() as manager:
        asked = 0
        call = manager.runtime.client.call

        async def count(spec, request, **options):
            nonlocal asked
            asked += spec is upgrade.INFO
            return await call(spec, request, **options)

        manager.runtime.client.call = count
        campaign = await campaigns.start("gate-1")
        await eventually(campaigns.shows(campaign, gate_1="flashing"))
        await connector.crash()
        before = asked
        await eventually(lambda: asked >= before + 12)  # long after all would have settled
        assert await campaigns.states(campaign) == {"gate-1": "flashing"}
        device.version = NEW
        await connector.start()
        await eventually(campaigns.over(campaign))
    assert await campaigns.states(campaign) == {"gate-1": "succeeded"}


async def test_another_manager_takes_over_when_the_first_dies(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    devices = [FakeDevice(f"gate-{number}", holds={UpgradeState.TRANSFERRING}) for number in range(4)]
    connector = await connect(*devices)
    first = await campaigns.manager().start()
    async with campaigns.manager(instance="manager-2"):
        campaign = await campaigns.start(*connector.devices, concurrency=2)
        await eventually(campaigns.shows(campaign, gate_0="transferring", gate_1="transferring"))
        assert len(connector.orders) == 2  # only one of them runs it
        await first.crash()
        for device in devices:
            await device.go_on()
        await eventually(campaigns.over(campaign), within_s=40.0)
    assert set((await campaigns.states(campaign)).values()) == {"succeeded"}
    assert sorted(connector.orders) == sorted(connector.devices)
    assert connector.most_at_once <= 2


async def test_a_manager_that_stops_hands_over_at_once(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    device = FakeDevice("gate-1", holds={UpgradeState.FLASHING})
    connector = await connect(device, FakeDevice("gate-2"))
    first = await campaigns.manager(lease_ttl_s=300.0).start()
    campaign = await campaigns.start("gate-1", "gate-2")
    await eventually(campaigns.shows(campaign, gate_1="flashing"))
    async with campaigns.manager(instance="manager-2", lease_ttl_s=300.0):
        await first.stop()
        await device.go_on()
        await eventually(campaigns.over(campaign))
    assert set((await campaigns.states(campaign)).values()) == {"succeeded"}
    assert connector.orders == ["gate-1", "gate-2"]


@pytest.mark.parametrize(
    ("lost_at", "on_record"),
    [(1, {}), (2, {}), (3, {"gate-1": "preparing"})],
    ids=["before-the-device", "before-the-record", "before-the-order"],
)
async def test_a_manager_whose_lease_is_lost_orders_nothing(
    campaigns: Campaigns, connect: Connect, eventually: Eventually, lost_at: int, on_record: dict[str, str]
) -> None:
    """Whenever that happens: it asks right before the order goes out, and whoever has the lease next sends it."""
    connector = await connect()
    campaign = await campaigns.write("gate-1")
    questions = 0

    def may_act() -> bool:
        nonlocal questions
        questions += 1
        return questions < lost_at

    async with campaigns.runner(campaign, may_act):
        await eventually(lambda: questions >= lost_at + 3)
        assert await campaigns.states(campaign) == on_record
    assert connector.orders == []
    async with campaigns.manager():
        await eventually(campaigns.over(campaign))
    assert connector.orders == ["gate-1"]


async def test_an_outage_of_nats_is_waited_out(
    campaigns: Campaigns, connect: Connect, eventually: Eventually, nats_server: NatsServer
) -> None:
    device = FakeDevice("gate-1", holds={UpgradeState.TRANSFERRING})
    connector = await connect(device, FakeDevice("gate-2"))
    async with campaigns.manager(lease_ttl_s=30.0):
        campaign = await campaigns.start("gate-1", "gate-2")
        await eventually(campaigns.shows(campaign, gate_1="transferring"))
        await nats_server.restart()
        for bus in (campaigns.bus, connector.bus):
            await bus.wait_connected(20)
        await device.go_on()
        await eventually(campaigns.over(campaign))
    assert set((await campaigns.states(campaign)).values()) == {"succeeded"}
    assert connector.orders == ["gate-1", "gate-2"]


async def test_a_lease_that_ends_in_an_outage_ends_the_campaign_here_until_it_is_taken_again(
    campaigns: Campaigns, connect: Connect, eventually: Eventually, nats_server: NatsServer
) -> None:
    device = FakeDevice("gate-1", holds={UpgradeState.TRANSFERRING})
    connector = await connect(device, FakeDevice("gate-2"))
    async with campaigns.manager() as manager:
        campaign = await campaigns.start("gate-1", "gate-2")
        await eventually(campaigns.shows(campaign, gate_1="transferring"))
        nats_server.kill()
        await eventually(lambda: campaign not in manager.service.running)
        await nats_server.start()
        for bus in (campaigns.bus, connector.bus):
            await bus.wait_connected(20)
        await device.go_on()
        await eventually(campaigns.over(campaign), within_s=40.0)
    assert set((await campaigns.states(campaign)).values()) == {"succeeded"}
    assert connector.orders == ["gate-1", "gate-2"]
