"""A fleet is upgraded while managers and its connector are killed: no device is forgotten, none ordered twice."""

from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from upgrade_rig import NEW, OLD, Campaigns, FakeConnector, FakeDevice

from cambus.schemas.errors import DeviceRefused
from cambus.schemas.state.upgrades import CampaignState

Connect = Callable[..., Awaitable[FakeConnector]]
Eventually = Callable[..., Awaitable[None]]


def fleet(count: int) -> list[FakeDevice]:
    """Devices of which some keep their version, and some refuse the image."""
    return [
        FakeDevice(
            f"cam-{number}",
            becomes=OLD if number % 7 == 3 else NEW,
            refusal=DeviceRefused("not for me", reason="wrong-hardware") if number % 7 == 5 else None,
            tags=[f"site:{number % 3}"],
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("count", [21, pytest.param(105, marks=pytest.mark.slow)])
async def test_whoever_is_killed_every_device_is_accounted_for_and_none_ordered_twice(
    campaigns: Campaigns, connect: Connect, eventually: Eventually, count: int
) -> None:
    connector = await connect(*fleet(count))
    manager = await campaigns.manager().start()
    campaign = await campaigns.start(
        selection={"match": {"tags": []}},
        concurrency=6,
        limits=[{"tag": "site:*", "concurrency": 3}],
        canary={"devices": 1, "required_percent": 100.0},
        waves=[{"percent": 20.0}],
        retries=1,
        retry_delay_s=0,
    )
    for share in (0.2, 0.4, 0.7):
        await eventually(lambda share=share: len(connector.orders) >= share * count, within_s=120)
        await manager.crash()
        if share == 0.4:
            await connector.crash()
            await connector.start()
        manager = await campaigns.manager(instance=f"manager-{share * 10:.0f}").start()
    await eventually(campaigns.over(campaign), within_s=240)
    status = await campaigns.status(campaign)
    await manager.stop()

    assert status.campaign.state is CampaignState.FINISHED
    assert sum(status.counts.values()) == count
    took = {name for name, device in connector.devices.items() if device.refusal is None}
    twice = {name for name, times in Counter(connector.orders).items() if times > 1}
    assert (
        twice & took == set()
    )  # who refuses has done nothing, and is asked again if nobody was left to hear it
    lost = {each.device for each in status.attempts if each.reason == "interrupted"}  # with the connector
    assert set(connector.orders) | lost == set(connector.devices)
    assert connector.most_at_once <= 6
    versions = {device.id: device.version for device in connector.devices.values()}
    for attempt in status.attempts:
        assert (attempt.state == "succeeded") == (versions[attempt.device] == NEW), attempt
        assert attempt.steps[-1].state is attempt.state
    refused = {each.device for each in status.attempts if each.reason == "wrong-hardware"}
    assert refused == {f"cam-{number}" for number in range(count) if number % 7 == 5} - lost
