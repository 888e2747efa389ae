"""What reads coded pictures, recordings and the requests of players."""

import contextlib

from fuzzing import Target, pieces

from cambus.media import h264, h265
from cambus.media.audio import AudioConfig
from cambus.media.errors import AudioConfigError, BitstreamError, ContainerError, FrameError, MediaError
from cambus.media.fmp4 import Fmp4Muxer
from cambus.media.fmp4_reader import scan
from cambus.media.frame import Codec, Frame, FrameAssembler, Kind, SequenceGate, encode_frame
from cambus.media.mp4_entry_reader import read_audio_entry, read_video_entry
from cambus.media.nal import iter_nal_units, join_annexb, unescape
from cambus.media.parameter_sets import (
    ParameterSetTracker,
    VideoParams,
    annexb_to_length_prefixed,
    avc_decoder_configuration,
    detect_codec,
    hevc_decoder_configuration,
)
from cambus.media.rtp import RtpPacketizer
from cambus.media.sdp import SdpMedia, build_sdp
from cambus.rtsp import (
    Authenticator,
    Described,
    Limits,
    Pause,
    Play,
    Request,
    RtspServerConnection,
    SetUp,
    Status,
)
from cambus.rtsp.errors import ProtocolError
from cambus.rtsp.ranges import parse_range
from cambus.rtsp.transport import Lower, choose_transport
from cambus.rtsp.url import parse_url

AVC = tuple(
    bytes.fromhex(unit)
    for unit in (
        "67640032acb4014407afcb08000003000800000300c478c195",
        "67f4000b9196824fe3e3e1000003000100000300328f142aa0",
        "674d401ef405812684000003000400000300ca7c50aa80",
    )
)
AVC_PPS = bytes.fromhex("68ce0fcb")
HEVC = tuple(
    bytes.fromhex(unit)
    for unit in (
        "40010c01ffff016000000300900000030000030096ba0240",
        "420101016000000300900000030000030096a001e020021c596e92930b9a020000030002000003003210",
        "4401c0718112",
    )
)
HEVC_SPS = (
    HEVC[1],
    bytes.fromhex("420101216000000300900000030000030099a0050201e165ba4a4c2e6808000003000800000300c840"),
    bytes.fromhex(
        "42010101600000030090000003000003003ca00b08048596e929385ffe00520042d010000003001000000300c080"
    ),
)
H264_KEY = join_annexb(AVC[0], AVC_PPS, bytes.fromhex("6588840021fffef5"))
H265_KEY = join_annexb(*HEVC, bytes.fromhex("2601af08"))


def annexb(data: bytes) -> object:
    """An access unit: taken apart, converted, packed for a player, described."""
    units = list(iter_nal_units(data))
    codec = detect_codec(data)
    for each in (Codec.H264, Codec.H265):
        assert len(annexb_to_length_prefixed(data, each)) <= len(data) + 4 * len(units) + 4
    assert h264.is_keyframe(data) in {True, False}
    assert h265.is_keyframe(data) in {True, False}
    tracker = ParameterSetTracker()
    params = tracker.update(data)
    if params is None:
        return codec, len(units), tracker.malformed
    with contextlib.suppress(ContainerError):
        for packet in RtpPacketizer(params.codec, payload_type=96, ssrc=1, mtu=200).packetize(data, 0):
            assert len(packet) <= 200
    return codec, len(units), params.codec_string, _described(params)


def _described(params: VideoParams) -> object:
    record = avc_decoder_configuration if params.codec is Codec.H264 else hevc_decoder_configuration
    sdp = build_sdp([SdpMedia(params, 96, "trackID=0")])
    try:
        init = Fmp4Muxer(params, None).init_segment()
    except ContainerError:
        return "no box for it"
    entry = scan(lambda offset, size: init[offset : offset + size], len(init)).init.tracks[0]
    return len(record(params)) > 0, sdp.isascii(), entry.is_video


def avc_sps(data: bytes) -> object:
    """A sequence parameter set of H.264."""
    sps = h264.parse_sps(data)
    assert 0 < sps.width <= 1 << 16
    assert 0 < sps.height <= 1 << 16
    assert sps.frame_rate is None or 0 < sps.frame_rate < 1e4
    return sps.profile, sps.chroma_format, sps.frame_rate is None


