"""Live pictures and sound over every transport, from every make, bit for bit."""

import av
import pytest
from gb28181_rig import SMALL

from cambus.gb28181.errors import Busy, Refused, Unreachable
from cambus.gb28181.media_session import StreamDialect
from cambus.media.frame import Codec
from cambus.simulators.gb28181.quirks import Quirks
from cambus.simulators.gb28181.source import tone

TRANSPORTS = ("udp", "tcp-passive", "tcp-active")
PROFILES = ("dahua_ipc", "hik_nvr", "std_2022")


def decoded(units, codec):
    """The pictures that come out of a decoder."""
    decoder = av.CodecContext.create("h264" if codec is Codec.H264 else "hevc", "r")
    frames = [frame for unit in units for frame in decoder.decode(av.Packet(unit.payload))]
    return frames + decoder.decode(None)


def same_media(sim, units):
    """Whether everything received is what was sent, in its order."""
    session = (sim.sessions or sim.streams.ended)[-1]
    sent = [each for each in session.sent if each.codec in {Codec.H264, Codec.H265}]
    payloads = [each.payload for each in units.pictures]
    assert payloads == [each.data for each in sent[: len(payloads)]]
    stamps = [each.pts for each in units.pictures]
    assert [at - stamps[0] for at in stamps] == [each.pts - sent[0].pts for each in sent[: len(stamps)]]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("profile", PROFILES)
async def test_live_pictures_and_sound_arrive_bit_for_bit(rig, profile, transport):
    sim = await rig.device(profile=profile, quirks=Quirks(pace=4.0))
    session, units = await rig.watch(sim, transport)
    await units.until(lambda: len(units.pictures) >= 25 and len(units.sound) >= 20)
    await session.close()
    await sim.wait_for(lambda: not sim.sessions)
    same_media(sim, units)
    assert b"".join(each.payload for each in units.sound)[:320] == tone(1, Codec.PCMA)[0]
    assert {each.codec for each in units.sound} == {Codec.PCMA}
    assert len(decoded(units.pictures, Codec.H264)) == len(units.pictures)
    assert sim.streams.ended[-1].ending == "bye"


async def test_h265_and_u_law_too(rig):
    sim = await rig.device(media=SMALL.coded(Codec.H265), quirks=Quirks(pace=4.0, audio="pcmu"))
    _, units = await rig.watch(sim)
    await units.until(lambda: len(units.pictures) >= 15 and units.sound)
    same_media(sim, units)
    assert {each.codec for each in units.sound} == {Codec.PCMU}
    assert len(decoded(units.pictures, Codec.H265)) == len(units.pictures)


@pytest.mark.parametrize("dialect", [each for each in StreamDialect if each is not StreamDialect.NONE])
async def test_the_sub_stream_is_chosen_in_every_dialect(rig, dialect):
    sim = await rig.device(quirks=Quirks(pace=4.0))
    _, units = await rig.watch(sim, stream=1, dialect=dialect)
    await units.until(lambda: len(units.pictures) >= 3)
    assert sim.sessions[0].stream == 1
    assert decoded(units.pictures, Codec.H264)[0].width == SMALL.sub.width


@pytest.mark.parametrize(
    ("quirks", "error"),
    [
        (Quirks(invite="busy"), Busy),
        (Quirks(invite="unacceptable"), Refused),
        (Quirks(invite="never"), Unreachable),
        (Quirks(ignore={"INVITE"}), Unreachable),
    ],
)
async def test_an_invitation_that_comes_to_nothing_is_told_so(hasty, quirks, error):
    sim = await hasty.device(quirks=quirks)
    with pytest.raises(error):
        await hasty.watch(sim)
    assert not hasty.sessions.open_sessions
    assert hasty.sessions.ssrcs.in_use == 0


async def test_a_late_answer_is_acknowledged_and_ended(hasty):
    sim = await hasty.device(quirks=Quirks(invite="late"))
    with pytest.raises(Unreachable):
        await hasty.watch(sim)
    await sim.wait_for(lambda: sim.heard("BYE"))
    assert sim.heard("CANCEL")
    assert sim.heard("ACK")


async def test_a_device_without_tcp_is_watched_over_udp(rig):
    sim = await rig.device(quirks=Quirks(invite="no_tcp", pace=4.0))
    session, units = await rig.watch(sim, "tcp-passive")
    await units.until(lambda: units.pictures)
    assert session.order.transport == "udp"
    assert len(sim.heard("INVITE")) == 2


@pytest.mark.parametrize(
    ("quirks", "transport"),
    [
        (Quirks(y="absent"), "udp"),
        (Quirks(y="long"), "udp"),
        (Quirks(y="too_large"), "udp"),
        (Quirks(y="other"), "udp"),
        (Quirks(ssrc="other"), "udp"),
        (Quirks(ssrc="other"), "tcp-passive"),
        (Quirks(answer="port_0"), "udp"),
        (Quirks(answer="recvonly"), "udp"),
        (Quirks(answer="empty"), "udp"),
        (Quirks(answer="empty"), "tcp-passive"),
        (Quirks(answer="any_host"), "tcp-passive"),
        (Quirks(answer="any_host"), "tcp-active"),
        (Quirks(answer="udp_for_tcp"), "tcp-passive"),
        (Quirks(answer="same_setup"), "tcp-passive"),
        (Quirks(answer="same_setup"), "tcp-active"),
        (Quirks(move_at_s=0.5), "udp"),
        (Quirks(rtcp=True), "udp"),
        (Quirks(rtcp=True), "tcp-passive"),
        (Quirks(disorder_packets=True), "udp"),
        (Quirks(psm="none"), "udp"),
        (Quirks(psm="bad"), "udp"),
        (Quirks(pes_zero=True), "udp"),
        (Quirks(private_pes="yes"), "udp"),
        (Quirks(large_frames=True), "tcp-passive"),
        (Quirks(audio_beside="yes"), "udp"),
        (Quirks(audio="none"), "udp"),
        (Quirks(payload="raw"), "udp"),
        (Quirks(payload="ts"), "udp"),
        (Quirks(payload="ts"), "tcp-passive"),
        (Quirks(payload="ts_33"), "udp"),
        (Quirks(payload="raw"), "tcp-passive"),
    ],
    ids=lambda value: (
        value
        if isinstance(value, str)
        else ",".join(
            f"{name}={each}" for name, each in value.as_json().items() if each != Quirks().as_json()[name]
        )
    ),
)
async def test_pictures_arrive_in_spite_of_oddities(rig, quirks, transport):
    quirks.pace = 4.0
    sim = await rig.device(quirks=quirks)
    session, units = await rig.watch(sim, transport)
    await units.until(lambda: len(units.pictures) >= 12)
    await session.close()
    assert len(decoded(units.pictures, Codec.H264)) >= 12
