"""The packets of one stream of a simulated RTSP camera: pictures and sound of a channel, with reports."""

import time
from dataclasses import dataclass, field, replace
from typing import Final

from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec
from cambus.media.g711 import decode_alaw, encode_ulaw
from cambus.media.nal import iter_nal_offsets, join_annexb, nal_unit_at
from cambus.media.parameter_sets import ParameterSetTracker, VideoParams
from cambus.media.rtp import HEADER_BYTES, RtpPacketizer
from cambus.media.sdp import SdpMedia, build_sdp
from cambus.simulators.rtsp.quirks import Quirks
from cambus.simulators.tone import PACKETS_PER_S, channel_tone
from cambus.simulators.video_loop import VideoLoop, VideoSpec

TICKS: Final = 90_000
REPORT_S: Final = 1.0
VIDEO, AUDIO = 0, 1
_MARKER: Final = 0x80
_MTU: Final = 1400


@dataclass(frozen=True, slots=True)
class MediaPlan:
    """What the streams of a camera look like.

    Attributes:
        main, sub: its two encoders.
    """

    main: VideoSpec = field(default_factory=VideoSpec)
    sub: VideoSpec = field(default_factory=lambda: VideoSpec(width=320, height=240, bitrate=256_000))

    def spec(self, channel: int, stream: str) -> VideoSpec:
        """One encoder of a channel, which counts from 1."""
        return (self.sub if stream == "sub" else self.main).for_channel(channel)

    def coded(self, codec: Codec) -> "MediaPlan":
        """The same in another codec."""
        return MediaPlan(replace(self.main, codec=codec), replace(self.sub, codec=codec))


@dataclass(frozen=True, slots=True)
class Sent:
    """A packet that is due.

    Attributes:
        at_s: when, in seconds from the start.
        track: `VIDEO` or `AUDIO`.
        rtcp: whether it is a report.
        data: the packet.
    """

    at_s: float
    track: int
    rtcp: bool
    data: bytes


class StreamSource:
    """One stream, endless.

    Args:
        loop: its pictures.
        quirks: what is wrong with it.
    """

    def __init__(self, loop: VideoLoop, quirks: Quirks) -> None:
        params = ParameterSetTracker().update(loop.unit(0).data, loop.spec.codec)
        if params is None:
            raise RuntimeError("a loop begins with parameter sets")
        self.params: VideoParams = params
        self._loop = loop
        self._quirks = quirks
        self.sound = {"pcma": Codec.PCMA, "pcmu": Codec.PCMU, "none": None}[quirks.sound]
        self._video = RtpPacketizer(loop.spec.codec, 96, mtu=_MTU)
        kind = 8 if self.sound is Codec.PCMA else 0
        self._audio = None if self.sound is None else RtpPacketizer(self.sound, kind, clock_rate=8000)
        self._tone = channel_tone(loop.spec.channel)
        self._picture = self._packet = self._count = 0
        self._report_s = 0.0

    def description(self, controls: tuple[str, str]) -> str:
        """The usual session description of it."""
        media = [SdpMedia(self.params, 96, controls[VIDEO])]
        if self.sound is not None:
            media.append(
                SdpMedia(
                    AudioConfig(self.sound, 8000, 1), 8 if self.sound is Codec.PCMA else 0, controls[AUDIO]
                )
            )
        return build_sdp(media, name="Simulated camera")

    def next(self) -> list[Sent]:
        """The packets that are due next, all at one time."""
        picture_s = self._picture / self._loop.spec.fps
        sound_s = self._packet / PACKETS_PER_S
        late_s = self._quirks.sound_late_s
        if self._quirks.reports and self._report_s <= picture_s:
            at_s, self._report_s = self._report_s, self._report_s + REPORT_S
            return self._reports(at_s)
        if self._audio is not None and sound_s + late_s < picture_s:
            self._packet += 1
            return [Sent(sound_s + late_s, AUDIO, False, each) for each in self._sounds(sound_s)]
        self._picture += 1
        return [Sent(picture_s, VIDEO, False, each) for each in self._pictures(picture_s)]

    def _pictures(self, at_s: float) -> list[bytes]:
        unit = self._loop.unit(self._picture - 1)
        data = (
            unit.data if self._quirks.sets_in_stream or not unit.keyframe else self._without_sets(unit.data)
        )
        packets = self._video.packetize(data, self._stamp(at_s))
        packets = [self._marked(each) for each in packets]
        kept = []
        for each in packets:
            self._count += 1
            if not (self._quirks.lose_every and self._count % self._quirks.lose_every == 0):
                kept.append(each)
        return kept

    def _marked(self, packet: bytes) -> bytes:
        """A packet of a picture with the marker this camera gives it."""
        kind = packet[HEADER_BYTES]
        is_set = kind & 0x1F in {7, 8} if self._video.codec is Codec.H264 else 32 <= kind >> 1 & 0x3F <= 34
        if self._quirks.marker == "never":
            return packet[:1] + bytes((packet[1] & ~_MARKER,)) + packet[2:]
        if self._quirks.marker == "each" and is_set:
            return packet[:1] + bytes((packet[1] | _MARKER,)) + packet[2:]
        return packet

    def _sounds(self, at_s: float) -> list[bytes]:
        packet = self._tone[self._packet % len(self._tone)]
        payload = packet if self.sound is Codec.PCMA else encode_ulaw(decode_alaw(packet))
        return [] if self._audio is None else self._audio.packetize(payload, self._stamp(at_s))

    def _reports(self, at_s: float) -> list[Sent]:
        wall_us = time.time_ns() // 1000 + round(self._quirks.clock_s * 1e6)
        makers = [(VIDEO, self._video)] + ([(AUDIO, self._audio)] if self._audio is not None else [])
        return [
            Sent(at_s, track, True, maker.sender_report(wall_us, self._stamp(at_s)))
            for track, maker in makers
        ]

    def _stamp(self, at_s: float) -> int:
        return 0 if self._quirks.timestamps == "still" else round(at_s * TICKS)

    def _without_sets(self, annexb: bytes) -> bytes:
        """A keyframe as an encoder writes it that keeps its parameter sets to itself."""
        units = [nal_unit_at(annexb, at) for at in iter_nal_offsets(annexb)]
        return join_annexb(*(unit for unit in units if unit not in self.params.sets))
