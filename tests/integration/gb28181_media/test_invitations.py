"""What an INVITE of ours says, and what is made of its answer."""

import pytest
from gb28181_rig import DEVICE, DOMAIN, EPOCH, MEDIA, SERVER, TIMES, Rig

from cambus.gb28181.errors import (
    Busy,
    DeviceOffline,
    GbError,
    MediaError,
    OutOfRange,
    Refused,
    Unsupported,
)
from cambus.gb28181.media_session import SessionOrder, StreamDialect
from cambus.gb28181.sdp import Purpose
from cambus.gb28181.ssrc import SsrcPool
from cambus.gb28181.subject import Subject
from cambus.gb28181.versions import Version
from cambus.simulators.gb28181.quirks import Quirks
from cambus.sip.uri import SipUri

PLAY = {"purpose": Purpose.PLAYBACK, "start": EPOCH, "end": EPOCH + 9}


def lines(request):
    assert request.body.endswith(b"\r\n")
    return request.body.decode().removesuffix("\r\n").split("\r\n")


def line(request, start):
    return next((each for each in lines(request) if each.startswith(start)), None)


async def invited(rig, sim, **order):
    session, _ = await rig.watch(sim, **order)
    await session.close()
    return sim.heard("INVITE")[-1]


async def test_live_video_is_asked_for_by_the_book(rig):
    sim = await rig.device(profile="hik_nvr")
    session, _ = await rig.watch(sim, "udp")
    request = sim.heard("INVITE")[0]
    channel = sim.channels[0]
    assert SipUri.parse(request.uri).user == channel
    assert SipUri.parse(request.to.uri).user == channel
    assert lines(request) == [
        "v=0",
        f"o={SERVER} 0 0 IN IP4 127.0.0.1",
        "s=Play",
        "c=IN IP4 127.0.0.1",
        "t=0 0",
        f"m=video {session._way.number} RTP/AVP 96 98 97 99",
        "a=recvonly",
        "a=rtpmap:96 PS/90000",
        "a=rtpmap:98 H264/90000",
        "a=rtpmap:97 MPEG4/90000",
        "a=rtpmap:99 H265/90000",
        f"y=0{DOMAIN[3:8]}{session.ssrc % 10_000:04d}",
        "f=",
    ]
    subject = Subject.parse(request.headers.get("Subject"))
    assert (subject.sender, subject.receiver) == (channel, SERVER)
    assert subject.sender_tag == f"0{session.ssrc:09d}"
    await sim.wait_for(lambda: sim.heard("ACK"))
    ack = sim.heard("ACK")[0]
    assert (ack.cseq.number, ack.body) == (request.cseq.number, b"")


async def test_no_two_sessions_have_the_same_subject(rig):
    sim = await rig.device(profile="hik_nvr")
    sessions = [(await rig.watch(sim, "udp"))[0] for _ in range(2)]
    subjects = [Subject.parse(each.headers.get("Subject")) for each in sim.heard("INVITE")]
    assert [each.sender_tag for each in subjects] == [f"0{each.ssrc:09d}" for each in sessions]
    assert len({each.receiver_tag for each in subjects}) == 2
    assert all(0 < len(each.receiver_tag) <= 20 for each in subjects)


async def test_a_recording_is_asked_for_by_its_times(rig):
    sim = await rig.device(profile="hik_nvr")
    session, _ = await rig.watch(sim, "udp", source_type=3, **PLAY)
    request = sim.heard("INVITE")[0]
    assert line(request, "s=") == "s=Playback"
    assert line(request, "u=") == f"u={sim.channels[0]}:3"
    assert line(request, "t=") == f"t={EPOCH} {EPOCH + 9}"
    assert line(request, "y=").startswith(f"y=1{DOMAIN[3:8]}")
    assert Subject.parse(request.headers.get("Subject")).history
    assert session.answer.start == EPOCH + 28_800  # what a recorder says there
    assert session.order.length_s == 9  # changes nothing
    await session.seek(9.0)


@pytest.mark.parametrize(("speeds", "asked"), [((), 4), ((1, 2, 4, 8), 4), ((1, 2), 2), ((8,), 8)], ids=str)
async def test_a_download_is_no_faster_than_the_channel_can(rig, speeds, asked):
    sim = await rig.device()
    order = {**PLAY, "purpose": Purpose.DOWNLOAD, "download_speed": 4, "download_speeds": speeds}
    request = await invited(rig, sim, **order)
    assert line(request, "a=downloadspeed:") == f"a=downloadspeed:{asked}"


