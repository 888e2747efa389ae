"""Cameras that several lower platforms show, and the ways to them (GB-251)."""

import logging

import pytest
from camera import H264, Camera
from cascade_rig import OURS, Packets

from cambus.client.kv import KeyValue
from cambus.schemas.assets import KV_PRESENCE
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.state.presence import Presence

SHARED = "34020000001310000042"


class Lower(Camera):
    """A lower platform on the bus: the camera both show is its first channel, and there is another."""

    def __init__(self, bus, device, number):
        super().__init__(bus, device, H264)
        self.number = number
        self.presence = KeyValue(bus, KV_PRESENCE, Presence)

    async def _show(self, *, online):
        channels = [
            ChannelInfo(channel=0, name="Crossing", native_id=SHARED, streams=["main"]),
            ChannelInfo(channel=1, name="Own", native_id=f"3402000000131000010{self.number}"),
        ]
        presence = Presence(
            device=self.device,
            protocol="gb28181",
            online=online,
            since="2026-02-01T00:00:00Z",
            channels=channels,
            channels_total=2,
        )
        await self.presence.put(self.device, presence)


@pytest.fixture
async def both(rig, unique):
    """A link that shows two lower platforms with one camera in common."""
    made = [await rig.enter(Lower(rig.bus, f"lower{number}-{unique}", number)) for number in (1, 2)]
    upper = await rig.upper()
    link = await rig.linked(upper, version="3.0", shares=[{"devices": [f"lower?-{unique}"]}])
    await rig.until(lambda: len(rig.held(link).context.shared) == 6)
    return upper, link, made


async def test_a_camera_on_two_ways_is_one_item_under_both(rig, both):
    upper, link, lowers = both
    shared = rig.held(link).context.shared
    systems = [shared.at(each.device, None).code for each in lowers]
    items = {item.code: item for item in await upper.catalog(OURS)}
    assert len(items) == 6
    assert items[SHARED].parents == tuple(systems)
    assert items[SHARED].on
    await lowers[0].go_offline()
    await rig.until(lambda: not rig.held(link).context.shared.at(lowers[0].device, 1).online)
    items = {item.code: item for item in await upper.catalog(OURS)}
    assert items[SHARED].on  # the other way is there
    assert not items["34020000001310000101"].on
    watching = await upper.play(OURS, SHARED, transport="udp")
    await watching.wait_for(lambda: watching.pictures > 3)
    assert lowers[1].claims
    await lowers[1].go_offline()
    await watching.wait_for(lambda: watching.ending is not None)
    await rig.until(lambda: not rig.held(link).context.shared.node(SHARED).online)


@pytest.mark.parametrize("chosen", [0, 1])
async def test_the_platform_chooses_the_way(rig, both, chosen):
    upper, link, lowers = both
    system = rig.held(link).context.shared.at(lowers[chosen].device, None).code
    async with Packets() as packets:
        await packets.offer(
            upper, SHARED, headers=[("X-PreferredPath", f"34010000002000000001-{OURS}-{system}")]
        )
        await packets.until(5)
        assert [bool(each.claims) for each in lowers] == [chosen == 0, chosen == 1]


async def test_a_way_that_is_not_there_is_the_usual_one(both):
    upper, _, lowers = both
    async with Packets() as packets:
        await packets.offer(upper, SHARED, headers=[("X-PreferredPath", f"{OURS}-34029999992000000001")])
        await packets.until(5)
        assert lowers[0].claims


async def test_the_answer_tells_its_way_and_what_comes_round_is_refused(both):
    upper, _, lowers = both
    async with Packets() as packets:
        await packets.offer(upper, SHARED)
        assert packets.response.headers.get("X-RoutePath") == OURS
    async with Packets() as packets:
        with pytest.raises(AssertionError, match="482"):
            await packets.offer(upper, SHARED, headers=[("X-RoutePath", f"{OURS}-34010000002000000001")])
    assert not lowers[1].ever_claimed


async def test_who_gives_an_order_is_audited_as_the_platform_says(rig, both, caplog):
    caplog.set_level(logging.INFO, "cambus.audit")
    upper, _, lowers = both
    platform = upper.platform
    peer = platform.registrar.binding(OURS).peer
    request = platform.compose("MESSAGE", OURS, peer, sequence=1)
    request.headers.add("Content-Type", "Application/MANSCDP+xml")
    request.headers.add("Monitor-User-Identity", "34010000004000000007-gate-9")
    request.body = (
        b"<Control><CmdType>DeviceControl</CmdType><SN>1</SN><DeviceID>" + SHARED.encode()
        + b"</DeviceID><PTZCmd>A50F0000000000B4</PTZCmd></Control>"
    )  # fmt: skip
    response = await platform.endpoint.request(request, peer, timeout_s=8.0)
    assert response.status == 200
    await upper.wait_for(lambda: [record for record in caplog.records if record.name == "cambus.audit"])
    line = next(record for record in caplog.records if record.name == "cambus.audit")
    assert line.user == "34010000004000000007-gate-9"
    assert lowers[0].moves
