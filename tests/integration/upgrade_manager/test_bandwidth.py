"""The bandwidth that all campaigns share, whichever replicas run them."""

from collections.abc import Awaitable, Callable

from upgrade_rig import Campaigns, FakeConnector, FakeDevice

from cambus.client.kv import KeyValue
from cambus.schemas import assets, keys
from cambus.schemas.state.upgrades import TransferShares
from cambus.schemas.upgrades import UpgradeState

Connect = Callable[..., Awaitable[FakeConnector]]
Eventually = Callable[..., Awaitable[None]]


def devices(count: int) -> list[FakeDevice]:
    return [FakeDevice(f"cam-{number}", holds={UpgradeState.TRANSFERRING}) for number in range(count)]


async def test_campaigns_of_all_replicas_together_take_no_more_than_the_bandwidth_there_is(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    limit = {"upgrade_max_bytes_per_s": 100_000}
    fleet = devices(3)
    connector = await connect(*fleet)
    async with campaigns.manager(**limit), campaigns.manager(**limit, instance="upgrade-manager-2"):
        first = await campaigns.start("cam-0", "cam-1", concurrency=2, max_bytes_per_s=100_000)
        for device in fleet[:2]:
            await device.until(UpgradeState.TRANSFERRING)
        second = await campaigns.start("cam-2", max_bytes_per_s=40_000)

        async def squeezed() -> bool:
            return "bandwidth" in (await campaigns.status(second)).waits_for

        await eventually(squeezed)
        shared = (await campaigns.status(second)).shared
        assert shared is not None
        assert (shared.max_bytes_per_s, shared.taken_bytes_per_s, shared.transfers) == (100_000, 100_000, 2)
        assert (await campaigns.states(second)) in ({}, {"cam-2": "queued"})
        await fleet[0].go_on()
        await fleet[2].until(UpgradeState.TRANSFERRING)
        await fleet[1].go_on()
        await fleet[2].go_on()
        for campaign in (first, second):
            await eventually(campaigns.over(campaign))

        async def given_back() -> bool:
            shared = (await campaigns.status(second)).shared
            return shared is not None and shared.transfers == 0

        await eventually(given_back)
    assert [each.max_bytes_per_s for each in connector.requests] == [50_000, 50_000, 40_000]


async def test_what_a_manager_that_died_had_taken_of_the_bandwidth_is_given_back(
    campaigns: Campaigns, connect: Connect, eventually: Eventually
) -> None:
    fleet = devices(2)
    await connect(*fleet)
    manager = await campaigns.manager(upgrade_max_bytes_per_s=50_000).start()
    first = await campaigns.start("cam-0")
    await fleet[0].until(UpgradeState.TRANSFERRING)
    await manager.crash()
    gone = TransferShares(bytes_per_s={"forgotten.cam-9": 50_000, f"{first}.cam-0": 50_000})
    await KeyValue(campaigns.bus, assets.KV_UPGRADES, TransferShares).put(keys.TRANSFERS, gone)
    async with campaigns.manager(upgrade_max_bytes_per_s=50_000, instance="upgrade-manager-2"):
        second = await campaigns.start("cam-1")
        await fleet[0].go_on()
        await fleet[1].until(UpgradeState.TRANSFERRING)
        await fleet[1].go_on()
        for campaign in (first, second):
            await eventually(campaigns.over(campaign))
