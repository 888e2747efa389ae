"""Who may send the media of a session: real sockets from several addresses of this host."""

import asyncio
import contextlib
import socket
import struct

import pytest
from gb28181_rig import MEDIA, Rig

from cambus.media.frame import Codec
from cambus.media.mpegps_writer import ProgramStreamMuxer
from cambus.media.rtp_stream import MAX_RESYNC_BYTES
from cambus.simulators.gb28181.quirks import Quirks
from cambus.simulators.gb28181.session import Session

HOME, FOREIGN = "127.0.0.1", "127.0.0.8"


class Sender:
    """Sends pictures to a session from an address of its choice."""

    def __init__(self, session, host, ssrc):
        self.ssrc = ssrc
        self.sequence = self.number = 0
        self._to = ("127.0.0.1", session._way.number)
        self._muxer = ProgramStreamMuxer(Codec.H264)
        self._host = host
        self.socket = self._new()

    def _new(self):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((self._host, 0))
        return made

    def move(self):
        """Go on from another port."""
        self.socket.close()
        self.socket = self._new()

    def picture(self, mark, type_=96):
        stamp = self.number * 3600
        data = self._muxer.picture(b"\x00\x00\x00\x01\x67" + mark, stamp, keyframe=True)
        head = struct.pack(">BBHII", 0x80, 0x80 | type_, self.sequence & 0xFFFF, stamp, self.ssrc)
        self.sequence += 1
        self.number += 1
        self.socket.sendto(head + data, self._to)


@pytest.fixture
async def quiet(rig):
    """A device that has answered and sends nothing by itself, and what makes senders for its session."""
    sim = await rig.device(quirks=Quirks(media="never"))
    made = []

    async def watch(**order):
        session, units = await rig.watch(sim, "udp", **order)

        def sender(host=HOME, ssrc=None):
            made.append(Sender(session, host, session.ssrc if ssrc is None else ssrc))
            return made[-1]

        return session, units, sender

    yield watch
    for each in made:
        each.socket.close()


def marks(units):
    return [each.payload[5:] for each in units.pictures]


async def test_another_number_from_the_device_is_taken(quiet):
    _, units, sender = await quiet()
    sender(ssrc=77).picture(b"one")
    await units.until(lambda: marks(units) == [b"one"])


async def test_where_it_must_be_right_another_number_is_dropped(quiet):
    session, units, sender = await quiet(strict_ssrc=True)
    sender(ssrc=77).picture(b"wrong")
    right = sender()
    await units.until(lambda: session.media.counts["foreign"] == 1)
    right.picture(b"right")
    await units.until(lambda: marks(units) == [b"right"])


async def test_a_stranger_with_another_number_is_dropped_and_counted(quiet):
    session, units, sender = await quiet()
    sender(FOREIGN, 77).picture(b"strange")
    await units.until(lambda: session.media.counts["foreign"] == 1)
    assert session.media.last_at is None
    sender().picture(b"own")
    await units.until(lambda: marks(units) == [b"own"])


async def test_a_stranger_who_guessed_the_number_first_loses_to_the_device(quiet):
    session, units, sender = await quiet()
    stranger, device = sender(FOREIGN), sender()
    stranger.sequence = 5
    stranger.picture(b"first")
    await units.until(lambda: marks(units) == [b"first"])
    device.sequence = 6
    device.picture(b"second")
    await units.until(lambda: len(units.pictures) == 2)
    stranger.sequence = 7
    stranger.picture(b"third")
    await units.until(lambda: session.media.counts["foreign"] == 1)
    device.picture(b"fourth")
    await units.until(lambda: len(units.pictures) == 3)
    assert marks(units) == [b"first", b"second", b"fourth"]


async def test_the_first_number_is_kept_until_the_agreed_one_comes(quiet):
    session, units, sender = await quiet()
    odd, other, agreed = sender(ssrc=77), sender(ssrc=78), sender()
    odd.picture(b"odd")
    await units.until(lambda: marks(units) == [b"odd"])
    other.picture(b"other")
    await units.until(lambda: session.media.counts["foreign"] == 1)
    agreed.sequence = 1
    agreed.picture(b"agreed")
    await units.until(lambda: len(units.pictures) == 2)
    odd.picture(b"odd again")
    await units.until(lambda: session.media.counts["foreign"] == 2)
    assert marks(units) == [b"odd", b"agreed"]


async def test_a_device_that_was_silent_may_go_on_under_another_number(quiet):
    session, units, sender = await quiet()
    sender(ssrc=77).picture(b"before")
    await units.until(lambda: marks(units) == [b"before"])
    session.media.last_at -= 10.0
    later = sender(ssrc=78)
    later.sequence = 1
    later.picture(b"after")
    await units.until(lambda: marks(units) == [b"before", b"after"])


@pytest.mark.parametrize("answer", ["port_0", "empty", "strange_lines"])
async def test_without_a_port_to_connect_to_whatever_comes_is_taken(rig, answer, monkeypatch):
    """We were to connect, and the answer does not say where to, or is no description at all."""
    if answer == "strange_lines":
        monkeypatch.setattr(Session, "_answer", lambda _: b"nothing of SDP")
    sim = await rig.device(quirks=Quirks(media="never", answer=answer))
    session, units = await rig.watch(sim, "tcp-active")
    device = Sender(session, HOME, session.ssrc)
    device.picture(b"comes")
    await units.until(lambda: marks(units) == [b"comes"])
    device.socket.close()


