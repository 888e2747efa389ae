"""What a device sends is kept only as far as it can be paid for."""

import io
import tracemalloc
import zipfile

import pytest
from dvrip_fuzz import DeadSocket

from cambus.dvrip.alarm_centre import MAX_UNSENT_BYTES, AlarmCentreListener, AlarmCentreSettings, _Sender
from cambus.dvrip.events import MAX_EVENT_BYTES, DevicePush, EventStream
from cambus.dvrip.frames import FrameHeader, FrameType
from cambus.dvrip.media import StreamSplitter
from cambus.dvrip.operations.transfers import ZipCollector
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


def archive(comment=b""):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        written.writestr("settings.json", bytes(300))
        written.comment = comment
    return file.getvalue()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 21, 22, 23, 100, 10_000])
@pytest.mark.parametrize("comment", [b"", b"made by a recorder", b"PK\x05\x06 twice"])
def test_an_archive_is_whole_with_its_end_record_and_comment_wherever_it_is_cut(size, comment):
    whole = archive(comment)
    collector = ZipCollector()
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    gathered = [collector.add(packet) for packet in packets(*pieces)]
    if b"PK" not in comment:  # that recorder would have to set EndFlag
        assert gathered == [None] * (len(pieces) - 1) + [whole]
    assert collector._data[: len(whole)] == whole


def test_a_picture_in_tiny_pieces_weighs_what_it_holds():
    splitter = StreamSplitter()
    splitter.receive_data(FrameHeader(FrameType.DELTA, 100_000).serialize())
    tracemalloc.start()
    for number in range(49_000):
        splitter.receive_data(number.to_bytes(2, "big"))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert splitter.pending_bytes == 98_008
    assert held < 6 * splitter.pending_bytes


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