@pytest.mark.parametrize(
    ("transport", "profile", "setup"),
    [
        ("udp", "RTP/AVP", None),
        ("tcp-passive", "TCP/RTP/AVP", "passive"),
        ("tcp-active", "TCP/RTP/AVP", "active"),
    ],
)
async def test_who_connects_is_said(rig, transport, profile, setup):
    sim = await rig.device()
    request = await invited(rig, sim, transport=transport)
    assert f" {profile} " in line(request, "m=video")
    assert line(request, "a=setup:") == (f"a=setup:{setup}" if setup else None)
    assert line(request, "a=connection:") == ("a=connection:new" if setup else None)


async def test_devices_of_2022_are_offered_h265_under_its_number(rig):
    sim = await rig.device(profile="std_2022")
    request = await invited(rig, sim)
    assert line(request, "m=video").endswith(" 96 98 97 100")
    assert request.headers.get("X-GB-Ver") == "3.0"


@pytest.mark.parametrize(
    ("order", "wanted"),
    [
        ({"stream": 1, "dialect": StreamDialect.STREAM_NUMBER}, "a=streamnumber:1"),
        ({"stream": 1, "dialect": StreamDialect.STREAM_PROFILE}, "a=streamprofile:1"),
        ({"stream": 0, "dialect": StreamDialect.STREAM}, "a=stream:0"),
        ({"stream": 1, "dialect": StreamDialect.STREAM_MODE}, "a=streamMode:SUB"),
        ({"stream": 0, "dialect": StreamDialect.STREAM_MODE}, "a=streamMode:MAIN"),
        ({"stream": 2, "template": "a=x-encoder:{}"}, "a=x-encoder:2"),
        ({"stream": 2, "streams": (0, 1, 2)}, "a=streamnumber:2"),
        ({"attributes": ("a=svcspace:1", "a=svctime:2")}, "a=svctime:2"),
    ],
    ids=str,
)
async def test_the_encoder_is_chosen_in_the_words_of_the_device(rig, order, wanted):
    sim = await rig.device()
    assert wanted in lines(await invited(rig, sim, **order))


async def test_no_word_is_lost_about_an_encoder_nobody_wants_or_has(rig):
    sim = await rig.device()
    request = await invited(rig, sim, stream=1, dialect=StreamDialect.NONE)
    assert not [each for each in lines(request) if "stream" in each.lower()]
    with pytest.raises(OutOfRange):
        await rig.watch(sim, stream=2, streams=(0, 1))
    assert len(sim.heard("INVITE")) == 1
    assert rig.sessions.ssrcs.in_use == 0


@pytest.mark.parametrize(
    ("version", "vendor", "dialect"),
    [
        (Version.GB2022, "Dahua", StreamDialect.STREAM_NUMBER),
        (Version.GB2016, "Dahua", StreamDialect.STREAM_PROFILE),
        (Version.GB2016, "TP-LINK", StreamDialect.STREAM_MODE),
        (Version.GB2016, "", StreamDialect.STREAM_NUMBER),
    ],
)
def test_the_usual_words_are_those_of_the_edition_and_the_make(version, vendor, dialect):
    assert StreamDialect.usual(version, vendor) is dialect


async def test_a_device_may_send_to_another_address_than_the_others():
    settings = type(MEDIA)(host="0.0.0.0", advertised="127.0.0.3", allow_loopback=True)
    async with Rig(media=settings) as rig:
        sim = await rig.device(quirks=Quirks(pace=4.0))
        usual = await invited(rig, sim)
        session, units = await rig.watch(sim, "udp", media_address="127.0.0.2")
        await units.until(lambda: units.pictures)
        request = sim.heard("INVITE")[-1]
        assert line(usual, "c=") == "c=IN IP4 127.0.0.3"
        assert line(usual, "o=") == f"o={SERVER} 0 0 IN IP4 127.0.0.3"
        assert line(request, "c=") == "c=IN IP4 127.0.0.2"
        assert line(request, "o=") == f"o={SERVER} 0 0 IN IP4 127.0.0.2"
        await session.close()


# --- answers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("y", ["absent", "long", "too_large"])
async def test_an_answer_without_a_readable_number_leaves_ours(rig, y):
    sim = await rig.device(quirks=Quirks(y=y, pace=4.0))
    session, units = await rig.watch(sim)
    assert session.media.latch.ssrc == session.ssrc
    await units.until(lambda: units.pictures)


