"""What a device sends is kept only as far as it can be paid for."""

from dvrip_fuzz import DeadSocket

from cambus.dvrip.alarm_centre import MAX_UNSENT_BYTES, AlarmCentreListener, AlarmCentreSettings, _Sender
from cambus.dvrip.events import MAX_EVENT_BYTES, DevicePush, EventStream
from cambus.dvrip.snapshot import SnapshotCollector, picture_of
from cambus.dvrip.wire import Header, Packet, serialize


def packets(*pieces: bytes) -> list[Packet]:
    return [Packet(Header.parse(serialize(1561, each, version=1)), each) for each in pieces]


async def test_a_consumer_that_is_slow_is_behind_by_bytes_as_well():
    stream = EventStream(max_events=1000)
    big = DevicePush(1614, bytes(MAX_EVENT_BYTES // 4))
    for _ in range(6):
        stream.put(big, len(big.payload))
    assert stream.counters["dropped"] == 2
    assert await anext(stream) is big
    stream.put(big, len(big.payload))  # there is room again
    assert stream.counters["dropped"] == 2
    stream.end()
    assert len([event async for event in stream]) == 4


def test_a_picture_is_whole_wherever_its_end_is_cut():
    picture = b"\xff\xd8\xff\xdb" + bytes(range(200)) + b"\xff\xd9"
    for size in (1, 2, 3, 7, 205, 206):
        collector = SnapshotCollector()
        pieces = [picture[at : at + size] for at in range(0, len(picture), size)]
        *before, whole = [collector.add(packet) for packet in packets(*pieces)]
        assert before == [None] * (len(pieces) - 1)
        assert picture_of(whole) == picture


def test_a_picture_may_be_padded():
    collector = SnapshotCollector()
    assert collector.add(packets(b"\xff\xd8\xff\xdb123\xff")[0]) is None
    assert collector.add(packets(b"\xd9\x00\x00\x00")[0]) == b"\xff\xd8\xff\xdb123\xff\xd9\x00\x00\x00"


class Deaf(DeadSocket):
    """A peer that takes nothing: all that is written stays."""

    def get_write_buffer_size(self):
        return self.written


async def test_a_sender_that_reads_no_answers_is_dropped():
    heard = []
    listener = AlarmCentreListener(
        AlarmCentreSettings(reply=True),
        lambda report, address: "gate",
        lambda report, device, address: heard.append(report),
    )
    sender = _Sender(listener)
    socket = Deaf(sender)
    sender.connection_made(socket)
    message = serialize(1508, b'{"Event":"MotionDetect"}')
    while not socket.is_closing():
        sender.data_received(message * 100)
        assert socket.written < 2 * MAX_UNSENT_BYTES
    assert listener.counters["deaf"] == 1
    assert len(heard) > 1000
