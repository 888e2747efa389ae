"""Who says to be a device and does not speak from where it is changes nothing (GB-270, GB-271)."""

import asyncio

import pytest
from gb28181_by_hand import CHANNEL, DEVICE, DOMAIN, SERVER, Platform, hand_device
from gb28181_rig import NVR, Rig
from sip_peer import BRANCH, UdpDevice, request_text

from cambus.gb28181.manscdp.envelope import CONTENT_TYPE
from cambus.gb28181.platform import Told
from cambus.gb28181.registrar import Online
from cambus.gb28181.subscriptions import Subscription, Topic, Wanted

WHEN = "<Time>2026-01-02T03:04:05</Time>"
BODIES = {
    "keepalive": "<Notify><CmdType>Keepalive</CmdType><SN>1</SN><DeviceID>{}</DeviceID><Status>OK</Status></Notify>",
    "alarm": "<Notify><CmdType>Alarm</CmdType><SN>2</SN><DeviceID>{}</DeviceID><AlarmPriority>1</AlarmPriority>"
    "<AlarmMethod>5</AlarmMethod><AlarmTime>2026-01-02T03:04:05</AlarmTime></Notify>",
    "position": "<Notify><CmdType>MobilePosition</CmdType><SN>3</SN><DeviceID>{}</DeviceID>"
    + WHEN
    + "<Longitude>1</Longitude><Latitude>1</Latitude></Notify>",
    "catalog": "<Notify><CmdType>Catalog</CmdType><SN>4</SN><DeviceID>{0}</DeviceID><SumNum>1</SumNum>"
    "<DeviceList Num='1'><Item><DeviceID>{0}</DeviceID><Event>DEL</Event></Item></DeviceList></Notify>",
    "result": "<Response><CmdType>DeviceControl</CmdType><SN>1</SN><DeviceID>{}</DeviceID>"
    "<Result>OK</Result></Response>",
    "end of media": "<Notify><CmdType>MediaStatus</CmdType><SN>5</SN><DeviceID>{}</DeviceID>"
    "<NotifyType>121</NotifyType></Notify>",
}


@pytest.fixture
async def platform():
    async with Platform() as made:
        yield made


def state(platform):
    """All a platform knows of the device."""
    return platform.gb.registrar.binding(DEVICE), platform.gb.registrar.online(DEVICE)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9"], ids=["other port", "other address"])
@pytest.mark.parametrize("method", ["MESSAGE", "NOTIFY"])
@pytest.mark.parametrize("kind", BODIES)
async def test_bodies_from_elsewhere_are_refused_and_told_to_nobody(platform, kind, method, host):
    async with (
        hand_device(platform),
        hand_device(platform, register=False, host=host) as spoofer,
    ):
        before, told = state(platform), len(platform.events)
        body = BODIES[kind].format(DEVICE).encode()
        response = await spoofer.ask(method, body=body)
        assert response.status == (403 if method == "MESSAGE" else 481)
        assert await spoofer.tell(body, code=CHANNEL) == 403  # nor in the name of one of its channels
        assert state(platform) == before
        assert len(platform.events) == told


async def test_an_answer_from_elsewhere_is_not_taken_for_the_device_s(platform):
    async with (
        hand_device(platform) as device,
        hand_device(platform, register=False, host="127.0.0.9") as spoofer,
    ):
        asking = asyncio.create_task(platform.gb.device(DEVICE).info())
        asked = await device.asked()
        lie = (
            f"<Response><CmdType>DeviceInfo</CmdType><SN>{asked.sn}</SN><DeviceID>{DEVICE}</DeviceID>"
            "<Manufacturer>{}</Manufacturer></Response>"
        )
        assert await spoofer.tell(lie.format("Nobody").encode()) == 403
        assert await device.tell(lie.format("Maker").encode()) == 200
        assert (await asking).manufacturer == "Maker"


@pytest.mark.parametrize("method", ["INVITE", "BYE", "INFO", "SUBSCRIBE", "OPTIONS"])
async def test_other_requests_from_elsewhere_change_nothing(platform, method):
    async with (
        hand_device(platform),
        hand_device(platform, register=False, host="127.0.0.9") as spoofer,
    ):
        before, told = state(platform), len(platform.events)
        status = (await spoofer.ask(method)).status
        assert status == {"INVITE": 403, "SUBSCRIBE": 403, "OPTIONS": 200}.get(method, 481)
        assert (state(platform), len(platform.events)) == (before, told)


