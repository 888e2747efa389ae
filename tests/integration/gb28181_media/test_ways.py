"""How media gets to us: UDP, TCP in both roles, and devices that do something else than was agreed."""

import asyncio
import itertools
import struct

import pytest
from gb28181_rig import MEDIA, TIMES, Rig
from ports import free_port

from cambus.gb28181.errors import MediaError
from cambus.gb28181.media_settings import MediaSettings, may_connect
from cambus.media.frame import Codec
from cambus.simulators.gb28181.quirks import Quirks


def sent_pictures(sim):
    session = (sim.sessions or list(sim.streams.ended))[-1]
    return [each.data for each in session.sent if each.codec in {Codec.H264, Codec.H265}]


@pytest.mark.parametrize("transport", ["udp", "tcp-passive", "tcp-active"])
@pytest.mark.parametrize(
    "answer", ["udp_for_tcp", "tcp_for_udp", "same_setup", "no_setup", "any_host", "foreign_host"]
)
async def test_media_arrives_whatever_was_agreed(rig, transport, answer):
    sim = await rig.device(quirks=Quirks(answer=answer, pace=4.0))
    session, units = await rig.watch(sim, transport)
    await units.until(lambda: len(units.pictures) >= 8)
    await session.close()
    payloads = [each.payload for each in units.pictures]
    assert payloads == sent_pictures(sim)[: len(payloads)]


async def test_if_both_wait_we_connect(rig):
    sim = await rig.device(quirks=Quirks(answer="both_passive", pace=4.0))
    session, units = await rig.watch(sim, "tcp-passive")
    assert session.answer.setup == "passive"
    await units.until(lambda: len(units.pictures) >= 8)


async def test_where_media_comes_nobody_connects_later():
    settings = MediaSettings(allow_loopback=True, active_after_s=0.05)
    async with Rig(media=settings) as rig:
        sim = await rig.device(quirks=Quirks(answer="same_setup", pace=4.0))
        session, units = await rig.watch(sim, "tcp-passive")
        await units.until(lambda: units.pictures)
        await session._connecting
        assert len(session._way._port._connections) == 1


@pytest.mark.parametrize("refusals", [1, 2])
async def test_a_device_that_does_not_listen_yet_is_tried_again(rig, refusals):
    """The port is opened only after so many tries were refused."""
    tries, times = [], []
    loop = asyncio.get_running_loop()
    port = free_port()
    connect = loop.create_connection
    server = None

    async def counted(factory, host, number, **options):
        nonlocal server
        if number == port:
            times.append(loop.time())
            tries.append(host)
            if len(tries) == refusals + 1:
                server = await loop.create_server(asyncio.Protocol, "127.0.0.1", port)
        return await connect(factory, host, number, **options)

    sim = await rig.device(quirks=Quirks(media="never"))
    session, _ = await rig.watch(sim, "udp")
    loop.create_connection = counted
    try:
        await session._way.connect("127.0.0.1", port, tries=3, pause_s=0.2)
    finally:
        del loop.create_connection
    assert tries == ["127.0.0.1"] * (refusals + 1)
    assert all(later - earlier > 0.19 for earlier, later in itertools.pairwise(times))
    server.close()
    await session.close()


def test_tries_are_a_second_apart_unless_set_otherwise():
    assert MediaSettings().connect_pause_s == 1.0
    assert MediaSettings().active_after_s == 3.0


@pytest.mark.parametrize("answer", ["full", "foreign_host"])
async def test_after_three_more_tries_the_session_is_given_up(rig, monkeypatch, answer):
    sim = await rig.device(quirks=Quirks(answer=answer))
    tried, times = [], []
    loop = asyncio.get_running_loop()

    async def refused(factory, host, port, **options):
        tried.append((host, port))
        times.append(loop.time())
        raise ConnectionRefusedError

    monkeypatch.setattr(loop, "create_connection", refused, raising=False)
    with pytest.raises(MediaError) as caught:
        await rig.watch(sim, "tcp-active")
    assert caught.value.reason == "no-connection"
    (session,) = sim.sessions or sim.streams.ended
    assert tried == [("127.0.0.1", session.output.port)] * 4  # where it registered from, in any case
    least = MEDIA.connect_pause_s
    assert all(later - earlier > 0.9 * least for earlier, later in itertools.pairwise(times))
    await sim.wait_for(lambda: sim.heard("BYE"))
    assert not rig.sessions.open_sessions
    assert rig.sessions.ssrcs.in_use == 0


# --- where we may connect (GB-143) ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "bound", "allowed", "loopback", "may"),
    [
        ("192.0.2.7", "192.0.2.7", (), False, True),
        ("192.0.2.8", "192.0.2.7", (), False, False),
        ("10.0.0.8", "10.0.0.7", ("10.0.0.8",), False, True),
        ("127.0.0.1", "127.0.0.1", ("127.0.0.1",), False, False),
        ("127.0.0.1", "127.0.0.1", (), True, True),
        ("127.0.0.2", "127.0.0.1", (), True, False),
        ("::1", "::1", ("::1",), False, False),
        ("224.0.0.9", "224.0.0.9", ("224.0.0.9",), True, False),
        ("ff02::1", "ff02::1", (), True, False),
        ("0.0.0.0", "0.0.0.0", (), True, False),
        ("169.254.1.1", "169.254.1.1", (), True, False),
        ("240.0.0.1", "240.0.0.1", (), True, False),
        ("a-host-name", "192.0.2.7", ("a-host-name",), True, False),
        ("", "192.0.2.7", (), True, False),
    ],
)
def test_we_connect_to_the_device_and_to_what_was_allowed(host, bound, allowed, loopback, may):
    assert may_connect(host, bound, allowed, loopback=loopback) is may


