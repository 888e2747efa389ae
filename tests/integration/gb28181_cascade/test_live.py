"""Live pictures for the upper platform: decoded there, and shared with whoever watches here (GB-244, GB-246)."""

import asyncio

import pytest
from camera import H264, H265, Camera
from cascade_rig import OURS, SSRC, Packets

from cambus.gb28181.errors import DeviceOffline, Refused
from cambus.gb28181.media_order import SessionOrder
from cambus.gb28181.media_session import MediaSessions
from cambus.gb28181.media_settings import MediaSettings
from cambus.gb28181.subscriptions import Topic
from cambus.schemas.commands import live
from cambus.schemas.commands.live import LiveStartReply
from cambus.schemas.errors import Conflict, NotFound, Unsupported
from cambus.simulators.gb28181.upper_watching import Watching
from cambus.sip.errors import TransactionTimeout
from cambus.sip.timers import Timers


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


async def test_a_platform_that_refreshes_its_session_is_told_the_same_and_watches_on(rig, unique):
    upper = await rig.upper()
    camera = await rig.enter(Camera(rig.bus, f"cam-{unique}", H264))
    link = await rig.linked(upper)
    code = await rig.code_of(link, camera.device)
    async with Packets() as packets:
        await packets.offer(upper, code)
        await packets.until(5)
        endpoint, dialog = upper.platform.endpoint, packets._dialog
        again = await endpoint.invite(dialog.request("INVITE"), dialog.peer)
        endpoint.acknowledge(again)
        assert (again.response.status, again.response.body) == (200, packets.response.body)
        await packets.until(len(packets.heard) + 20)


async def test_h265_is_sent_as_such(rig, unique):
    upper = await rig.upper()
    camera = await rig.enter(Camera(rig.bus, f"cam-{unique}", H265))
    link = await rig.linked(upper)
    watching = await upper.play(OURS, await rig.code_of(link, camera.device), transport="udp")
    await watching.wait_for(lambda: watching.pictures >= 30)
    assert set(watching.decode()) == {(320, 240)}


@pytest.mark.parametrize("mode", ["own", "echo"])
async def test_packets_have_payload_type_96_and_the_number_that_was_answered(rig, unique, mode):
    upper = await rig.upper()
    camera = await rig.enter(Camera(rig.bus, f"cam-{unique}", H264))
    link = await rig.linked(upper, ssrc=mode)
    code = await rig.code_of(link, camera.device)
    async with Packets() as packets:
        answer = await packets.offer(upper, code)
        await packets.until(20)
        assert {each.payload_type for each in packets.heard} == {96}
        assert {each.ssrc for each in packets.heard} == {answer.ssrc}
        assert (answer.direction, answer.formats[0].number) == ("sendonly", 96)
        if mode == "echo":
            assert answer.ssrc == SSRC
        else:
            assert f"{answer.ssrc:010d}"[:6] == "020000"  # live, and of our domain


async def test_a_device_that_goes_ends_the_session_of_the_platform(rig, unique):
    upper = await rig.upper()
    camera = await rig.enter(Camera(rig.bus, f"cam-{unique}", H264))
    link = await rig.linked(upper)
    watching = await upper.play(OURS, await rig.code_of(link, camera.device), transport="udp")
    await watching.wait_for(lambda: watching.pictures > 3)
    await camera.go_offline()
    await watching.wait_for(lambda: watching.ending is not None)
    assert watching.ending == "bye"
    await rig.until(lambda: not rig.held(link).sessions.open)
    assert rig.held(link).context.ssrcs.in_use == 0


async def test_a_platform_that_hangs_up_leaves_the_stream_to_those_who_watch_here(rig, unique):
    upper = await rig.upper()
    camera = await rig.enter(Camera(rig.bus, f"cam-{unique}", H264))
    link = await rig.linked(upper)
    code = await rig.code_of(link, camera.device)
    here = live.LiveStartRequest(channel=0, claimant="here")
    await rig.client.call(live.START, here, device=camera.device)
    one = await upper.play(OURS, code, transport="udp")
    two = await upper.play(OURS, code, transport="tcp-passive")
    await one.wait_for(lambda: one.pictures > 3 and two.pictures > 3)
    assert len(camera.claims) == 3  # three viewers of one stream of the device
    await one.close()
    await camera.until(lambda: len(camera.claims) == 2)
    before = two.pictures
    await two.wait_for(lambda: two.pictures > before + 10)
    await two.close()
    await camera.until(lambda: camera.claims == {"here"})


@pytest.mark.parametrize(
    ("refusal", "status"),
    [(Conflict("too many"), 486), (NotFound("no such channel"), 404), (Unsupported("no"), 488)],
)
async def test_what_the_device_refuses_is_refused_in_the_words_of_sip(rig, unique, refusal, status):
    upper = await rig.upper()
    camera = await rig.enter(Camera(rig.bus, f"cam-{unique}", H264))
    camera.refusal = refusal
    link = await rig.linked(upper)
    with pytest.raises(Refused) as refused:
        await upper.play(OURS, await rig.code_of(link, camera.device), transport="udp")
    assert refused.value.status == status
    await rig.until(lambda: not rig.held(link).sessions.open)


