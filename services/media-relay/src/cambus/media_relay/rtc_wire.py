"""The way of one WebRTC viewer: shared RTP packets in, his own SRTP datagrams out, no faster than he can take.

What all viewers share are the packets of an RTSP viewer, interleaved (`cambus.media.rtp.interleave`). Here each gets
this viewer's payload type, SSRC and sequence number, is encrypted with his keys and sent. Datagrams have no
back-pressure, so a pace takes its part: beyond it the wire takes nothing, the `Viewer` queues, and skips to the
next keyframe when that gets too much. Reported loss slows the pace down.
"""

import secrets
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from cambus.media.rtcp import bye, sender_report
from cambus.media_relay.pacer import Pacer, Pacing
from cambus.media_relay.rtc_answer import CNAME

_HEAD: Final = struct.Struct(">BBHII")
_REPORT: Final = struct.Struct(">4xIIII")
"""Of a sender report: SSRC, NTP seconds and fraction, RTP timestamp (RFC 3550 §6.4.1)."""
_NTP_TO_UNIX_S: Final = 2_208_988_800
_BYE: Final = 203
_BYE_BYTES: Final = 8
_MASK: Final = 0xFFFFFFFF
_HALF: Final = 1 << 31

HISTORY: Final = 1024
"""Packets of a track that can be sent again: half a second of 20 Mbit/s. They are views of what all viewers share."""
SLOWEST_BYTES_PER_S: Final = 50e3
_SMALLEST_BURST_BYTES: Final = 3000
_LONGEST_RUN: Final = 20
"""Packets sent by one system call, if they are of one size: a little less than the largest burst."""
_LOSS_TO_SLOW_DOWN: Final = 0.1
"""The share of lost packets above which a path is taken to be full (as in draft-ietf-rmcat-gcc-02 §6)."""
_SLOWER: Final = 0.7
_FASTER: Final = 1.15


@dataclass(slots=True)
class Lane:
    """One track on its way to one viewer.

    Attributes:
        payload_type: as the viewer offered it.
        ssrc: random, of this viewer alone.
        sequence: number of the next packet (RFC 3711 §3.3.1: the lower half, so that a first loss hurts nothing).
        packets, octets: sent so far, for the reports.
        live_from: what is older by its RTP timestamp is left out, for good; None: nothing is.
    """

    payload_type: int
    ssrc: int = field(default_factory=lambda: secrets.randbits(32))
    sequence: int = field(default_factory=lambda: secrets.randbits(15))
    packets: int = 0
    octets: int = 0
    live_from: int | None = None
    sent: dict[int, tuple[int, memoryview]] = field(default_factory=dict, repr=False)

    def is_past(self, stamp: int) -> bool:
        """Whether a packet with this timestamp is left out."""
        return self.live_from is not None and (stamp - self.live_from) & _MASK >= _HALF