async def test_the_port_it_sends_from_may_change(quiet):
    session, units, sender = await quiet()
    device = sender()
    for mark in (b"a", b"b", b"c"):
        device.picture(mark)
        device.move()
    await units.until(lambda: marks(units) == [b"a", b"b", b"c"])
    assert not session.media.counts


async def test_a_moving_device_is_followed_without_a_gap(rig):
    sim = await rig.device(quirks=Quirks(move_at_s=0.5, pace=4.0))
    _, units = await rig.watch(sim, "udp")
    await units.until(lambda: len(units.pictures) >= 15)
    sent = [each.data for each in sim.sessions[0].sent if each.codec is Codec.H264]
    assert [each.payload for each in units.pictures][:15] == sent[:15]
    assert not any(each.discontinuity for each in units.pictures)


async def test_more_than_four_types_of_packets_are_refused(quiet):
    session, units, sender = await quiet()
    device = sender()
    for number, type_ in enumerate((96, 110, 111, 112, 113, 113)):
        device.picture(bytes((number,)), type_)
    await units.until(lambda: session.media.dropped_types == 2)
    assert marks(units) == [b"\x00", b"\x01", b"\x02", b"\x03"]


@pytest.mark.parametrize("transport", ["udp", "tcp-passive"])
async def test_reports_are_passed_over(rig, transport):
    sim = await rig.device(quirks=Quirks(rtcp=True, pace=4.0))
    session, units = await rig.watch(sim, transport)
    await units.until(lambda: len(units.pictures) >= 15)
    assert session.media.counts["rtcp"] >= 1
    assert not any(each.discontinuity for each in units.pictures)


async def test_a_connection_from_a_stranger_is_not_heard(rig):
    sim = await rig.device(quirks=Quirks(media="never"))
    session, units = await rig.watch(sim, "tcp-passive")
    _, writer = await asyncio.open_connection("127.0.0.1", session._way.number, local_addr=(FOREIGN, 0))
    data = struct.pack(">BBHII", 0x80, 0xE0, 1, 0, 77) + b"\x00\x00\x01\xba" + bytes(30)
    writer.write((len(data).to_bytes(2, "big") + data) * 3)
    await units.until(lambda: session.media.counts["foreign"] == 3)
    assert session.media.packets == 0
    writer.close()
    await writer.wait_closed()


async def test_a_connection_on_which_nothing_is_found_is_closed(rig):
    sim = await rig.device(quirks=Quirks(media="never"))
    session, units = await rig.watch(sim, "udp")
    reader, writer = await asyncio.open_connection("127.0.0.1", session._way.number)
    pack = ProgramStreamMuxer(Codec.H264).picture(b"\x00\x00\x00\x01\x67own", 0, keyframe=True)
    data = struct.pack(">BBHII", 0x80, 0xE0, 1, 0, session.ssrc) + pack
    writer.write(len(data).to_bytes(2, "big") + data)
    await units.until(lambda: marks(units) == [b"own"])
    writer.write(bytes(MAX_RESYNC_BYTES + 1024 * 1024))
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    await units.until(lambda: session.media.counts["lost-stream"] == 1)
    assert not session._way._port._connections
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def test_no_more_connections_than_a_session_needs(rig):
    sim = await rig.device(quirks=Quirks(media="never"))
    session, units = await rig.watch(sim, "tcp-passive")
    await sim.wait_for(lambda: sim.sessions[0].output._connected is not None)
    writers = [(await asyncio.open_connection("127.0.0.1", session._way.number))[1] for _ in range(6)]
    await units.until(lambda: session.media.counts["connections"] >= 2)
    for each in writers:
        each.close()
        await asyncio.gather(each.wait_closed(), return_exceptions=True)


async def test_strangers_cannot_keep_the_device_out(rig):
    """They hold all the connections there may be, and say nothing."""
    sim = await rig.device(quirks=Quirks(media="never"))
    session, units = await rig.watch(sim, "udp")
    port, local = session._way.number, (FOREIGN, 0)
    strangers = [(await asyncio.open_connection("127.0.0.1", port, local_addr=local))[1] for _ in range(4)]
    await units.until(lambda: len(session._way._port._connections) == 4)
    _, own = await asyncio.open_connection("127.0.0.1", port)
    pack = ProgramStreamMuxer(Codec.H264).picture(b"\x00\x00\x00\x01\x67own", 0, keyframe=True)
    data = struct.pack(">BBHII", 0x80, 0xE0, 1, 0, session.ssrc) + pack
    own.write(len(data).to_bytes(2, "big") + data)
    await units.until(lambda: marks(units) == [b"own"])
    for each in (*strangers, own):
        each.close()
        await asyncio.gather(each.wait_closed(), return_exceptions=True)


async def test_strictness_can_be_the_rule():
    settings = type(MEDIA)(allow_loopback=True, strict_ssrc=True)
    async with Rig(media=settings) as rig:
        sim = await rig.device(quirks=Quirks(ssrc="other", pace=4.0))
        session, _ = await rig.watch(sim, "udp")
        await rig.until(lambda: session.media.counts["foreign"] > 20)
        assert session.media.packets == 0
        _, units = await rig.watch(sim, "udp", strict_ssrc=False)
        await units.until(lambda: units.pictures)
