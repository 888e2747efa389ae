"""One viewer's way through SRTP: his own numbers on shared packets, a pace, repeats, and what reports change."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from aiortc.rtp import RtcpPacket, RtpPacket

from cambus.media.frame import Codec
from cambus.media.rtcp import bye
from cambus.media.rtp import RtpPacketizer, interleave
from cambus.media_relay.pacer import Pacing
from cambus.media_relay.rtc_wire import (
    HISTORY,
    SLOWEST_BYTES_PER_S,
    Lane,
    RtcWire,
)
from cambus.media_relay.viewer import Viewer, ViewerLimits

FASTEST_BYTES_PER_S = 5e6
TICK_S = 0.005
NAL = b"\x00\x00\x00\x01\x65"


class Ticker:
    """A pacer whose time the test turns: every 5 ms it calls back who waits."""

    def __init__(self) -> None:
        self.now = 50.0
        self.waiting: dict[object, Callable[[], None]] = {}

    def add(self, who: object, callback: Callable[[], None]) -> None:
        self.waiting[who] = callback

    def discard(self, who: object) -> None:
        self.waiting.pop(who, None)

    def advance(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_S)):
            self.now += TICK_S
            for callback in tuple(self.waiting.values()):
                callback()


class Path:
    """A wire whose encryption does nothing, and what it sent."""

    def __init__(self) -> None:
        self.ticker = Ticker()
        self.sent: list[bytes] = []
        self.calls = 0
        self.blocked = False
        self.broken = False
        self.drained = 0
        self.closes = 0
        self.video = Lane(39, ssrc=1111, sequence=65_534)
        self.audio = Lane(8, ssrc=2222, sequence=7)
        self.wire = RtcWire(
            {0: self.video, 2: self.audio},
            protect=bytes,
            protect_rtcp=bytes,
            transmit=self.transmit,
            on_drained=self.on_drained,
            on_close=self.on_close,
            pacer=self.ticker,  # type: ignore[arg-type]
            pacing=Pacing(FASTEST_BYTES_PER_S, clock=lambda: self.ticker.now),
        )

    def transmit(self, datagrams: Sequence[bytes]) -> None:
        if self.blocked:
            raise BlockingIOError
        if self.broken:
            raise PermissionError
        assert len({len(each) for each in datagrams[:-1]} | {len(datagrams[0])}) == 1
        assert len(datagrams[-1]) <= len(datagrams[0])
        self.calls += 1
        self.sent += datagrams

    def on_drained(self) -> None:
        self.drained += 1

    def on_close(self) -> None:
        self.closes += 1

    @property
    def packets(self) -> list[RtpPacket]:
        return [RtpPacket.parse(each) for each in self.sent]


@pytest.fixture
def path() -> Path:
    return Path()


@pytest.fixture
def packetizer() -> RtpPacketizer:
    return RtpPacketizer(Codec.H264, 96, ssrc=9, mtu=1200, sequence=100, timestamp_offset=1000)


def test_each_viewer_gets_his_own_numbers_on_the_shared_packets(path, packetizer):
    shared = packetizer.packetize(NAL + b"\xaa" * 3000, 0)
    data = interleave(shared, 0)
    assert path.wire.send(data) == len(data)
    assert [each.sequence_number for each in path.packets] == [65_534, 65_535, 0]
    assert {each.ssrc for each in path.packets} == {1111}
    assert {each.payload_type for each in path.packets} == {39}
    assert {each.timestamp for each in path.packets} == {1000}
    assert [each.marker for each in path.packets] == [0, 0, 1]
    assert [each.payload for each in path.packets] == [each[12:] for each in shared]


def test_packets_of_one_size_are_one_call(path, packetizer):
    fragments = packetizer.packetize(NAL + b"\xaa" * 6000, 0)
    path.wire.send(interleave(fragments, 0))
    assert path.calls == 1
    assert [each.payload for each in path.packets] == [each[12:] for each in fragments]
    small, large = packetizer.packetize(NAL, 0), packetizer.packetize(NAL + b"\xaa" * 500, 0)
    path.wire.send(interleave([*small, *large, *large, *small, *small], 0))
    assert path.calls == 4  # small; large, large, small; small
    assert all((b.sequence_number - a.sequence_number) % 65536 == 1 for a, b in pairwise(path.packets))


def test_a_track_that_the_viewer_has_not_is_passed_over(path, packetizer):
    data = interleave(packetizer.packetize(NAL, 0), 4)
    assert path.wire.send(data) == len(data)
    assert path.sent == []


def test_reports_carry_the_streams_clocks_and_the_viewers_counts(path, packetizer):
    path.wire.send(interleave(packetizer.packetize(NAL + b"\xaa" * 20, 90_000), 0))
    path.wire.send(interleave([packetizer.sender_report(1_700_000_000_250_000, 90_000)], 1))
    report, names = RtcpPacket.parse(path.sent[-1])
    assert report.ssrc == 1111
    assert report.sender_info.rtp_timestamp == 91_000
    assert report.sender_info.ntp_timestamp >> 32 == 1_700_000_000 + 2_208_988_800
    assert report.sender_info.ntp_timestamp & 0xFFFFFFFF == pytest.approx(1 << 30, abs=1 << 13)
    assert (report.sender_info.packet_count, report.sender_info.octet_count) == (1, 21)
    assert names.chunks[0].ssrc == 1111


def test_the_end_of_the_stream_is_said_in_the_last_report(path, packetizer):
    report = packetizer.sender_report(1_700_000_000_000_000, 0)
    path.wire.send(interleave([report + bye(packetizer.ssrc)], 1))
    assert RtcpPacket.parse(path.sent[-1])[-1].sources == [1111]


def test_sound_of_the_past_is_left_out_without_a_gap(path):
    sound = RtpPacketizer(Codec.PCMA, 8, clock_rate=8000, timestamp_offset=0xFFFFFF00)
    path.audio.live_from = (0xFFFFFF00 + 320) & 0xFFFFFFFF
    for at in (0, 160, 320, 480):
        path.wire.send(interleave(sound.packetize(bytes(160), at * 90 // 8), 2))
    assert [each.sequence_number for each in path.packets] == [7, 8]
    assert [each.timestamp for each in path.packets] == [64, 224]


def test_more_than_the_pace_allows_waits_for_the_next_tick(path, packetizer):
    data = interleave(packetizer.packetize(NAL + b"\xaa" * 200_000, 0), 0)
    viewer = Viewer(path.wire, ViewerLimits(), lambda viewer, reason: None)
    viewer.begin(b"", [data])
    burst = sum(map(len, path.sent))
    assert 0 < burst < 60_000
    assert path.calls < 5
    assert viewer.queued_bytes > 100_000
    path.ticker.advance(TICK_S)
    assert sum(map(len, path.sent)) - burst == pytest.approx(FASTEST_BYTES_PER_S * TICK_S, abs=2400)
    assert path.drained == 0
    path.ticker.advance(0.1)
    assert viewer.queued_bytes == 0
    assert path.drained == 1
    assert path.ticker.waiting == {}
    payload = b"".join(each.payload[2:] for each in path.packets)
    assert payload == b"\xaa" * 200_000
    assert all((b.sequence_number - a.sequence_number) % 65536 == 1 for a, b in pairwise(path.packets))


def test_a_full_socket_makes_a_packet_wait_and_loses_none(path, packetizer):
    data = interleave(packetizer.packetize(NAL + b"\xaa" * 3000, 0), 0)
    path.blocked = True
    with pytest.raises(BlockingIOError):
        path.wire.send(data)
    path.blocked = False
    assert path.wire.send(data) == len(data)
    assert [each.sequence_number for each in path.packets] == [65_534, 65_535, 0]


def test_a_network_that_refuses_loses_the_packet_and_not_the_viewer(path, packetizer):
    path.broken = True
    path.wire.send(interleave(packetizer.packetize(NAL, 0), 0))
    path.broken = False
    path.wire.send(interleave(packetizer.packetize(NAL, 3600), 0))
    assert [each.sequence_number for each in path.packets] == [65_535]


def test_a_lost_packet_is_sent_again_as_it_was(path, packetizer):
    path.wire.send(interleave(packetizer.packetize(NAL + b"\xaa" * 3000, 0), 0))
    first = list(path.sent)
    path.wire.resend(1111, 65_535)
    path.wire.resend(1111, 17)
    path.wire.resend(3333, 65_535)
    assert path.sent == [*first, first[1]]
    assert path.wire.resent == 1


def test_only_so_many_packets_are_kept_for_repeats(path, packetizer):
    for at in range(HISTORY + 1):
        path.wire.send(interleave(packetizer.packetize(NAL, at), 0))
        path.ticker.advance(TICK_S)
    path.wire.resend(1111, 65_534)  # the first of all
    assert path.wire.resent == 0
    path.wire.resend(1111, 65_535)
    assert path.wire.resent == 1
    assert len(path.video.sent) == HISTORY


def test_loss_slows_the_pace_down_and_none_brings_it_back(path):
    path.wire.report_loss(0.05)
    assert path.wire.bytes_per_s == FASTEST_BYTES_PER_S
    for _ in range(50):
        path.wire.report_loss(0.5)
    assert path.wire.bytes_per_s == SLOWEST_BYTES_PER_S
    for _ in range(50):
        path.wire.report_loss(0.0)
    assert path.wire.bytes_per_s == FASTEST_BYTES_PER_S


def test_a_viewer_on_a_full_path_skips_to_a_keyframe(path, packetizer):
    for _ in range(50):
        path.wire.report_loss(0.5)
    viewer = Viewer(path.wire, ViewerLimits(20_000, 1 << 20, 10.0), lambda viewer, reason: None)
    viewer.begin(b"", [interleave(packetizer.packetize(NAL, 0), 0)])
    for at in range(1, 40):
        viewer.deliver(interleave(packetizer.packetize(NAL + b"\xaa" * 4000, at * 3600), 0), keyframe=False)
    assert viewer.skips == 1
    path.ticker.advance(5.0)
    assert viewer.queued_bytes == 0
    viewer.deliver(interleave(packetizer.packetize(NAL, 1), 0), keyframe=False)
    last = path.packets[-1].timestamp
    viewer.deliver(interleave(packetizer.packetize(NAL, 900_000), 0), keyframe=True)
    assert last != 901_000
    assert path.packets[-1].timestamp == 901_000
    assert all((b.sequence_number - a.sequence_number) % 65536 == 1 for a, b in pairwise(path.packets))


def test_a_closed_wire_takes_nothing_and_says_so_once(path, packetizer):
    data = interleave(packetizer.packetize(NAL, 0), 0)
    path.wire.send(data)
    path.wire.close()
    path.wire.close()
    with pytest.raises(BrokenPipeError):
        path.wire.send(data)
    path.wire.resend(1111, 65_534)
    assert path.closes == 1
    assert len(path.sent) == 1