async def test_a_device_cannot_have_us_connect_to_this_host():
    """What it registered from is loopback here, and so nothing may be connected to, unless a test says so."""
    async with Rig(TIMES, MediaSettings()) as rig:
        sim = await rig.device()
        with pytest.raises(MediaError) as caught:
            await rig.watch(sim, "tcp-active")
        assert caught.value.reason == "address-refused"
        assert rig.sessions.ssrcs.in_use == 0


async def test_a_foreign_address_in_an_answer_is_replaced_by_that_of_the_device(rig):
    assert MEDIA.target("192.0.2.99", "127.0.0.1") == "127.0.0.1"
    assert MEDIA.target("", "127.0.0.1") == "127.0.0.1"


def test_an_address_that_was_allowed_is_connected_to_and_others_are_refused():
    settings = MediaSettings(allowed_hosts=frozenset({"198.51.100.8", "224.0.0.9", "127.0.0.1"}))
    assert settings.target("198.51.100.8", "192.0.2.7") == "198.51.100.8"
    for host in ("198.51.100.9", "224.0.0.9", "127.0.0.1", "::1"):
        assert settings.target(host, "192.0.2.7") == "192.0.2.7"
        with pytest.raises(MediaError) as caught:
            settings.target(host, "127.0.0.1")
        assert caught.value.reason == "address-refused"


# --- one port for all -----------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["udp", "tcp-passive", "tcp-active"])
async def test_all_sessions_may_share_one_port(transport):
    port = free_port()
    async with Rig(media=MediaSettings(allow_loopback=True, shared_port=port)) as rig:
        sim = await rig.device(quirks=Quirks(pace=4.0))
        watched = [await rig.watch(sim, transport) for _ in range(3)]
        for session, units in watched:
            assert session._way.number == port
            await units.until(lambda units=units: len(units.pictures) >= 5)
        for number, (session, units) in enumerate(watched):
            payloads = [each.payload for each in units.pictures[:5]]
            sent = [each.data for each in sim.sessions[0].sent if each.codec is Codec.H264]
            assert payloads == sent[:5], number
            await session.close()


async def test_at_a_shared_port_only_the_agreed_number_counts():
    async with Rig(media=MediaSettings(allow_loopback=True, shared_port=free_port())) as rig:
        sim = await rig.device(quirks=Quirks(ssrc="other", pace=4.0))
        session, _ = await rig.watch(sim, "udp")
        await rig.until(lambda: rig.sessions._shared.counts["unknown-ssrc"] > 50)
        assert session.media.packets == 0
        sim.quirks.ssrc = "agreed"
        sim.quirks.y = "other"  # a number the device chooses in its answer is agreed
        _, units = await rig.watch(sim, "udp")
        await units.until(lambda: units.pictures)


async def test_at_a_shared_port_no_device_takes_the_number_of_another_session():
    """Each answers with the number after the one it was offered: with that of the session that comes next."""
    async with Rig(media=MediaSettings(allow_loopback=True, shared_port=free_port())) as rig:
        sim = await rig.device(quirks=Quirks(y="other", pace=4.0))
        watched = [await rig.watch(sim, "udp") for _ in range(3)]
        numbers = [session.media.latch.ssrc for session, _ in watched]
        assert len(set(numbers)) == 3
        for _, units in watched:
            seen = len(units.pictures)
            await units.until(lambda units=units, seen=seen: len(units.pictures) >= seen + 5)
        for session, _ in watched:
            await session.close()
        assert rig.sessions.ssrcs.in_use == 0


async def test_at_a_shared_port_a_number_in_use_is_not_adopted():
    async with Rig(media=MediaSettings(allow_loopback=True, shared_port=free_port())) as rig:
        sim = await rig.device(quirks=Quirks(pace=4.0))
        first, units = await rig.watch(sim, "udp")
        second, _ = await rig.watch(sim, "udp")
        second._way.adopt(first.ssrc)
        assert second.media.latch.ssrc == second.ssrc
        seen = len(units.pictures)
        await units.until(lambda: len(units.pictures) >= seen + 5)


async def test_at_a_shared_port_a_connection_carries_one_number():
    async with Rig(media=MediaSettings(allow_loopback=True, shared_port=free_port())) as rig:
        sim = await rig.device(quirks=Quirks(media="never"))
        session, _ = await rig.watch(sim, "tcp-passive")
        packets = [struct.pack(">BBHII", 0x80, 96, n, 0, ssrc) for n, ssrc in enumerate((77, session.ssrc))]
        rig.sessions._shared.segments(packets, "127.0.0.1")
        assert (session.media.packets, session.media.counts["foreign"]) == (1, 1)