async def test_the_number_of_the_answer_counts(rig):
    sim = await rig.device(quirks=Quirks(y="other", pace=4.0))
    session, units = await rig.watch(sim, strict_ssrc=True)
    assert session.media.latch.ssrc == session.answer.ssrc == session.ssrc + 1
    await units.until(lambda: units.pictures)
    assert session.media.counts["foreign"] == 0


@pytest.mark.parametrize("transport", ["udp", "tcp-passive"])
@pytest.mark.parametrize("answer", ["empty", "port_0", "recvonly", "strange_lines", "no_setup"])
async def test_an_answer_that_says_little_or_nonsense_is_enough(rig, answer, transport):
    sim = await rig.device(quirks=Quirks(answer=answer, pace=4.0))
    _, units = await rig.watch(sim, transport)
    await units.until(lambda: len(units.pictures) >= 3)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (403, Refused),
        (404, Refused),
        (405, Unsupported),
        (480, DeviceOffline),
        (486, Busy),
        (500, Refused),
        (503, Refused),
        (600, Refused),
        (603, Refused),
    ],
)
async def test_a_refusal_is_told_by_its_kind_and_not_tried_again(rig, status, error):
    sim = await rig.device(quirks=Quirks(invite_status=status))
    with pytest.raises(error) as caught:
        await rig.watch(sim, "tcp-passive")
    assert isinstance(caught.value, GbError)
    assert f"SIP {status}" in str(caught.value)
    assert len(sim.heard("INVITE")) == 1
    assert rig.sessions.ssrcs.in_use == 0


async def test_tcp_that_cannot_be_met_is_tried_over_udp_once(rig):
    sim = await rig.device(quirks=Quirks(invite_status=488))
    for _ in range(2):
        with pytest.raises(Refused):
            await rig.watch(sim, "tcp-passive")
    first, second, *others = sim.heard("INVITE")
    assert (" TCP/RTP/AVP " in line(first, "m="), " RTP/AVP " in line(second, "m=")) == (True, True)
    assert len(others) == 2  # of the second attempt
    with pytest.raises(Refused):
        await rig.watch(sim, "udp")
    assert len(sim.heard("INVITE")) == 5


async def test_without_a_free_number_others_go_on():
    pool = SsrcPool(DOMAIN, share=(0, 4999))  # of two numbers
    async with Rig(ssrcs=pool) as rig:
        sim = await rig.device(quirks=Quirks(pace=4.0))
        first, units = await rig.watch(sim)
        await rig.watch(sim)
        with pytest.raises(MediaError) as caught:
            await rig.watch(sim)
        assert caught.value.reason == "ssrc-exhausted"
        assert first.ssrc
        seen = len(units.pictures)
        await units.until(lambda: len(units.pictures) > seen)
        assert len(sim.heard("INVITE")) == 2


async def test_no_free_port_is_said_and_costs_nothing(rig):
    sim = await rig.device()
    first, _ = await rig.watch(sim)
    taken = first._way.number
    settings = type(MEDIA)(allow_loopback=True, ports=(taken,))
    async with Rig(TIMES, settings) as other:
        device = await other.device()
        with pytest.raises(MediaError) as caught:
            await other.watch(device)
        assert caught.value.reason == "no-port"
        assert other.sessions.ssrcs.in_use == 0
        assert device.heard("INVITE") == []


async def test_ports_are_used_in_turn(rig):
    sim = await rig.device()
    ports = []
    for _ in range(2):
        session, _ = await rig.watch(sim)
        ports.append(session._way.number)
    await rig.sessions.close()
    async with Rig(TIMES, type(MEDIA)(allow_loopback=True, ports=tuple(ports))) as other:
        device = await other.device()
        used = []
        for _ in range(3):
            session, _ = await other.watch(device)
            used.append(session._way.number)
            await session.close()
        assert used == [ports[0], ports[1], ports[0]]


async def test_a_device_that_is_not_there_is_not_invited(rig):
    with pytest.raises(DeviceOffline):
        await rig.sessions.open(DEVICE, SessionOrder(DEVICE), lambda _: None)
    assert rig.sessions.ssrcs.in_use == 0


@pytest.mark.parametrize(
    ("told", "route"),
    [
        ("", ()),
        ("34020000002000000077-34020000001320000001", ("34020000002000000077", "34020000001320000001")),
        ("34020000002000000077-gate", ()),
        ("-".join(["34020000002000000077"] * 100), ("34020000002000000077",) * 32),
    ],
    ids=len,
)
async def test_the_way_media_comes_by_is_what_the_device_tells_in_codes(rig, told, route):
    sim = await rig.device(quirks=Quirks(route_path=told))
    session, _ = await rig.watch(sim)
    assert session.route == route
