"""What a platform has of a device of each make, over real sockets (GB-061, GB-073, GB-087, GB-102, GB-103, GB-123)."""

import asyncio
from datetime import UTC, datetime

import pytest
from gb28181_rig import DEVICE, EPOCH, NVR, Rig

from cambus.gb28181.catalog_assembly import Outcome
from cambus.gb28181.catalog_tree import CatalogTree
from cambus.gb28181.manscdp.control import DeviceControl
from cambus.gb28181.manscdp.records import search
from cambus.gb28181.ptz import STOP, Move, move
from cambus.gb28181.values import write_time
from cambus.simulators.gb28181.quirks import Quirks

PROFILES = ("dahua_ipc", "hik_nvr", "std_2022")


@pytest.fixture
async def rig():
    async with Rig() as made:
        yield made


def now():
    return asyncio.get_running_loop().time


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize("profile", PROFILES)
async def test_a_device_is_asked_commanded_and_searched(rig, profile, tcp):
    """PTZ is sent whatever type of head a catalog names: the speed dome of the exchange calls itself fixed."""
    sim = await rig.device(code=DEVICE if profile != "hik_nvr" else NVR, profile=profile, tcp=tcp)
    remote, channel = rig.remote(sim), sim.channels[0]
    info, status = await remote.info(), await remote.status()
    assert (info.manufacturer, info.model, info.ok) == (sim.profile.manufacturer, sim.profile.model, True)
    assert (status.online, status.encoding) == ("ONLINE", True)
    result = await remote.catalog(now=now())
    tree = CatalogTree.of(sim.code, result.items)
    assert [each.code for each in tree.channels()] == sim.channels
    if profile == "dahua_ipc":
        assert result.items[channel].info["PTZType"] == "3"
    await remote.control(DeviceControl(ptz=move(Move.UP, tilt_speed=100).hex()), channel)
    await sim.wait_for(lambda: sim.head().moving)
    await remote.control(DeviceControl(ptz=STOP.hex()), channel)
    await sim.wait_for(lambda: not sim.head().moving)
    start, end = (write_time(datetime.fromtimestamp(EPOCH + each, UTC)) for each in (-3600, 3600))
    found = await remote.records(search(start, end), channel, now=now())
    assert found.complete


@pytest.mark.parametrize(
    ("quirks", "outcome"),
    [
        (Quirks(part_items=1), Outcome.COMPLETE),
        (Quirks(part_items=1, shuffle_parts=True), Outcome.COMPLETE),
        (Quirks(part_items=2, sum_num="too_high"), Outcome.PARTIAL),
        (Quirks(part_items=2, sum_num="per_message"), Outcome.COMPLETE),
        (Quirks(part_items=4, sn="own"), Outcome.COMPLETE),
        (Quirks(part_items=3, duplicate={"Catalog"}), Outcome.COMPLETE),
    ],
)
async def test_a_catalog_in_parts_is_whole_or_says_that_it_is_not(rig, quirks, outcome):
    codes = [f"3402000000131{number:07d}" for number in range(30)]
    sim = await rig.device(code=NVR, channels=codes, quirks=quirks)
    result = await rig.remote(sim).catalog(now=now())
    assert result.outcome is outcome
    assert set(result.items) == {each.code for each in sim.device.catalog()}
    if outcome is Outcome.PARTIAL:
        assert result.announced == len(result.items) + 10


async def test_searches_of_many_channels_at_once_stay_apart(rig):
    codes = [f"3402000000131{number:07d}" for number in range(8)]
    sim = await rig.device(code=NVR, profile="hik_nvr", channels=codes)
    start, end = (write_time(datetime.fromtimestamp(EPOCH + each, UTC)) for each in (-3600, 3600))
    remote = rig.remote(sim)
    found = await asyncio.gather(*(remote.records(search(start, end), code, now=now()) for code in codes * 2))
    for code, each in zip(codes * 2, found, strict=True):
        assert each.complete
        assert {one.code for one in each.records} == {code}
