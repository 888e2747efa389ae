"""However a stream is cut, framed and disordered, the same pictures and sound come out."""

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambus.gb28181.media_input import Latch, MediaInput
from cambus.gb28181.sdp import PS
from cambus.media.frame import Codec
from cambus.media.mpegps_writer import ProgramStreamMuxer
from cambus.media.rtp_stream import RtpStreamReader

SSRC = 7
HERE = ("192.0.2.7", 5004)
COUNT = 12
STEP = 3600


def picture(number):
    head = b"\x00\x00\x00\x01\x67" if number % 4 == 0 else b"\x00\x00\x00\x01\x41"
    size = 70_000 if number == 4 else 900 + number * 137
    return head + bytes((number + 1,)) * size


def sound(number):
    return bytes((0xD0 + number,)) * 320


def stream(start=0):
    """Packets of pictures and of sound inside the same program stream, 12 of each; times may wrap."""
    muxer, sequence, found = ProgramStreamMuxer(Codec.H264, Codec.PCMA), 65_530, []
    for number in range(COUNT):
        pts = start + number * STEP
        pack = muxer.picture(picture(number), pts, keyframe=number % 4 == 0) + muxer.sound(
            sound(number), pts, pack=False
        )
        for at in range(0, len(pack), 1400):
            marker = 0x80 if at + 1400 >= len(pack) else 0
            head = struct.pack(">BBHII", 0x80, 96 | marker, sequence & 0xFFFF, pts & 0xFFFFFFFF, SSRC)
            found.append(head + pack[at : at + 1400])
            sequence += 1
    return found


PACKETS = stream()


def receiver():
    units = []
    media = MediaInput(units.extend, Latch(SSRC, frozenset({HERE[0]})))
    media.answered([PS])
    return media, units


def is_all(units, start=0):
    pictures = [each for each in units if each.codec is Codec.H264]
    heard = [each for each in units if each.codec is Codec.PCMA]
    assert [each.payload for each in pictures] == [picture(number) for number in range(COUNT)]
    assert [each.payload for each in heard] == [sound(number) for number in range(COUNT)]
    for found in (pictures, heard):
        assert [each.pts for each in found] == [start + number * STEP for number in range(COUNT)]
    assert not any(each.discontinuity for each in units)


@pytest.mark.parametrize("start", [0, (1 << 32) - 5 * STEP, (1 << 33) - 5 * STEP])
async def test_times_wrap_and_nobody_sees_it(start):
    media, units = receiver()
    media.datagrams([(each, HERE) for each in stream(start)])
    is_all(units, start)
    media.close()


@pytest.mark.parametrize("size", [1, 2, 3, 13, 1399, 1416, 65_536, 10**6])
async def test_a_connection_may_be_read_in_any_pieces(size):
    data = b"".join(struct.pack(">H", len(each)) + each for each in PACKETS)
    media, units = receiver()
    reader = RtpStreamReader()
    for at in range(0, len(data), size):
        media.segments(reader.receive_data(data[at : at + size]), HERE[0])
    is_all(units)
    media.close()


@given(st.integers(0, 2**32), st.sampled_from(["length", "interleaved", "private"]))
async def test_a_connection_may_be_read_in_random_pieces_of_every_framing(seed, framing):
    chance = random.Random(seed)
    if framing == "length":
        data = b"".join(struct.pack(">H", len(each)) + each for each in PACKETS)
    else:
        data = b"".join(b"$\x00" + struct.pack(">H", len(each)) + each for each in PACKETS)
        data = (b"\x01\x00\x01" + bytes(253) if framing == "private" else b"") + data
    media, units = receiver()
    reader, at = RtpStreamReader(), 0
    while at < len(data):
        size = chance.choice((1, 5, 100, 1400, 5000))
        media.segments(reader.receive_data(data[at : at + size]), HERE[0])
        at += size
    is_all(units)
    media.close()


@given(st.integers(0, 2**32))
async def test_datagrams_may_come_out_of_order_and_twice(seed):
    chance = random.Random(seed)
    packets = list(PACKETS)
    for at in range(1, len(packets) - 10, 10):
        piece = packets[at : at + 10]
        chance.shuffle(piece)
        packets[at : at + 10] = piece
    packets = [each for one in packets for each in (one,) * (1 + (chance.random() < 0.05))]
    media, units = receiver()
    while packets:
        size = chance.randint(1, 30)
        media.datagrams([(each, HERE) for each in packets[:size]])
        packets = packets[size:]
    is_all(units)
    media.close()


@given(st.integers(0, 2**32), st.integers(1, 5))
async def test_what_is_lost_damages_only_what_it_was_of(seed, lost):
    chance = random.Random(seed)
    gone = set(chance.sample(range(1, len(PACKETS) - 5), lost))
    media, units = receiver()
    media.datagrams([(each, HERE) for number, each in enumerate(PACKETS) if number not in gone])
    for later in range(1, lost + 1):  # each gap is waited for
        media._put(media._receiver.due(1e9 + later), 0.0)
    assert not media._receiver.order.waits
    pictures = [each for each in units if each.codec is Codec.H264]
    whole = {picture(number) for number in range(COUNT)}
    assert all(each.payload in whole for each in pictures)
    assert len(pictures) >= COUNT - 2 * lost - 3
    media.close()