class Overheard:
    """Somebody who has seen every message of a session."""

    def __init__(self, sim, asked="INVITE", method="INVITE"):
        self.invite = sim.heard(asked)[-1]
        self.answer = sim.said(f"200 {method}")[-1]

    def request(self, method, *, tag=None, number=0, body=b"", headers=()):
        ours = self.invite.from_tag if tag is None else tag
        return request_text(
            method,
            uri=f"sip:{SERVER}@{DOMAIN}",
            via=[f"SIP/2.0/UDP 127.0.0.9:5060;rport;branch={BRANCH}-{method}-{number}"],
            from_=self.answer.headers.get("To"),
            to=f"<sip:{SERVER}@{DOMAIN}>;tag={ours}",
            call_id=self.invite.call_id,
            cseq=f"{100 + number} {method}",
            headers=headers,
            body=body,
        )


async def test_who_overheard_a_session_cannot_end_or_move_it():
    async with Rig() as rig, UdpDevice(host="127.0.0.9") as spoofer:
        sim = await rig.device()
        session, units = await rig.watch(sim)
        await units.until(lambda: units.pictures)
        overheard, told = Overheard(sim), len(rig.events)
        over = BODIES["end of media"].format(sim.code).encode()
        sdp = b"v=0\r\no=- 0 0 IN IP4 127.0.0.9\r\ns=Play\r\nc=IN IP4 127.0.0.9\r\nt=0 0\r\nm=video 9 RTP/AVP 96\r\n"
        for method, kind, body in (
            ("BYE", "", b""),
            ("INFO", "Application/MANSRTSP", b"PAUSE RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
            ("MESSAGE", CONTENT_TYPE, over),
            ("NOTIFY", CONTENT_TYPE, over),
            ("INVITE", "application/sdp", sdp),
        ):
            headers = [f"Content-Type: {kind}"] if kind else []
            spoofer.say(overheard.request(method, body=body, headers=headers), rig.platform.port)
            assert (await spoofer.hears()).status in {403, 481}, method
        seen = len(units.pictures)
        await units.until(lambda: len(units.pictures) > seen + 5)
        assert session in rig.sessions.open_sessions
        assert sim.sessions
        assert len(rig.events) == told


async def test_who_overheard_a_subscription_tells_nothing_by_it():
    taken = []
    async with Rig() as rig, UdpDevice(host="127.0.0.9") as spoofer:
        sim = await rig.device()

        def take(event):
            taken.append(event.request.body)
            rig.platform.endpoint.respond(event.transaction, 200)

        wanted = Wanted(Topic.ALARMS)
        task = asyncio.create_task(Subscription(rig.platform, sim.code, wanted, take).run())
        try:
            await sim.wait_for(lambda: sim.said("200 SUBSCRIBE"))
            overheard = Overheard(sim, "Alarm", "SUBSCRIBE")
            headers = [f"Content-Type: {CONTENT_TYPE}", "Event: presence", "Subscription-State: active"]
            lie = BODIES["alarm"].format(NVR).encode()
            spoofer.say(overheard.request("NOTIFY", body=lie, headers=headers), rig.platform.port)
            assert (await spoofer.hears()).status == 481
            sim.raise_alarm(method=5, type_=2)
            await rig.until(lambda: taken)
            assert all(NVR.encode() not in body for body in taken)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_bye_of_the_device_in_a_dialog_there_is_not_ends_nothing():
    async with Rig() as rig:
        sim = await rig.device()
        session, units = await rig.watch(sim)
        await units.until(lambda: units.pictures)
        agent = sim.agent
        agent.endpoint.write(agent.peer, Overheard(sim).request("BYE", tag="another"))
        await rig.until(lambda: sim.heard("481 BYE"))
        assert session in rig.sessions.open_sessions
        agent.endpoint.write(agent.peer, Overheard(sim).request("BYE", number=1))
        await rig.until(lambda: sim.heard("200 BYE"))


async def test_a_registered_device_speaks_for_no_other():
    async with Rig() as rig:
        sim, other = await rig.device(), await rig.device(code=NVR, profile="hik_nvr", channels=2)
        before = [each for each in rig.events if isinstance(each, Online)]
        for kind in ("alarm", "keepalive"):
            request = sim.agent.compose("MESSAGE", source=other.code)
            request.headers.add("Content-Type", CONTENT_TYPE)
            request.body = BODIES[kind].format(other.code).encode()
            response = await sim.agent.endpoint.request(request, sim.agent.peer)
            assert response.status == 403
        assert not rig.told("Alarm")
        assert [each for each in rig.events if isinstance(each, Online)] == before
        assert not [each for each in rig.events if isinstance(each, Told) and each.device == other.code]