async def test_what_is_not_shared_not_there_or_too_much_is_refused(rig, unique):
    upper = await rig.upper()
    camera = await rig.enter(Camera(rig.bus, f"cam-{unique}", H264))
    link = await rig.linked(upper, max_sessions=1)
    code = await rig.code_of(link, camera.device)

    async def status(code):
        with pytest.raises(Refused) as refused:
            await upper.play(OURS, code, transport="udp")
        return refused.value.status

    assert await status("34020000001320009999") == 404
    watching = await upper.play(OURS, code, transport="udp")
    assert await status(code) == 486
    await watching.close()
    await camera.go_offline()
    await rig.until(lambda: not rig.held(link).context.shared.at(camera.device, 0).online)
    with pytest.raises(DeviceOffline, match="480"):
        await upper.play(OURS, code, transport="udp")
    assert not camera.claims


async def test_the_same_sender_tag_again_replaces_the_session_there_was(rig, unique):
    upper = await rig.upper()
    camera = await rig.enter(Camera(rig.bus, f"cam-{unique}", H264))
    link = await rig.linked(upper)
    code = await rig.code_of(link, camera.device)
    first = await upper.play(OURS, code, transport="udp")
    await first.wait_for(lambda: first.pictures > 3)
    begun_again = MediaSessions(upper.platform, MediaSettings(allow_loopback=True))  # counts from the start
    second = Watching(OURS, code)
    second.begin(await begun_again.open(OURS, SessionOrder(code, transport="udp"), second.take))
    await second.wait_for(lambda: second.pictures > 3)
    await first.wait_for(lambda: first.ending is not None)
    assert first.ending == "bye"
    assert len(rig.held(link).sessions.open) == 1
    await camera.until(lambda: len(camera.claims) == 1)
    other = await upper.play(OURS, code, transport="udp")  # with a tag of its own
    await other.wait_for(lambda: other.pictures > 3)
    assert second.ending is None
    assert len(rig.held(link).sessions.open) == 2
    await second.close()
    await begun_again.close()


async def test_nothing_is_sent_to_a_platform_that_is_gone(rig, unique):
    await rig.replica(timers=Timers(t1=0.02, t2=0.1, t4=0.1))
    upper = await rig.upper()
    camera = await rig.enter(Camera(rig.bus, f"cam-{unique}", H264))
    link = await rig.linked(upper, keepalive_s=1.0)
    watching = await upper.play(OURS, await rig.code_of(link, camera.device), transport="udp")
    await watching.wait_for(lambda: watching.pictures > 3)
    upper.subscribe(OURS, Topic.CATALOG)
    await rig.until(lambda: rig.held(link).watchers.active)
    await upper.platform.close()  # without a word
    await camera.until(lambda: not camera.claims)
    await rig.until(lambda: not rig.held(link).sessions.open)
    assert not rig.held(link).watchers.active  # it will subscribe again
    assert not rig.held(link).registered


async def test_a_session_that_is_never_acknowledged_ends(rig, unique):
    await rig.replica(timers=Timers(t1=0.02, t2=0.1, t4=0.1))
    upper = await rig.upper()
    camera = await rig.enter(Camera(rig.bus, f"cam-{unique}", H264))
    link = await rig.linked(upper)
    code = await rig.code_of(link, camera.device)
    async with Packets() as packets:
        await packets.offer(upper, code, acknowledge=False)
        await camera.until(lambda: camera.ever_claimed)
        await camera.until(lambda: not camera.claims)
        await rig.until(lambda: not rig.held(link).sessions.open)
        assert packets.heard == []
        assert rig.held(link).context.ssrcs.in_use == 0


async def test_a_session_that_is_cancelled_before_the_device_has_answered_leaves_nothing(rig):
    upper = await rig.upper()
    camera = await rig.device("slow")
    answered = asyncio.Event()

    async def slow(context, request):
        await answered.wait()
        return LiveStartReply(subject=f"cambus.v1.media.{camera.device}.0.main", ttl_s=request.ttl_s)

    camera.on(live.STOP)
    camera.handle(live.START, slow)
    await rig.enter(camera)
    link = await rig.linked(upper)
    code = await rig.code_of(link, camera.device)
    async with Packets() as packets:
        with pytest.raises(TransactionTimeout):
            await packets.offer(upper, code, timeout_s=0.5)
    await rig.until(lambda: all(each.ending == "cancelled" for each in rig.held(link).sessions.open.values()))
    answered.set()
    await camera.until(lambda: camera.orders("live.stop"))
    await rig.until(lambda: not rig.held(link).sessions.open)
