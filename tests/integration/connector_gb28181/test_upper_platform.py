"""The connector as a part of a larger platform: its own cameras, shown upward by the same process."""

from gb28181_rig import TIMES

from cambus.client.kv import KeyValue
from cambus.schemas import keys
from cambus.schemas.assets import KV_POLICIES
from cambus.schemas.commands import cascade
from cambus.schemas.state.cascade import CascadeLink, CascadeShare
from cambus.simulators.gb28181.upper import UpperPlatform

UPPER, OURS = "34010000002000000001", "34020000002000000002"
PASSWORD = "0f the city platform"


async def test_a_camera_of_ours_is_listed_and_watched_from_above_and_its_link_goes_with_the_connector(
    bench, gate
):
    await bench.online(gate)
    presence = await bench.shown(gate, lambda now: now.online and len(now.channels) == 1)
    await bench.credential("city", PASSWORD)
    upper = await bench.enter(UpperPlatform(code=UPPER, accounts={OURS: PASSWORD}, times=TIMES))
    link = CascadeLink(
        id="city",
        code=OURS,
        server_code=UPPER,
        server_address=f"127.0.0.1:{upper.port}",
        credentials={"name": "city"},
        shares=[CascadeShare(devices=[gate])],
    )
    await bench.client.call(cascade.PUT, cascade.CascadePutRequest(link=link))
    await upper.wait_for(lambda: upper.registered(OURS), 30.0)
    camera = presence.channels[0].native_id
    assert camera in [item.code for item in await upper.catalog(OURS)]
    watching = await upper.play(OURS, camera, transport="udp")
    await watching.wait_for(lambda: watching.pictures >= 10, 60.0)
    await bench.connectors["replica-1"].stop()
    await upper.wait_for(lambda: not upper.registered(OURS), 30.0)
    await KeyValue(bench.bus, KV_POLICIES, CascadeLink).delete(keys.cascade_link("city"))
