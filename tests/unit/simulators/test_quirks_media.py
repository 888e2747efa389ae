"""What the packets and frames of a stream look like under every switch, and that FFmpeg decodes what is left."""

import struct
from itertools import pairwise

import av
import pytest

from cambus.simulators.dvrip.framing import key_head, other_codec
from cambus.simulators.dvrip.media_plan import spec_of_settings
from cambus.simulators.video_loop import LoopStore


@pytest.fixture
def stream(world, monitor):
    """Runs a live stream for a while; the packets it made."""
    LoopStore.shared.get(world.device.spec(0, 0))

    def run(seconds=1.0, **changes):
        world.quirks.update(changes)
        owner = world.user()
        data = world.data_peer(owner)
        data.ask(1413, monitor("Claim"))
        owner.ask(1410, monitor("Start"))
        world.advance(seconds)
        owner.ask(1410, monitor("Stop"))
        return [packet for packet in data.read() if packet.id == 1412]

    return run


def frames_of(packets):
    data, frames = b"".join(packet.payload for packet in packets), []
    while len(data) >= 8:
        assert data[:3] == b"\x00\x00\x01", data[:20].hex()
        if data[3] in (0xFC, 0xFE):
            size, length = 16, struct.unpack_from("<I", data, 12)[0]
        elif data[3] == 0xFD:
            size, length = 8, struct.unpack_from("<I", data, 4)[0]
        else:
            size, length = 8, struct.unpack_from("<H", data, 6)[0]
        frames.append((data[3], data[:size], data[size : size + length]))
        data = data[size + length :]
    return frames


def decode(frames, codec="h264"):
    decoder = av.CodecContext.create(codec, "r")
    pictures = [
        picture
        for kind, _, unit in frames
        if kind in (0xFC, 0xFD)
        for picture in decoder.decode(av.Packet(unit))
    ]
    return pictures + decoder.decode(None)


def test_classic_packets_hold_at_most_8_kib_and_never_cross_a_frame_border(stream):
    packets = stream(2.0)
    starts = [index for index, packet in enumerate(packets) if packet.payload[:3] == b"\x00\x00\x01"]
    assert starts[0] == 0
    assert max(len(packet.payload) for packet in packets) <= 8192
    frames = frames_of(packets)
    assert len(starts) == len(frames)
    assert frames[0][0] == 0xFC
    assert [packet.seq for packet in packets] == list(range(1, len(packets) + 1))


@pytest.mark.parametrize(
    ("mode", "size"),
    [("size", 1000), ("frame", 8192), ("joined", 1000), ("dribble", 8192), ("split_header", 500)],
)
def test_every_way_to_cut_frames_carries_the_same_bytes(stream, mode, size):
    whole = b"".join(packet.payload for packet in stream(1.0))
    packets = stream(1.0, chunk_mode=mode, chunk_bytes=size)
    cut = b"".join(packet.payload for packet in packets)
    skip = slice(16, None)  # the DateTime of the first key frame differs
    assert cut[skip][: len(whole) - 2000] == whole[skip][: len(whole) - 2000]
    lengths = [len(packet.payload) for packet in packets]
    if mode == "frame":
        assert max(lengths) > 8192
    elif mode == "joined":
        assert set(lengths) == {1000}
    elif mode == "dribble":
        assert lengths[:64] == [1] * 64
    elif mode == "split_header":
        assert lengths[0] == 7
        assert max(lengths) <= 500


def test_several_frames_share_a_packet_when_packets_cross_frame_borders(stream):
    packets = stream(1.0, chunk_mode="joined", chunk_bytes=20_000)
    assert packets[0].payload.count(b"\x00\x00\x01\xfd") >= 1


def test_ffmpeg_decodes_a_live_stream_and_sees_it_move(stream):
    pictures = decode(frames_of(stream(2.5)))
    assert len(pictures) >= 60
    assert {(picture.width, picture.height) for picture in pictures} == {(640, 480)}
    first, later = (pictures[index].to_ndarray(format="gray").astype(int) for index in (0, 30))
    assert abs(first - later).max() > 100


def test_the_loop_repeats_without_an_error(stream):
    frames = frames_of(stream(6.5))
    assert len(decode(frames)) == sum(kind in (0xFC, 0xFD) for kind, _, _ in frames)


