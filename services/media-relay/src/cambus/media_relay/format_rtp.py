"""RTP for RTSP sessions, interleaved or in datagrams: packets, reports and the description of both."""

from collections.abc import Sequence
from typing import Final

from cambus.media.audio import AudioConfig
from cambus.media.frame import Frame, Kind
from cambus.media.parameter_sets import VideoParams
from cambus.media.rtcp import bye
from cambus.media.rtp import RtpPacketizer, can_carry, interleave
from cambus.media.sdp import SdpMedia, build_sdp, payload_type_of
from cambus.media_relay.datagrams import bundle
from cambus.media_relay.output import Carrier, Output
from cambus.rtsp import CONTROL_PREFIX, RtpInfo

VIDEO_TRACK: Final = 0
AUDIO_TRACK: Final = 1
_AUDIO_DYNAMIC: Final = 97  # 96 is the video's
_TICKS_PER_S: Final = 90_000
REPORT_TICKS: Final = 5 * _TICKS_PER_S
"""Reports come with every keyframe, and this often where keyframes are rare (RFC 3550 §6.2)."""

STALE_US: Final = 1_000_000
"""So far the wall clock may be ahead of what the reports say before they follow it."""


class RtpFormat:
    """Packets that all viewers with the same channels share, sequence numbers and SSRC included.

    A sender report of each track goes before every keyframe, so whoever starts there can put picture and
    sound in step at once. All reports name the same instant on the clock of each track.

    Args:
        output: says which tracks are wanted, and on which channels.
        video: the picture.
        audio: the sound of the output (`sounds.sound_of`), None for none.
    """

    def __init__(self, output: Output, video: VideoParams, audio: AudioConfig | None) -> None:
        video_channel, audio_channel = output.channels
        self._params = video.codec, rtp_sound(audio)
        self._join = interleave if output.carrier is Carrier.INTERLEAVED else bundle
        self._tracks: dict[int, tuple[RtpPacketizer, int]] = {}
        if video_channel is not None:
            packetizer = RtpPacketizer(video.codec, payload_type_of(video), mtu=output.mtu)
            self._tracks[VIDEO_TRACK] = packetizer, video_channel
        sound = rtp_sound(audio)
        if audio_channel is not None and sound is not None:
            packetizer = RtpPacketizer(
                sound.codec,
                payload_type_of(sound, dynamic=_AUDIO_DYNAMIC),
                mtu=output.mtu,
                clock_rate=sound.sample_rate,
                channels=sound.channels,
            )
            self._tracks[AUDIO_TRACK] = packetizer, audio_channel
        self._start: tuple[RtpInfo, ...] = ()
        self._anchor: tuple[int, int] | None = None
        self._reported = 0, 0

    @property
    def ssrcs(self) -> frozenset[int]:
        """The synchronisation sources of the tracks."""
        return frozenset(packetizer.ssrc for packetizer, _ in self._tracks.values())

    def opening(self) -> bytes:
        """Nothing: the replies to DESCRIBE, SETUP and PLAY said it all."""
        return b""

    def pack(self, frames: Sequence[Frame]) -> bytes:
        """The packets of the frames, sender reports before those of a keyframe."""
        parts = []
        for frame in frames:
            is_video = frame.kind is Kind.VIDEO
            if is_video and frame.keyframe:
                self._mark_start(frame)
                parts += self._reports(frame)
            elif is_video and frame.pts - self._reported[1] >= REPORT_TICKS:
                parts += self._reports(frame)
            track = self._tracks.get(VIDEO_TRACK if is_video else AUDIO_TRACK)
            if track is not None and track[0].codec is frame.codec:
                packetizer, channel = track
                parts.append(self._join(packetizer.packetize(frame.payload, frame.pts), channel))
        return b"".join(parts)

    def reopen(self, video: VideoParams, audio: AudioConfig | None) -> bytes | None:
        """Go on within the same codecs: parameter sets come with every keyframe. Otherwise a new DESCRIBE is due."""
        return b"" if (video.codec, rtp_sound(audio)) == self._params else None

    def rtp_info(self) -> tuple[RtpInfo, ...]:
        """Sequence number and timestamp of each track where the current group of pictures begins."""
        return self._start

    def clock_rate(self, track: int) -> int:
        """RTP timestamps of a track a second. Raises KeyError for one that is not carried."""
        return self._tracks[track][0].clock_rate

    def parting(self) -> bytes:
        """What tells a player that the stream is over: a BYE behind the last report (RFC 3550 §6.1, §6.6)."""
        wall_us, pts = self._reported
        return b"".join(
            self._join((packetizer.sender_report(wall_us, pts) + bye(packetizer.ssrc),), channel + 1)
            for packetizer, channel in self._tracks.values()
        )

    def _mark_start(self, keyframe: Frame) -> None:
        self._start = tuple(
            RtpInfo(track, packetizer.next_sequence, packetizer.rtp_timestamp(keyframe.pts))
            for track, (packetizer, _) in self._tracks.items()
        )

    def _reports(self, picture: Frame) -> list[bytes]:
        wall_us = self._wall_us(picture)
        self._reported = wall_us, picture.pts
        return [
            self._join((packetizer.sender_report(wall_us, picture.pts),), channel + 1)
            for packetizer, channel in self._tracks.values()
        ]

    def _wall_us(self, picture: Frame) -> int:
        """The wall clock of a picture, as steady as its pts.

        Players move their clocks to every report: were it the instant the frame happened to leave its connector,
        a busy moment there would make their time run backwards. A source that stood still is followed, for then
        the clock only jumps ahead.
        """
        if self._anchor is not None:
            wall_us, pts = self._anchor
            steady_us = wall_us + (picture.pts - pts) * 1_000_000 // _TICKS_PER_S
            if picture.wall_us - steady_us <= STALE_US:
                return steady_us
        self._anchor = picture.wall_us, picture.pts
        return picture.wall_us


def rtp_sound(audio: AudioConfig | None) -> AudioConfig | None:
    """The sound if RTP carries it: G.711, AAC, Opus."""
    return audio if audio is not None and can_carry(audio) else None


def describe(video: VideoParams, audio: AudioConfig | None, name: str) -> str:
    """The session description of a stream."""
    media = [SdpMedia(video, payload_type_of(video), f"{CONTROL_PREFIX}{VIDEO_TRACK}")]
    sound = rtp_sound(audio)
    if sound is not None:
        payload_type = payload_type_of(sound, dynamic=_AUDIO_DYNAMIC)
        media.append(SdpMedia(sound, payload_type, f"{CONTROL_PREFIX}{AUDIO_TRACK}"))
    return build_sdp(media, name=name)