def hevc_sps(data: bytes) -> object:
    """A sequence parameter set of H.265."""
    sps = h265.parse_sps(data)
    assert 0 < sps.width <= 1 << 16
    assert 0 < sps.height <= 1 << 16
    return sps.chroma_format, sps.frame_rate is None


def unescaped(data: bytes) -> object:
    """Emulation prevention taken out."""
    plain = unescape(data)
    assert len(plain) <= len(data)
    return len(data) - len(plain)


def bus_frames(data: bytes) -> object:
    """Messages of a media subject, cut by the two bytes of length before each."""
    assembler, gate = FrameAssembler(max_bytes=1 << 16), SequenceGate()
    shapes: list[object] = []
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 2], "big") % 4096
        try:
            frame = assembler.push(data[at + 2 : at + 2 + size])
            shapes.append(None if frame is None else (frame.kind, gate.accept(frame)))
            if frame is not None and frame.payload:
                assert frame._replace(payload=b"") == _again(frame)._replace(payload=b"")
        except FrameError as error:
            shapes.append(str(error)[:12])
        assert assembler.pending_bytes <= 1 << 16
        at += 2 + size
    return shapes[-4:]


def _again(frame: Frame) -> Frame:
    whole = None
    assembler = FrameAssembler()
    for message in encode_frame(frame, 1000):
        whole = assembler.push(message)
    assert whole is not None
    assert whole.payload == frame.payload
    return whole


def audio_config(data: bytes) -> object:
    """The parameters of sound."""
    config = AudioConfig.parse(data)
    assert AudioConfig.parse(config.serialize()) == config
    return config.codec


def recording(data: bytes) -> object:
    """A recording on disk, whole or not."""
    found = scan(lambda offset, size: data[offset : offset + size], len(data))
    for fragment in found.fragments:
        for run in fragment.runs:
            assert all(sample.offset + sample.size <= len(data) for sample in run.samples())
    return len(found.fragments), len(found.init.tracks), found.fault[:20]


def sample_entry(data: bytes) -> object:
    """What a recording says of its tracks."""
    for read in (read_video_entry, read_audio_entry):
        with contextlib.suppress(MediaError):
            return str(read(data))[:40]
    return None


def rtsp(data: bytes) -> object:
    """A player: whatever it says ends in replies, the same for every cut."""
    cut, stream = (data[0] if data else 1), data[1:]
    limits = Limits(head_bytes=1000, header_count=8, body_bytes=200, waiting_bytes=100_000)
    transcripts = []
    for size in (len(stream), cut):
        connection = RtspServerConnection(
            0.0, transports=(Lower.TCP, Lower.UDP), limits=limits, new_session_id=lambda: "s"
        )
        transcript = bytearray()
        for number, piece in enumerate(pieces(stream, size)):
            connection.receive_data(piece, number / 10)
            transcript += _attend(connection)
        connection.handle_timeout(1e6)
        connection.events_received()
        transcripts.append((bytes(transcript), connection.closed))
    assert transcripts[0][0] == transcripts[1][0]
    return [line[:13] for line in transcripts[0][0].split(b"\r\n") if line.startswith(b"RTSP/")][:6]


def _attend(connection: RtspServerConnection) -> bytes:
    said = b""
    while True:
        events = connection.events_received()
        said += b"".join(connection.data_to_send())
        if not events:
            return said
        for event in events:
            if isinstance(event, Described):
                connection.accept_describe("v=0\r\n")
            elif isinstance(event, SetUp):
                connection.accept_setup(ssrc=1)
            elif isinstance(event, Play):
                connection.accept_play()
            elif isinstance(event, Pause):
                connection.reject(Status.FORBIDDEN)


def rtsp_headers(data: bytes) -> object:
    """Headers and addresses of players."""
    text = data.decode("utf-8", "surrogateescape")
    shapes: list[object] = []
    for read in (parse_url, parse_range, lambda each: choose_transport(each, (Lower.TCP, Lower.UDP))):
        with contextlib.suppress(ProtocolError):
            shapes.append(type(read(text)).__name__)
    request = Request("DESCRIBE", "rtsp://h/a", headers={"authorization": text})
    shapes.append(Authenticator("r", lambda user: "p", basic=True).check(request, 0.0).user)
    return shapes


def _bus_message(*frames: Frame) -> bytes:
    messages = [message for frame in frames for message in encode_frame(frame, 60)]
    return b"".join(len(each).to_bytes(2, "big") + each for each in messages)


