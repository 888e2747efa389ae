"""Random bytes behind a valid start: no exception, and no more memory than a picture may have."""

import random
import struct
import tracemalloc

import pytest

from cambus.gb28181.errors import MediaError
from cambus.gb28181.media_input import Latch, MediaInput
from cambus.gb28181.sdp import H264, H265, PS, PayloadFormat
from cambus.media.frame import Codec
from cambus.media.mpegps import MAX_UNIT_BYTES
from cambus.media.mpegps_writer import ProgramStreamMuxer
from cambus.media.rtp_stream import MAX_RESYNC_BYTES, RtpStreamReader, StreamLostError

SSRC = 7
HERE = ("192.0.2.7", 5004)
UNIT = b"\x00\x00\x00\x01\x67" + bytes(range(1, 250)) * 20
FRAMING_BYTES = 3 * 65_536
STARTS = (
    b"\x00\x00\x01\xba",
    b"\x00\x00\x01\xbc",
    b"\x00\x00\x01\xe0",
    b"\x00\x00\x01\xc0",
    b"\x47",
    b"\x00\x00",
)
FORMATS = {"ps": PS, "h264": H264, "h265": H265, "ts": PayloadFormat(33), "unsaid": PayloadFormat(120)}


def packet(sequence, timestamp, payload, type_, *, marker=False):
    second = type_ | (0x80 if marker else 0)
    return struct.pack(">BBHII", 0x80, second, sequence & 0xFFFF, timestamp, SSRC) + payload