def test_key_frame_headers_tell_codec_size_rate_and_time(world, stream):
    (_, head, unit) = frames_of(stream(0.2))[0]
    assert head[:8] == bytes.fromhex("000001fc") + bytes([0x02, 25, 640 // 8, 480 // 8])
    stamp = struct.unpack_from("<I", head, 8)[0]
    date = (2000 + (stamp >> 26), stamp >> 22 & 15, stamp >> 17 & 31, stamp >> 12 & 31, stamp >> 6 & 63)
    assert date == (2026, 3, 1, 12, 0)
    assert struct.unpack_from("<I", head, 12)[0] == len(unit)
    assert unit[:5] == b"\x00\x00\x00\x01\x67"


def test_sound_is_g711a_in_packets_of_40_ms(stream):
    sounds = [(head, body) for kind, head, body in frames_of(stream(2.0)) if kind == 0xFA]
    assert 49 <= len(sounds) <= 51
    assert {head for head, _ in sounds} == {bytes.fromhex("000001fa0e024001")}
    decoder = av.CodecContext.create("pcm_alaw", "r")
    decoder.sample_rate, decoder.layout = 8000, "mono"
    samples = b"".join(
        frame.to_ndarray().tobytes() for _, body in sounds for frame in decoder.decode(av.Packet(body))
    )
    values = struct.unpack(f"<{len(samples) // 2}h", samples)
    crossings = sum(a < 0 <= b for a, b in pairwise(values))
    assert 420 * 1.9 < crossings < 460 * 2.1  # a tone of 440 Hz, two seconds long


def test_the_pace_is_the_real_one_or_a_multiple(stream):
    normal = len(frames_of(stream(2.0)))
    assert 96 <= normal <= 104
    assert 1.8 * normal < len(frames_of(stream(2.0, pace=2.0))) < 2.2 * normal


def test_the_pace_may_change_in_mid_stream(world, monitor):
    LoopStore.shared.get(world.device.spec(0, 0))
    owner = world.user()
    data = world.data_peer(owner)
    data.ask(1413, monitor("Claim"))
    world.quirks.pace = 20.0
    owner.ask(1410, monitor("Start"))
    world.advance(1.0)
    fast = len(frames_of(data.read()))
    world.quirks.pace = 1.0
    world.advance(2.0)
    slow = len(frames_of(data.read()))
    assert fast > 900
    assert 90 <= slow <= 110


def test_as_fast_as_possible_goes_on_until_the_reader_is_slow(world, monitor):
    world.quirks.pace = 0
    LoopStore.shared.get(world.device.spec(0, 0))
    owner = world.user()
    data = world.data_peer(owner)
    data.ask(1413, monitor("Claim"))
    owner.ask(1410, monitor("Start"))
    for _ in range(3):
        world.role.handle_timeout(world.now)
    assert len(frames_of(data.read())) > 100
    world.role.set_writable(data.connection, writable=False, now=world.now)
    world.advance(1.0)
    assert data.read() == []
    world.role.set_writable(data.connection, writable=True, now=world.now)
    world.role.handle_timeout(world.now)
    assert data.read()


def test_sound_can_be_switched_off_and_marks_on(stream):
    packets = stream(1.0, audio=False)
    assert {kind for kind, _, _ in frames_of(packets)} == {0xFC, 0xFD}


def test_marks_of_some_firmware(world, monitor):
    world.quirks.media_marks = True
    LoopStore.shared.get(world.device.spec(0, 1))
    owner = world.user()
    data = world.data_peer(owner)
    data.ask(1413, monitor("Claim", 0, "Extra1"))
    owner.ask(1410, monitor("Start", 0, "Extra1"))
    world.advance(0.5)
    raw = data.connection.data_to_send()
    marks = set()
    while raw:
        length = struct.unpack_from("<I", raw, 16)[0]
        marks.add((raw[2], raw[3], raw[23]))
        raw = raw[20 + length :]
    assert (1, 0x80, 0xFA) in marks
    assert (1, 0, 0xFD) in marks
    assert all((mark == 0x80) == (kind == 0xFA) for _, mark, kind in marks)


def test_information_frames_and_service_blocks(stream):
    frames = frames_of(stream(5.0, info_frames=True, service_blocks=True))
    infos = [body for kind, _, body in frames if kind == 0xF9]
    assert 5 <= len(infos) <= 6
    assert b"SPEED:" in infos[0]
    blocks = [body for kind, _, body in frames if kind == 0xFD and len(body) == 127]
    assert len(blocks) == 2
    assert blocks[0][:8] == bytes.fromhex("0000000111017800")


def test_a_stream_may_start_in_the_middle_of_a_gop(stream):
    kinds = [kind for kind, _, _ in frames_of(stream(3.0, mid_gop_start=True, audio=False))]
    assert kinds[0] == 0xFD
    assert 20 <= kinds.index(0xFC) <= 30


def test_key_frames_may_stay_away_for_a_while(stream):
    frames = frames_of(stream(6.0, no_i_frame_s=3.0, audio=False))
    kinds = [kind for kind, _, _ in frames]
    assert 75 <= kinds.index(0xFC) <= 105


def test_the_codec_may_change_in_mid_stream(world, stream):
    LoopStore.shared.get(other_codec(world.device.spec(0, 0)))
    frames = frames_of(stream(8.0, change_codec_at_s=3.0, audio=False))
    codecs = [head[4] & 15 for kind, head, _ in frames if kind == 0xFC]
    assert codecs[0] == 2
    assert codecs[-1] == 3
    start = next(index for index, frame in enumerate(frames) if frame[0] == 0xFC and frame[1][4] & 15 == 3)
    changed = decode(frames[start:], "hevc")
    assert {(picture.width, picture.height) for picture in changed} == {(320, 240)}


def test_encoder_settings_change_the_running_stream(world, monitor):
    owner = world.user()
    data = world.data_peer(owner)
    LoopStore.shared.get(world.device.spec(0, 0))
    data.ask(1413, monitor("Claim"))
    owner.ask(1410, monitor("Start"))
    world.advance(1.0)
    body = {"Resolution": "CIF", "Compression": "H.265", "FPS": 10}
    name = "Simplify.Encode.[0].MainFormat.Video"
    assert owner.ask(1040, {"Name": name, name: body}).ret == 100
    LoopStore.shared.get(world.device.spec(0, 0))
    data.read()
    world.advance(3.0)
    heads = [head for kind, head, _ in frames_of(data.read()) if kind == 0xFC]
    assert heads[-1][4:8] == bytes([0x03, 10, 352 // 8, 288 // 8])


@pytest.mark.parametrize(
    ("resolution", "size"),
    [("8M", (3840, 2160)), ("5M", (2592, 1944)), ("1080P", (1920, 1080))],
)
def test_big_pictures_use_the_extension_bits(world, resolution, size):
    base = world.device.plan.spec(0, 0)
    spec = spec_of_settings({"Resolution": resolution, "Compression": "H.264", "FPS": 25}, base)
    assert (spec.width, spec.height) == size
    data = key_head(spec, 1, world.device.clock.local())
    media, _, columns, rows = data[4:8]
    assert (((media >> 4 & 3) << 8 | columns) * 8, ((media >> 6 & 3) << 8 | rows) * 8) == size
    assert media & 15 == 2


def test_a_frame_may_announce_a_wrong_length(stream):
    packets = stream(1.0, corrupt_length_at=3, audio=False)
    with pytest.raises(AssertionError):
        frames_of(packets)
    data = b"".join(packet.payload for packet in packets)
    good = frames_of(stream(1.0, corrupt_length_at=0, audio=False))
    at = sum(len(head) + len(body) for _, head, body in good[:2])
    assert struct.unpack_from("<I", data, at + 4)[0] == len(good[2][2]) + 1000


def test_garbage_may_precede_a_frame(stream):
    first = b"".join(packet.payload for packet in stream(0.5, garbage_at=1, audio=False))
    assert first[64:68] == b"\x00\x00\x01\xfc"
    assert first[:3] != b"\x00\x00\x01"


@pytest.mark.parametrize(
    ("how", "ending"),
    [("silent", "NONE"), ("close", "CLOSE"), ("rst", "RESET"), ("half_close", "HALF_CLOSE")],
)
def test_a_stream_may_break_off(world, monitor, how, ending):
    world.quirks.update({"break_at_s": 0.5, "break_how": how})
    LoopStore.shared.get(world.device.spec(0, 0))
    owner = world.user()
    data = world.data_peer(owner)
    data.ask(1413, monitor("Claim"))
    owner.ask(1410, monitor("Start"))
    world.advance(0.45)
    assert data.read()
    world.advance(2.0)
    data.read()
    assert data.connection.ending.name == ending
    world.advance(1.0)
    assert data.read() == []


def test_a_stream_may_stall_and_go_on(world, monitor):
    world.quirks.update({"stall_at_s": 0.5, "stall_s": 4.0})
    LoopStore.shared.get(world.device.spec(0, 0))
    owner = world.user()
    data = world.data_peer(owner)
    data.ask(1413, monitor("Claim"))
    owner.ask(1410, monitor("Start"))
    world.advance(1.0)
    data.read()
    world.advance(3.0)
    assert data.read() == []
    world.advance(2.0)
    assert 50 <= len(frames_of(data.read())) <= 90
