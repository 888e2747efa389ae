"""Only the platform itself is answered; whoever else asks is told nothing (GB-249)."""

import pytest
from camera import H264, Camera
from cascade_rig import OURS, UPPER
from sip_peer import UdpDevice, request_text

from cambus.gb28181 import ptz as wire
from cambus.gb28181.manscdp import catalog as catalogs
from cambus.gb28181.manscdp.control import DeviceControl
from cambus.gb28181.ptz import Move
from cambus.gb28181.sdp import Description


async def asked_by_stranger(rig, link, method, code, body, kind, host):
    """What a stranger gets who says what the platform would say."""
    port = rig.held(link).context.agent.endpoint.port
    async with UdpDevice(host=host) as stranger:
        text = request_text(
            method,
            uri=f"sip:{code}@3402000000",
            via=[f"SIP/2.0/UDP {host}:{stranger.address[1]};rport;branch=z9hG4bK-{method}-{code}"],
            from_=f"<sip:{UPPER}@3401000000>;tag=1",
            to=f"<sip:{code}@3402000000>",
            call_id=f"{method}-{code}",
            headers=[f"Content-Type: {kind}", "Contact: <sip:x@192.0.2.1>", "Event: Catalog", "Expires: 600"],
            body=body,
        )
        stranger.say(text, port)
        while (answer := await stranger.hears()).status == 100:
            continue
        return answer


@pytest.mark.parametrize("method", ["MESSAGE", "INVITE", "SUBSCRIBE", "NOTIFY", "BYE", "INFO", "OPTIONS"])
async def test_a_stranger_is_refused_whatever_he_asks(rig, unique, method):
    upper = await rig.upper()
    camera = await rig.enter(Camera(rig.bus, f"cam-{unique}", H264))
    link = await rig.linked(upper)
    code = await rig.code_of(link, camera.device)
    bodies = {
        "MESSAGE": (catalogs.query(1, OURS), "Application/MANSCDP+xml"),
        "SUBSCRIBE": (catalogs.query(1, OURS), "Application/MANSCDP+xml"),
        "INVITE": (Description(UPPER, "127.0.0.1", 9999).serialize(), "application/sdp"),
    }
    body, kind = bodies.get(method, (b"", "text/plain"))
    for wanted in (code, "34020000001319999999"):  # what there is, and what there is not
        answer = await asked_by_stranger(rig, link, method, wanted, body, kind, "127.0.0.9")
        assert answer.status == 403
        assert not answer.body
        assert camera.device not in str(answer.headers)
    assert not rig.held(link).sessions.open
    assert not rig.held(link).watchers.active
    assert not camera.ever_claimed
    assert rig.held(link).context.agent.refused == 2


async def test_a_stranger_moves_nothing(rig, unique):
    upper = await rig.upper()
    camera = await rig.enter(Camera(rig.bus, f"cam-{unique}", H264))
    link = await rig.linked(upper)
    code = await rig.code_of(link, camera.device)
    body = DeviceControl(ptz=wire.move(Move.RIGHT, pan_speed=100).hex()).serialize(1, code)
    answer = await asked_by_stranger(rig, link, "MESSAGE", code, body, "Application/MANSCDP+xml", "127.0.0.8")
    assert answer.status == 403
    assert camera.moves == []