class RtcWire:
    """A `viewer.Wire` over SRTP.

    Args:
        lanes: by the interleaved channel of their RTP packets; reports come on the channel above each.
        protect: encrypts an RTP packet.
        protect_rtcp: encrypts a compound RTCP packet.
        transmit: sends datagrams, all but the last of one size; BlockingIOError when none of them was.
        on_drained: called when the viewer has nothing queued any more.
        on_close: called once, when the viewer gives the wire up.
        pacer: calls back when more may be sent.
        pacing: how fast at best.
    """

    def __init__(
        self,
        lanes: Mapping[int, Lane],
        *,
        protect: Callable[[bytes], bytes],
        protect_rtcp: Callable[[bytes], bytes],
        transmit: Callable[[Sequence[bytes]], None],
        on_drained: Callable[[], None],
        on_close: Callable[[], None],
        pacer: Pacer,
        pacing: Pacing,
    ) -> None:
        self._lanes = lanes
        self._by_ssrc = {lane.ssrc: lane for lane in lanes.values()}
        self._protect = protect
        self._protect_rtcp = protect_rtcp
        self._transmit = transmit
        self._on_drained = on_drained
        self._on_close = on_close
        self._pacer = pacer
        self._fastest = pacing
        self._budget = pacing.budget()
        self._watching = False
        self._closed = False
        self.resent = 0

    # --- of the viewer

    def send(self, data: bytes | memoryview, /) -> int:
        """Take whole packets and say how many bytes they were; `BlockingIOError` when none can be taken now."""
        if self._closed:
            raise BrokenPipeError
        view = memoryview(data)
        at, end = 0, len(view)
        while at < end and self._budget.left():
            channel, run, stop = self._next_run(view, at)
            try:
                self._pass_on(channel, run)
            except BlockingIOError:
                break
            at = stop
        if at == 0:
            raise BlockingIOError
        return at

    @property
    def bytes_per_s(self) -> float:
        """The pace at the moment."""
        return self._budget.pacing.bytes_per_s

    def watch(self, writable: Callable[[], None]) -> None:
        """Call back every few milliseconds, until `unwatch`."""
        self._watching = True
        self._pacer.add(self, writable)

    def unwatch(self) -> None:
        """Stop calling back."""
        if self._watching:
            self._watching = False
            self._pacer.discard(self)
            self._on_drained()

    def close(self) -> None:
        """Take nothing more."""
        if not self._closed:
            self._closed = True
            self.unwatch()
            for lane in self._lanes.values():
                lane.sent.clear()
            self._on_close()

    # --- of the viewer's reports

    def resend(self, ssrc: int, sequence: int) -> None:
        """Send a packet again, if it is still known. It counts against the pace."""
        lane = self._by_ssrc.get(ssrc)
        if lane is None or self._closed:
            return
        known = lane.sent.get(sequence % HISTORY)
        if known is None or known[0] != sequence:
            return
        try:
            self._send([self._sealed(lane, sequence, known[1])])
        except BlockingIOError:
            return
        self.resent += 1

    def report_loss(self, share: float) -> None:
        """Adapt the pace to the share of packets lost since the last report."""
        fastest, now = self._fastest, self._budget.pacing
        rate = now.bytes_per_s * (_SLOWER if share > _LOSS_TO_SLOW_DOWN else _FASTER)
        rate = min(fastest.bytes_per_s, max(SLOWEST_BYTES_PER_S, rate))
        burst = max(_SMALLEST_BURST_BYTES, int(fastest.burst_bytes * rate / fastest.bytes_per_s))
        self._budget.pacing = replace(now, bytes_per_s=rate, burst_bytes=burst)

    # --- inside

    def _next_run(self, view: memoryview, at: int) -> tuple[int, list[memoryview], int]:
        """Packets of one channel and one size, the last perhaps shorter: their channel, they, and where they end."""
        channel = view[at + 1]
        run: list[memoryview] = []
        size = first = 0
        while at < len(view) and view[at + 1] == channel and len(run) < _LONGEST_RUN:
            length = int.from_bytes(view[at + 2 : at + 4])
            if run and not size == first >= length:
                break
            size = length
            first = first or length
            run.append(view[at + 4 : at + 4 + length])
            at += 4 + length
        return channel, run, at

    def _pass_on(self, channel: int, run: Sequence[memoryview]) -> None:
        """Send a run of packets. Raises BlockingIOError, and nothing has changed then."""
        lane = self._lanes.get(channel)
        if lane is None:
            if (lane := self._lanes.get(channel - 1)) is not None:
                for report in run:
                    self._report(lane, report)
            return
        packets = [each for each in run if not lane.is_past(_HEAD.unpack_from(each)[3])]
        if not packets:
            return
        numbered = [((lane.sequence + index) & 0xFFFF, each) for index, each in enumerate(packets)]
        self._send([self._sealed(lane, *each) for each in numbered])
        for sequence, packet in numbered:
            lane.sent[sequence % HISTORY] = sequence, packet
            lane.octets += len(packet) - _HEAD.size
        lane.sequence = (lane.sequence + len(packets)) & 0xFFFF
        lane.packets += len(packets)

    def _sealed(self, lane: Lane, sequence: int, packet: memoryview) -> bytes:
        """A packet with this viewer's numbers, encrypted."""
        first, second, _, stamp, _ = _HEAD.unpack_from(packet)
        head = _HEAD.pack(first, second & 0x80 | lane.payload_type, sequence, stamp, lane.ssrc)
        return self._protect(b"".join((head, packet[_HEAD.size :])))

    def _report(self, lane: Lane, packet: memoryview) -> None:
        """A sender report with the stream's clocks and this viewer's counts; the last one ends in a BYE."""
        _, seconds, fraction, stamp = _REPORT.unpack_from(packet)
        report = sender_report(
            lane.ssrc,
            wall_us=(seconds - _NTP_TO_UNIX_S) * 1_000_000 + (fraction * 1_000_000 >> 32),
            rtp_timestamp=stamp,
            packets=lane.packets,
            octets=lane.octets,
            cname=CNAME,
        )
        if packet[-_BYE_BYTES + 1] == _BYE:
            report += bye(lane.ssrc)
        self._send([self._protect_rtcp(report)])

    def _send(self, datagrams: Sequence[bytes]) -> None:
        try:
            self._transmit(datagrams)
        except BlockingIOError:
            raise
        except OSError:  # lost, as datagrams get lost; whether he is still there is for ICE to find out
            return
        self._budget.take(sum(map(len, datagrams)))
