"""Units out of the packets of one track: put in order, taken apart, placed on the session's time line."""

from __future__ import annotations

from collections import Counter
from typing import Final

from cambus.media.aac_depacketizer import AacDepacketizer
from cambus.media.frame import Codec
from cambus.media.mpegps import StreamUnit
from cambus.media.nal_depacketizer import NalDepacketizer
from cambus.media.rtcp_receiver import SenderReport, read_rtcp
from cambus.media.rtp_input import ReorderBuffer, RtpPacket, parse_rtp
from cambus.rtsp.description import Track
from cambus.rtsp.lip_sync import LipSync

_IN_ORDER: Final = 1
"""How many packets of a connection wait for a missing one: it can not come any more."""


class TrackReader:
    """Reads one track.

    Args:
        track: as it is described; one that can be taken apart.
        sync: places its units.
        datagrams: whether packets may come in any order.

    Attributes:
        packets: how many have come.
        counts: what was dropped, by reason.
        ended: whether the sender has said that it leaves.
    """

    def __init__(self, track: Track, sync: LipSync, *, datagrams: bool) -> None:
        if track.codec is None:
            raise ValueError("nobody can take this track apart")
        self.track = track
        self.packets = 0
        self.counts: Counter[str] = Counter()
        self.ended = False
        self._codec: Codec = track.codec
        self._sync = sync
        self._datagrams = datagrams
        self._order = self._new_order()
        self._ssrc: int | None = None
        self._stamp: int | None = None
        self._broken = False
        self._pictures = NalDepacketizer(track.codec) if track.codec.is_video else None
        self._sound = AacDepacketizer(track.layout) if track.codec is Codec.AAC else None

    @property
    def deadline(self) -> float | None:
        """When to call `due`; None if nothing waits."""
        return self._order.deadline

    def push(self, data: bytes, now: float, arrival_us: int) -> list[StreamUnit]:
        """Take a packet of RTP; the units it completes.

        Args:
            data: the packet.
            now: seconds of any clock that only rises.
            arrival_us: when it came, microseconds since 1970 UTC.
        """
        packet = parse_rtp(data)
        if packet is None or packet.payload_type != self.track.payload_type:
            self.counts["foreign"] += 1
            return []
        if packet.ssrc != self._ssrc:
            if self._ssrc is not None:  # the sender has begun anew
                self._order = self._new_order()
                self._lost()
            self._ssrc = packet.ssrc
        self.packets += 1
        return self._read(self._order.push(packet, now), arrival_us)

    def due(self, now: float, arrival_us: int) -> list[StreamUnit]:
        """What has waited long enough for what is missing."""
        return self._read(self._order.due(now), arrival_us)

    def report(self, data: bytes, arrival_us: int) -> None:
        """Take a packet of RTCP."""
        for each in read_rtcp(data):
            if self._ssrc is not None and each.ssrc != self._ssrc:
                continue
            if isinstance(each, SenderReport):
                if each.wall_us > 0:
                    self._sync.report(self.track.number, each.wall_us, each.rtp_timestamp, arrival_us)
            else:
                self.ended = True

    def _new_order(self) -> ReorderBuffer:
        return ReorderBuffer() if self._datagrams else ReorderBuffer(packets=_IN_ORDER)

    def _read(self, packets: list[RtpPacket | None], arrival_us: int) -> list[StreamUnit]:
        units: list[StreamUnit] = []
        for packet in packets:
            if packet is None:
                self._lost()
            elif self._pictures is not None:
                for picture in self._pictures.push(packet):
                    broken = picture.discontinuity or self._broken
                    units.append(self._unit(picture.payload, picture.timestamp, arrival_us, broken))
            elif self._sound is not None:
                units += [
                    self._unit(each.payload, each.timestamp, arrival_us) for each in self._sound.push(packet)
                ]
            elif packet.payload:
                units.append(self._unit(packet.payload, packet.timestamp, arrival_us))
        return units

    def _unit(self, payload: bytes, timestamp: int, arrival_us: int, broken: bool = False) -> StreamUnit:
        self._broken = False
        if timestamp == self._stamp:  # a sender whose timestamps stand still has none
            return StreamUnit(self._codec, 0, payload, None, broken)
        self._stamp = timestamp
        pts, anew = self._sync.place(self.track.number, timestamp & 0xFFFFFFFF, arrival_us)
        return StreamUnit(self._codec, 0, payload, pts, broken or anew)

    def _lost(self) -> None:
        self.counts["lost"] += 1
        self._broken = True
        if self._pictures is not None:
            self._pictures.lost()
        if self._sound is not None:
            self._sound.lost()
