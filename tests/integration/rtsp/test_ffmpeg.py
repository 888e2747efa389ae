"""FFmpeg as an RTSP client of the core: digest, description, interleaved RTP of video and sound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import pairwise

import av
import numpy as np
import pytest

from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Flag, Frame, Kind
from cambus.media.g711 import decode_alaw, decode_ulaw
from cambus.media.parameter_sets import ParameterSetTracker, VideoParams
from cambus.media.rtcp import bye
from cambus.media.rtp import RtpPacketizer, interleave
from cambus.media.sdp import SdpMedia, build_sdp, payload_type_of
from cambus.rtsp import (
    CONTROL_PREFIX,
    Authenticator,
    Closed,
    Described,
    Event,
    Lower,
    Play,
    RtpInfo,
    RtspServerConnection,
    SetUp,
    Status,
    Teardown,
)
from cambus.simulators.video_loop import LoopStore, VideoSpec

FPS = 25
PACKET_SAMPLES = 320
START = 5_000_000_000
VIDEO, AUDIO = 0, 1
SOUND = bytes(range(256)) * 125  # every code of G.711, four seconds


@dataclass
class Stream:
    """Two seconds of a simulated camera."""

    params: VideoParams
    config: AudioConfig
    frames: list[Frame]

    @classmethod
    def make(cls, video: Codec, audio: Codec) -> Stream:
        loop = LoopStore.shared.get(VideoSpec(codec=video, width=640, height=480, fps=FPS, gop_s=1.0))
        params = ParameterSetTracker().update(loop.units[0].data, video)
        assert params is not None
        frames = []
        for index in range(2 * FPS):
            pts = START + index * 90_000 // FPS
            unit = loop.unit(index)
            flags = Flag.KEYFRAME if unit.keyframe else Flag.NONE
            frames.append(Frame(Kind.VIDEO, video, flags, 0, pts, pts, 0, unit.data))
            at = index * PACKET_SAMPLES
            frames.append(
                Frame(Kind.AUDIO, audio, Flag.NONE, 0, pts, pts, 0, SOUND[at : at + PACKET_SAMPLES])
            )
        return cls(params, AudioConfig(audio, 8000, 1), frames)


@dataclass
class Shell(asyncio.Protocol):
    """The least an owner has to do; it plays the stream once and leaves."""

    stream: Stream
    mtu: int
    received: list[bytes]
    events: list[Event] = field(default_factory=list)

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.loop = asyncio.get_running_loop()
        self.connection = RtspServerConnection(self.loop.time())
        self.auth = Authenticator("Cambus", {"joe": "p:w 1"}.get)
        config = self.stream.config
        self.makers = {
            VIDEO: RtpPacketizer(self.stream.params.codec, 96, mtu=self.mtu),
            AUDIO: RtpPacketizer(config.codec, payload_type_of(config), clock_rate=config.sample_rate),
        }

    def data_received(self, data: bytes) -> None:
        self.received.append(data)
        self.connection.receive_data(data, self.loop.time())
        while events := self.connection.events_received():
            for event in events:
                self.react(event)
        self.flush()
        if self.connection.closed:
            self.transport.close()

    def flush(self) -> None:
        for chunk in self.connection.data_to_send():
            self.transport.write(chunk)

    def react(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Described | SetUp | Play):
            verdict = self.auth.check(event.request, self.loop.time())
            if verdict.user is None:
                self.connection.reject(Status.UNAUTHORIZED, self.auth.challenges(self.loop.time()))
                return
        if isinstance(event, Described):
            tracks = [
                SdpMedia(self.stream.params, 96, f"{CONTROL_PREFIX}{VIDEO}"),
                SdpMedia(self.stream.config, payload_type_of(self.stream.config), f"{CONTROL_PREFIX}{AUDIO}"),
            ]
            self.connection.accept_describe(build_sdp(tracks))
        elif isinstance(event, SetUp):
            self.connection.accept_setup(ssrc=self.makers[event.track].ssrc)
        elif isinstance(event, Play):
            info = [RtpInfo(t, m.next_sequence, m.rtp_timestamp(START)) for t, m in self.makers.items()]
            self.connection.accept_play(info)
            self.flush()
            self.play()

    def play(self) -> None:
        channels = {track: t.channels[0] for track, t in self.connection.tracks.items()}
        for index, frame in enumerate(self.stream.frames):
            track = VIDEO if frame.kind is Kind.VIDEO else AUDIO
            maker = self.makers[track]
            if index < 2:
                report = maker.sender_report(1_700_000_000_000_000, frame.pts)
                self.transport.write(interleave([report], channels[track] + 1))
            packets = maker.packetize(frame.payload, frame.pts)
            self.transport.write(interleave(packets, channels[track]))
        for track, maker in self.makers.items():
            self.transport.write(interleave([bye(maker.ssrc)], channels[track] + 1))
        self.transport.close()  # once everything is written


@dataclass
class Server:
    port: int
    shells: list[Shell]
    received: list[bytes]


@pytest.fixture
async def serve() -> AsyncIterator:
    servers = []

    async def start(stream: Stream, mtu: int = 1400) -> Server:
        shells: list[Shell] = []
        received: list[bytes] = []

        def make() -> Shell:
            shells.append(Shell(stream, mtu, received))
            return shells[-1]

        server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
        servers.append(server)
        return Server(server.sockets[0].getsockname()[1], shells, received)

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


def watch(url: str) -> tuple[list[av.VideoFrame], np.ndarray, list[str]]:
    """Play a URL to its end with FFmpeg."""
    pictures: list[av.VideoFrame] = []
    sound: list[np.ndarray] = []
    with av.open(url, options={"rtsp_transport": "tcp"}, timeout=20) as container:
        codecs = [stream.codec_context.name for stream in container.streams]
        for packet in container.demux():
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    pictures.append(frame)
                else:
                    sound.append(frame.to_ndarray().reshape(-1))
    return pictures, np.concatenate(sound), codecs


@pytest.mark.parametrize("mtu", [1400, 8000])
@pytest.mark.parametrize("audio", [Codec.PCMA, Codec.PCMU])
@pytest.mark.parametrize("video", [Codec.H264, Codec.H265])
async def test_ffmpeg_logs_in_and_plays_every_picture_and_every_sample(video, audio, mtu, serve):
    stream = await asyncio.to_thread(Stream.make, video, audio)
    assert max(len(frame.payload) for frame in stream.frames) > mtu  # so that units are fragmented
    server = await serve(stream, mtu)
    url = f"rtsp://joe:p%3Aw%201@127.0.0.1:{server.port}/live/gate-1/0/main?profile=x"
    pictures, sound, codecs = await asyncio.to_thread(watch, url)

    assert codecs == [
        {Codec.H264: "h264", Codec.H265: "hevc"}[video],
        {Codec.PCMA: "pcm_alaw", Codec.PCMU: "pcm_mulaw"}[audio],
    ]
    assert len(pictures) == 2 * FPS
    assert {(picture.width, picture.height) for picture in pictures} == {(640, 480)}
    assert not any(picture.is_corrupt for picture in pictures)
    # FFmpeg leaves the very first timestamp of an RTSP stream unset.
    times = [float(picture.pts * picture.time_base) for picture in pictures[1:]]
    assert {round(b - a, 3) for a, b in pairwise(times)} == {0.04}
    expected = (decode_alaw if audio is Codec.PCMA else decode_ulaw)(SOUND[: 2 * FPS * PACKET_SAMPLES])
    assert np.array_equal(sound, np.frombuffer(expected, "<i2"))

    (shell,) = server.shells
    kinds = [type(event) for event in shell.events if not isinstance(event, Teardown | Closed)]
    assert kinds[:5] == [Described, Described, SetUp, SetUp, Play]
    setups = [event for event in shell.events if isinstance(event, SetUp)]
    assert [event.transport.lower for event in setups] == [Lower.TCP, Lower.TCP]
    assert {event.url.path for event in setups} == {"/live/gate-1/0/main"}


async def test_a_wrong_password_gets_ffmpeg_nowhere(serve):
    stream = await asyncio.to_thread(Stream.make, Codec.H264, Codec.PCMA)
    server = await serve(stream)
    with pytest.raises(av.error.HTTPUnauthorizedError):
        await asyncio.to_thread(watch, f"rtsp://joe:wrong@127.0.0.1:{server.port}/live/gate-1/0/main")
    assert all(isinstance(event, Described) for event in server.shells[0].events)
