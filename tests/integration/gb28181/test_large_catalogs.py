"""Catalogs of thousands, in one message and in as many as devices like (GB-102, GB-111, GB-121)."""

import asyncio
from dataclasses import replace

import pytest
from gb28181_by_hand import DEVICE, OTHER, Platform, hand_device
from gb28181_rig import NVR, TIMES, Rig

from cambus.gb28181.catalog_assembly import AssemblyTimes, Outcome
from cambus.gb28181.manscdp.catalog import CatalogItem, response
from cambus.gb28181.manscdp.records import RecordItem, RecordPart, search
from cambus.gb28181.times import Times

MANY = 10_000
PATIENT = Times(catalog=AssemblyTimes(first_s=120.0, gap_s=60.0))


def code(number):
    return f"3402000000131{number:07d}"


def item(number):
    return CatalogItem(
        code(number),
        f"摄像机 {number}",
        (OTHER,),
        manufacturer="maker of many cameras",
        model="a model with a long name",
        civil_code="340200",
        block="block",
        address=f"somewhere in the street of number {number}",
        register_way=1,
        longitude=116.0 + number / MANY,
        latitude=39.0,
        info={
            "PTZType": "1",
            "Resolution": "5/6",
            "DownloadSpeed": "1/2/4",
            "StreamNumberList": "0/1",
            "RoomType": "1",
        },
    )


@pytest.fixture(scope="module")
def items():
    """A city of cameras."""
    return [item(number) for number in range(MANY)]


def catalog_of(platform):
    return asyncio.create_task(platform.gb.device(DEVICE).catalog(now=asyncio.get_running_loop().time))


async def test_ten_thousand_in_one_message_over_tcp_and_keepalives_meanwhile(items):
    async with (
        Platform(times=PATIENT) as platform,
        hand_device(platform, tcp=True) as device,
        hand_device(platform, OTHER) as other,
    ):
        asking = catalog_of(platform)
        asked = await device.asked()
        body = response(asked.sn, DEVICE, MANY, items)
        assert len(body) > 5_000_000
        telling, beats = asyncio.create_task(device.tell(body)), 0
        while not asking.done():
            assert await other.keepalive() == 200
            beats += 1
        assert await telling == 200
        result = await asking
        assert (result.outcome, result.announced) == (Outcome.COMPLETE, MANY)
        assert list(result.items) == [each.code for each in items]
        assert result.items[code(7)].name == "摄像机 7"
        assert beats > 3


@pytest.mark.parametrize("tcp", [True, False])
async def test_ten_thousand_in_two_thousand_five_hundred_messages(items, tcp):
    async with Platform(times=PATIENT) as platform, hand_device(platform, tcp=tcp) as device:
        asking = catalog_of(platform)
        asked = await device.asked()
        for at in range(0, MANY, 4):
            assert await device.tell(response(asked.sn, DEVICE, MANY, items[at : at + 4])) == 200
        result = await asking
        assert (result.outcome, set(result.items)) == (Outcome.COMPLETE, {each.code for each in items})


@pytest.mark.parametrize("run", range(3))
@pytest.mark.parametrize("profile", ["std_2022", "hik_nvr"])
async def test_a_hundred_and_forty_over_udp_never_end_short(run, profile):
    """By fours, and one by one: all there, however often it is asked."""
    async with Rig(replace(TIMES, catalog=replace(PATIENT.catalog, quiet_s=0.05))) as rig:
        sim = await rig.device(code=NVR, profile=profile, channels=[code(n) for n in range(140)])
        result = await rig.remote(sim).catalog(now=asyncio.get_running_loop().time)
        assert result.outcome is Outcome.COMPLETE, run
        assert {code(n) for n in range(140)} <= set(result.items)


async def test_thousands_of_recordings_in_one_message():
    records = tuple(
        RecordItem(
            code(1), "gate", f"{n}", "gate", f"2024-05-{n // 720 + 1:02d}T00:00:{n % 60:02d}", None, 0, "time"
        )
        for n in range(5_000)
    )
    async with Platform() as platform, hand_device(platform, tcp=True) as device:
        now = asyncio.get_running_loop().time
        asking = asyncio.create_task(platform.gb.device(DEVICE).records(search("a", "b"), code(1), now=now))
        asked = await device.asked()
        assert await device.tell(RecordPart("gate", 5_000, records).serialize(asked.sn, code(1))) == 200
        result = await asking
        assert (result.complete, len(result.records)) == (True, 5_000)