def _entries(init: bytes) -> tuple[bytes, ...]:
    found = scan(lambda offset, size: init[offset : offset + size], len(init))
    return tuple(track.entry for track in found.init.tracks)


_TRACKER = ParameterSetTracker()
_PARAMS = _TRACKER.update(H264_KEY)
_SOUND = AudioConfig(Codec.PCMA, 8000, 1)
_MUXER = Fmp4Muxer(_PARAMS, _SOUND)
_INIT = _MUXER.init_segment()
_PICTURES = [
    Frame(Kind.VIDEO, Codec.H264, 1, each, each * 3600, each * 3600, 5, H264_KEY) for each in range(4)
]
_SOUNDS = [
    Frame(Kind.AUDIO, Codec.PCMA, 0, each, each * 3600, each * 3600, 5, b"\xd5" * 40) for each in range(4)
]
_FILE = _INIT + _MUXER.fragment(_PICTURES[:2] + _SOUNDS[:2]) + _MUXER.fragment(_PICTURES[2:] + _SOUNDS[2:])
REQUESTS = tuple(
    b"\x07" + b"".join(requests)
    for requests in (
        (
            b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
            b"DESCRIBE rtsp://h/a RTSP/1.0\r\nCSeq: 2\r\n\r\n",
            b"SETUP rtsp://h/a/trackID=0 RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n",
            b"PLAY rtsp://h/a RTSP/1.0\r\nCSeq: 4\r\nSession: s\r\nRange: npt=0-\r\n\r\n",
            b"$\x00\x00\x04abcd",
            b"TEARDOWN rtsp://h/a RTSP/1.0\r\nCSeq: 5\r\nSession: s\r\n\r\n",
        ),
        (b"SET_PARAMETER rtsp://h/a RTSP/1.0\nCSeq: 1\nContent-Length: 3\n\nabc", b"RTSP/1.0 200 OK\r\n\r\n"),
    )
)
RTSP_WORDS = (
    b"\r\n",
    b"\r\n\r\n",
    b"Content-Length: ",
    b"Session: s\r\n",
    b"$\x00\xff\xff",
    b"CSeq: 1\r\n",
    b" RTSP/1.0\r\n",
)

TARGETS = (
    Target(
        "annexb",
        annexb,
        (H264_KEY, H265_KEY),
        (MediaError,),
        (b"\x00\x00\x01", b"\x00\x00\x03", b"\x00\x00\x00\x01\x67"),
    ),
    Target("avc-sps", avc_sps, AVC, (BitstreamError,), (b"\x00\x00\x03",)),
    Target("hevc-sps", hevc_sps, HEVC_SPS, (BitstreamError,), (b"\x00\x00\x03",)),
    Target("unescape", unescaped, (AVC[0],), tokens=(b"\x00\x00\x03",)),
    Target(
        "bus-frames",
        bus_frames,
        (
            _bus_message(
                Frame(Kind.VIDEO, Codec.H264, 1, 7, 90, 90, 5, H264_KEY),
                Frame(Kind.AUDIO, Codec.PCMA, 0, 8, 95, 95, 6, b"abc"),
            ),
        ),
    ),
    Target("audio-config", audio_config, (_SOUND.serialize(),), (AudioConfigError,)),
    Target(
        "recording", recording, (_FILE,), (ContainerError,), (b"moof", b"mdat", b"trun", b"\x00\x00\x00\x01")
    ),
    Target("sample-entry", sample_entry, _entries(_INIT)),
    Target("rtsp", rtsp, REQUESTS, tokens=RTSP_WORDS),
    Target(
        "rtsp-headers",
        rtsp_headers,
        (
            b"rtsp://u:p@h:554/live/gate-1/0/main?token=t/trackID=0",
            b"npt=10.5-20",
            b"clock=20250101T080000Z-20250101T090000.5Z",
            b"RTP/AVP/TCP;unicast;interleaved=0-1,RTP/AVP;client_port=4588-4589",
            b'Digest username="u", realm="r", nonce="n", uri="rtsp://h/a", response="00"',
            b"Basic dTpw",
        ),
        tokens=(b"rtsp://", b"[", b"]", b"%00", b"?", b"#", b"=", b";", b"-", b'"'),
    ),
)
