"""Live pictures for the upper platform: decoded there, and shared with whoever watches here (GB-244, GB-246)."""

import pytest
from camera import H264, H265, Camera
from cascade_rig import OURS


@pytest.mark.parametrize("transport", ["udp", "tcp-passive", "tcp-active"])
async def test_the_platform_decodes_what_a_device_sends(rig, unique, transport):
    upper = await rig.upper()
    camera = await rig.enter(Camera(rig.bus, f"cam-{unique}", H264))
    link = await rig.linked(upper)
    code = await rig.code_of(link, camera.device)
    watching = await upper.play(OURS, code, transport=transport)
    await watching.wait_for(lambda: watching.pictures >= 30 and watching.sounds >= 5)
    assert set(watching.decode()) == {(320, 240)}
    assert watching.gaps == 0
    await watching.close()
    await camera.until(lambda: not camera.claims)


async def test_h265_is_sent_as_such(rig, unique):
    upper = await rig.upper()
    camera = await rig.enter(Camera(rig.bus, f"cam-{unique}", H265))
    link = await rig.linked(upper)
    watching = await upper.play(OURS, await rig.code_of(link, camera.device), transport="udp")
    await watching.wait_for(lambda: watching.pictures >= 30)
    assert set(watching.decode()) == {(320, 240)}