def rubbish(chance, size):
    """Random bytes with words of the formats among them."""
    data = bytearray(chance.randbytes(size))
    for _ in range(size // 200):
        at, word = chance.randrange(size), chance.choice(STARTS)
        data[at : at + len(word)] = word
    return bytes(data[:size])


def packets(chance, total, type_):
    """A valid picture, then what comes."""
    sequence, timestamp = 1, 0
    pack = ProgramStreamMuxer(Codec.H264, Codec.PCMA).picture(UNIT, 0, keyframe=True)
    yield packet(0, 0, pack, type_, marker=True)
    while total > 0:
        size = min(chance.randint(1, 1400), total)
        timestamp += chance.choice((0, 0, 0, 3600))
        yield packet(sequence, timestamp, rubbish(chance, size), type_, marker=chance.random() < 0.1)
        sequence += chance.choice((1,) * 20 + (2,))
        total -= size


class Taken:
    """Whatever came out, and the most that one piece of it had."""

    def __init__(self):
        self.units, self.largest = 0, 0

    def __call__(self, units):
        self.units += len(units)
        self.largest = max(self.largest, *(len(each.payload) for each in units))


def held(media):
    """Bytes that wait for more."""
    total = sum(len(each.payload) for each in media._receiver.order._waiting.values())
    for track in media._router._tracks.values():
        joiner = getattr(track, "_joiner", None)
        total += joiner._size if joiner is not None else 0
        demuxer = getattr(track, "demuxer", None)
        total += len(getattr(demuxer, "_rest", b"")) + sum(map(len, getattr(demuxer, "_video", ())))
        total += sum(map(len, getattr(demuxer, "_audio", ())))
        total += sum(len(part) for each in getattr(demuxer, "_streams", {}).values() for part in each.parts)
        total += sum(map(len, getattr(getattr(track, "_depacketizer", None), "_parts", ())))
    return total


async def feed(total, name, seed):
    """Random packets over UDP; what came of it."""
    chance, taken = random.Random(seed), Taken()
    media = MediaInput(taken, Latch(SSRC, frozenset({HERE[0]})))
    media.answered([FORMATS[name]])
    batch, most = [], 0
    for each in packets(chance, total, FORMATS[name].number):
        batch.append((each, HERE))
        if len(batch) == 50:
            media.datagrams(batch)
            most = max(most, held(media))
            batch = []
    media.datagrams(batch)
    media.close()
    assert media.failure is None or isinstance(media.failure, MediaError)
    assert max(most, held(media)) <= MAX_UNIT_BYTES + 2 * 65_536
    return media, taken


@pytest.mark.parametrize("name", FORMATS)
async def test_rubbish_behind_a_good_picture_is_survived(name):
    media, taken = await feed(60_000, name, 1)
    assert media.packets > 40
    if name == "ps":
        assert taken.units >= 1


def unlimited(stream):
    """A program stream whose last PES packet has no length, and goes on for ever."""
    pack = ProgramStreamMuxer(Codec.H264, Codec.PCMA)
    data = pack.picture(UNIT, 0, keyframe=True) + (pack.sound(b"sound", 0) if stream == 0xC0 else b"")
    at = data.rindex(bytes((0, 0, 1, stream))) + 4
    return data[:at] + bytes(2) + data[at + 2 :]


def transport(*, first=False, counter=0):
    """Seven packets of one PES packet of pictures, whose end never comes; tables come first."""
    found = b""
    if first:
        tables = b"\x00\x00\xb0\x0d\x00\x01\xc1\x00\x00\x00\x01\xe1\x00" + bytes(4)
        found += (b"\x47\x40\x00\x10" + tables).ljust(188, b"\xff")
        tables = b"\x00\x02\xb0\x12\x00\x01\xc1\x00\x00\xe1\x01\xf0\x00\x1b\xe1\x01\xf0\x00" + bytes(4)
        found += (b"\x47\x41\x00\x10" + tables).ljust(188, b"\xff")
        found += b"\x47\x41\x01\x10\x00\x00\x01\xe0\x00\x00\x80\x00\x00".ljust(188, b"p")
    else:
        for number in range(7):
            found += b"\x47\x01\x01" + bytes((0x10 | (counter + number) & 0xF,)) + b"p" * 184
    return found


ENDLESS = {
    "pictures": (PS, unlimited(0xE0), b"p" * 1400),
    "sound": (PS, unlimited(0xC0), b"s" * 1400),
    "h264": (H264, b"\x7c\x87" + b"p" * 100, b"\x7c\x07" + b"p" * 1400),
    "h265": (H265, b"\x62\x01\x93" + b"p" * 100, b"\x62\x01\x13" + b"p" * 1400),
    "ts": (FORMATS["ts"], transport(first=True), None),
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_what_never_ends_is_held_no_further_than_a_picture_may_go(name):
    format_, first, more = ENDLESS[name]
    media = MediaInput(Taken(), Latch(SSRC, frozenset({HERE[0]})))
    media.answered([format_])
    media.datagrams([(packet(0, 0, first, format_.number), HERE)])
    most = 0
    for start in range(0, 5 * MAX_UNIT_BYTES // 1300, 100):
        numbers = range(start + 1, start + 101)
        batch = [more or transport(counter=7 * (n - 1) + 1) for n in numbers]
        sent = [packet(n, 0, each, format_.number) for n, each in zip(numbers, batch, strict=True)]
        media.datagrams([(each, HERE) for each in sent])
        most = max(most, held(media))
    media.close()
    assert media.failure is None
    assert MAX_UNIT_BYTES // 2 < most <= 2 * (MAX_UNIT_BYTES + 150_000)


@pytest.mark.parametrize(("name", "nothing"), [("pictures", b""), ("h264", b""), ("h265", b"\x62\x01\x13")])
async def test_packets_with_nothing_in_them_leave_nothing(name, nothing):
    format_, first, _ = ENDLESS[name]
    media = MediaInput(Taken(), Latch(SSRC, frozenset({HERE[0]})))
    media.answered([format_])
    sent = [packet(n, 0, nothing if n else first, format_.number) for n in range(5000)]
    media.datagrams([(each, HERE) for each in sent])
    assert media.packets == 5000
    (track,) = media._router._tracks.values()
    joins = getattr(track, "_joiner", None) or track._depacketizer
    assert 0 < len(joins._parts) < 10
    media.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", FORMATS)
async def test_a_million_bytes_of_rubbish_are_survived(name, seed):
    tracemalloc.start()
    try:
        media, taken = await feed(1_000_000, name, seed)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert media.octets >= 1_000_000 or media.failure is not None
    assert taken.largest <= MAX_UNIT_BYTES
    assert peak < 3 * MAX_UNIT_BYTES


def framed(total, seed):
    """A good stream of RFC 4571, then rubbish."""
    chance = random.Random(seed)
    good = [packet(n, n, b"x" * 300, 96) for n in range(3)]
    start = b"".join(struct.pack(">H", len(each)) + each for each in good)
    return chance, start + rubbish(chance, total)


def read(total, seed):
    chance, data = framed(total, seed)
    reader, at, most = RtpStreamReader(), 0, 0
    try:
        while at < len(data):
            size = chance.randint(1, 4000)
            reader.receive_data(data[at : at + size])
            at += size
            most = max(most, len(reader._buffer))
    except StreamLostError:
        assert reader.counts["skipped"] > MAX_RESYNC_BYTES
    assert most <= FRAMING_BYTES
    return reader


def test_rubbish_on_a_connection_is_searched_in_bounded_memory():
    assert read(60_000, 1).counts["resync"] >= 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_million_bytes_of_rubbish_on_a_connection_are_searched(seed):
    assert read(1_000_000, seed).counts["resync"] >= 1


def test_after_four_mebibytes_without_a_packet_it_is_given_up():
    assert MAX_RESYNC_BYTES == 4 * 1024 * 1024
    _, start = framed(0, 1)
    reader = RtpStreamReader()
    reader.receive_data(start)
    while reader.counts["skipped"] <= MAX_RESYNC_BYTES - 65_536:
        reader.receive_data(bytes(65_536))
    with pytest.raises(StreamLostError):
        reader.receive_data(bytes(2 * 65_536))
    assert MAX_RESYNC_BYTES < reader.counts["skipped"] <= MAX_RESYNC_BYTES + FRAMING_BYTES
