"""Links whose requests are signed in both directions (GB-277)."""

import pytest
from camera import H264, Camera
from cascade_rig import OURS

from cambus.client.kv import KeyValue
from cambus.gb28181 import ptz as wire
from cambus.gb28181.errors import Refused
from cambus.gb28181.manscdp.control import DeviceControl
from cambus.gb28181.ptz import Move
from cambus.gb28181.subscriptions import Topic
from cambus.schemas import keys
from cambus.schemas.assets import KV_POLICIES
from cambus.schemas.state.cascade import CascadeStatus
from cambus.schemas.state.credentials import Credentials
from cambus.sip.digest import Algorithm

DIGEST = Algorithm.SM3 if Algorithm.SM3.available else Algorithm.SHA256


def refusals(rig, reason):
    """How many requests were refused for it."""
    (line,) = (
        line
        for line in rig.metrics.render().decode().splitlines()
        if line.startswith(f'cambus_cascade_refusals_total{{reason="{reason}"}}')
    )
    return float(line.split()[-1])


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_signed_link_does_all_that_another_does(rig, unique, transport):
    upper = await rig.upper(signing=DIGEST)
    camera = await rig.enter(Camera(rig.bus, f"cam-{unique}", H264))
    link = await rig.linked(upper, signing=DIGEST.value, transport=transport)
    code = await rig.code_of(link, camera.device)
    assert code in {each.code for each in await upper.catalog(OURS)}
    upper.subscribe(OURS, Topic.CATALOG)
    await rig.until(lambda: rig.held(link).watchers.active)
    watching = await upper.play(OURS, code, transport="udp")
    await watching.wait_for(lambda: watching.pictures > 5)
    await upper.control(OURS, code, DeviceControl(ptz=wire.move(Move.RIGHT, pan_speed=200).hex()))
    await rig.until(lambda: camera.moves)
    await watching.close()
    await rig.until(lambda: not rig.held(link).sessions.open)
    await upper.unsubscribe(OURS, Topic.CATALOG)
    assert [refusals(rig, f"signature-{how}") for how in ("missing", "wrong", "old")] == [0, 0, 0]
    assert not [name for name in upper.platform.registrar.counts if name.startswith("signature")]


@pytest.mark.parametrize(
    ("signing", "reason"), [(None, "signature-missing"), (Algorithm.MD5, "signature-wrong")]
)
async def test_a_platform_that_does_not_prove_its_requests_is_refused_and_counted(
    rig, unique, signing, reason
):
    upper = await rig.upper(signing=DIGEST)
    camera = await rig.enter(Camera(rig.bus, f"cam-{unique}", H264))
    link = await rig.linked(upper, signing=DIGEST.value)
    code = await rig.code_of(link, camera.device)
    upper.signing = signing
    with pytest.raises(Refused) as refused:
        await upper.control(OURS, code, DeviceControl(ptz=wire.move(Move.RIGHT, pan_speed=200).hex()))
    assert refused.value.status == 403
    assert refusals(rig, reason)
    assert not camera.moves


async def test_a_platform_that_wants_signatures_refuses_a_link_without(rig, unique):
    upper = await rig.upper(signing=DIGEST)
    camera = await rig.enter(Camera(rig.bus, f"cam-{unique}", H264))
    link = await rig.linked(upper, keepalive_s=1.0)
    await rig.code_of(link, camera.device)
    await rig.until(lambda: upper.platform.registrar.counts["signature-missing"])


async def test_a_link_without_a_password_says_why_it_can_not_sign(rig, eventually):
    upper = await rig.upper()
    rig.passwords.known["upper"] = Credentials()
    await rig.replica()
    link = await rig.link(upper, signing=DIGEST.value)
    statuses = KeyValue(rig.bus, KV_POLICIES, CascadeStatus)

    async def told():
        entry = await statuses.get(keys.cascade_status(link.id))
        return entry is not None and not entry.value.registered and "password" in entry.value.last_error

    await eventually(told)
