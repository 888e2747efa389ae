"""Frames out of the media byte stream: borders, loss of step, service blocks, codecs."""

from datetime import datetime
from fractions import Fraction

import av
import pytest

from cambus.dvrip.frames import AudioFrame, FrameHeader, FrameType, InfoFrame, PictureFrame, VideoFrame
from cambus.dvrip.media import StreamSplitter
from cambus.media.frame import Codec

SPS_264 = b"\x00\x00\x00\x01\x67\x64\x00\x1f\xac"
SLICE_264 = b"\x00\x00\x00\x01\x41\x9a\x01\x02\x03"
VPS_265 = b"\x00\x00\x00\x01\x40\x01\x0c\x01\xff"
SLICE_265 = b"\x00\x00\x00\x01\x02\x01\xd0\x09\x7e"
TIME = datetime.fromisoformat("2026-08-08 21:38:57")
KEY = VideoFrame(Codec.H264, True, SPS_264, 640, 480, 25, TIME)
DELTA = VideoFrame(Codec.H264, False, SLICE_264, 640, 480, 25)
KEY_265 = VideoFrame(Codec.H265, True, VPS_265, 3840, 2160, 25, TIME)
DELTA_265 = VideoFrame(Codec.H265, False, SLICE_265, 3840, 2160, 25)
AUDIO = AudioFrame(14, 2, b"\xd5" * 320)
SERVICE_BLOCK = b"\x00\x00\x00\x01\x11\x01\x78\x00" + bytes(119)


def delta(payload: bytes) -> bytes:
    return FrameHeader(FrameType.DELTA, len(payload)).serialize() + payload


def split(*pieces: bytes, wait_for_key: bool = True) -> tuple[list, StreamSplitter]:
    splitter = StreamSplitter(wait_for_key=wait_for_key)
    return [frame for piece in pieces for frame in splitter.receive_data(piece)], splitter


def test_frames_come_out_as_they_went_in():
    info = InfoFrame(1, 0, b"SPEED:12;")
    picture = PictureFrame(b"\xff\xd8\xff\xe0jpeg\xff\xd9", 704, 576, TIME)
    frames, splitter = split(b"".join(f.serialize() for f in (KEY, DELTA, AUDIO, info, picture)))
    assert frames == [KEY, DELTA, AUDIO, info, picture]
    assert splitter.counters["frames"] == 5
    assert splitter.pending_bytes == 0


@pytest.mark.parametrize("width_height", [(3840, 2160), (2592, 1944), (640, 480), (8184, 8184)])
def test_sizes_beyond_2040_use_the_extension_bits(width_height):
    key = VideoFrame(Codec.H265, True, VPS_265, *width_height, 12, TIME)
    frames, _ = split(key.serialize())
    assert (frames[0].width, frames[0].height, frames[0].codec) == (*width_height, Codec.H265)


def test_nothing_is_delivered_before_the_first_key_frame():
    frames, splitter = split(DELTA.serialize() + AUDIO.serialize() + KEY.serialize() + AUDIO.serialize())
    assert frames == [KEY, AUDIO]
    assert splitter.counters["waiting"] == 2


def test_an_archive_may_begin_with_anything():
    frames, _ = split(AUDIO.serialize() + KEY.serialize(), wait_for_key=False)
    assert frames == [AUDIO, KEY]


@pytest.mark.parametrize(
    ("stated", "payload", "after", "codec"),
    [
        (2, VPS_265, DELTA_265, Codec.H265),
        (3, SPS_264, DELTA, Codec.H264),
        (1, SPS_264, DELTA, Codec.H264),
        (0, VPS_265, DELTA_265, Codec.H265),
        (9, SPS_264, DELTA, Codec.H264),
        (3, b"\x00\x00\x00\x01\x27\x42\x00\x1f", DELTA, Codec.H264),
    ],
)
def test_the_bitstream_outweighs_the_header(stated, payload, after, codec):
    lying = FrameHeader(FrameType.KEY, len(payload), stated, 25, 640, 480).serialize() + payload
    frames, splitter = split(lying + after.serialize())
    assert [(frame.codec, frame.keyframe) for frame in frames] == [(codec, True), (codec, False)]
    assert splitter.counters["service_blocks"] == 0


@pytest.mark.parametrize("size", [1, 2, 7, 8, 15, 16, 17, 1460, 8192, 16384, 65535, 65536])
def test_frames_of_real_sizes_come_out_the_same_for_every_size_of_packet(size):
    def big(key, length):
        # Zeros and near misses inside, as encoders never write them, but nothing that is a header.
        filling = (b"\x00\x00\x03\x01\xfc\x00\x01\xfd\x7f" * (length // 9 + 1))[:length]
        return key._replace(payload=key.payload + filling)

    frames = [big(KEY_265, 150_000), AUDIO, DELTA_265, AUDIO, big(DELTA_265, 70_000), DELTA_265, AUDIO]
    data = b"".join(frame.serialize() for frame in frames)
    got, splitter = split(*(data[at : at + size] for at in range(0, len(data), size)))
    assert got == frames
    assert (splitter.counters["resyncs"], splitter.pending_bytes) == (0, 0)


def test_service_blocks_are_dropped_from_h265():
    frames, splitter = split(
        KEY_265.serialize() + delta(SERVICE_BLOCK) + DELTA_265.serialize() + delta(SERVICE_BLOCK)
    )
    assert frames == [KEY_265, DELTA_265]
    assert splitter.counters["service_blocks"] == 2


def test_the_known_service_block_is_dropped_from_h264_too():
    frames, splitter = split(KEY.serialize() + delta(SERVICE_BLOCK) + DELTA.serialize())
    assert frames == [KEY, DELTA]
    assert splitter.counters["service_blocks"] == 1


def test_h264_slices_that_look_like_layer_32_pass():
    frames, splitter = split(KEY.serialize() + DELTA.serialize() * 3)
    assert frames == [KEY, DELTA, DELTA, DELTA]
    assert splitter.counters["service_blocks"] == 0


@pytest.mark.parametrize(
    "payload",
    [
        b"no start code",
        b"",
        b"\x00\x00\x00\x01",
        b"\x00\x00\x00\x01\xe7\x00",
        b"\x00\x00\x00\x01\x18\x00",
        b"\x00\x00\x01\x40\x00",
    ],
)
def test_frames_that_are_no_h264_are_dropped(payload):
    frames, splitter = split(KEY.serialize() + delta(payload) + DELTA.serialize())
    assert frames == [KEY, DELTA]
    assert splitter.counters["service_blocks"] == 1


def test_information_of_any_type_passes_as_its_bytes():
    told = [InfoFrame(1, 0, b"SPEED:12;"), InfoFrame(6, 3, bytes(range(16))), InfoFrame(0x55, 0, b"")]
    frames, _ = split(KEY.serialize() + b"".join(frame.serialize() for frame in told))
    assert frames == [KEY, *told]


def test_unknown_audio_passes_as_opaque():
    strange = AudioFrame(0x55, 0x77, b"???")
    frames, splitter = split(KEY.serialize() + strange.serialize() + DELTA.serialize())
    assert frames == [KEY, strange, DELTA]
    assert (strange.codec, strange.sample_rate) == (Codec.OPAQUE, 8000)
    assert splitter.counters["opaque_audio"] == 1


def test_mpeg4_passes_whole_and_decodes():
    encoder = av.CodecContext.create("mpeg4", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 352, 288, "yuv420p", Fraction(1, 25)
    encoder.gop_size, encoder.options = 5, {"sc_threshold": "1000000000"}
    units = [
        (packet.is_keyframe, bytes(packet))
        for index in range(10)
        for packet in encoder.encode(gray_picture(352, 288, 100 + index))
    ]
    assert [key for key, _ in units] == [True, *[False] * 4] * 2
    data = b"".join(VideoFrame(Codec.MPEG4, key, unit, 352, 288, 25, TIME).serialize() for key, unit in units)
    frames, splitter = split(*(data[at : at + 700] for at in range(0, len(data), 700)))
    assert {frame.codec for frame in frames} == {Codec.MPEG4}
    assert [frame.keyframe for frame in frames] == [key for key, _ in units]
    assert splitter.counters["service_blocks"] == splitter.counters["resyncs"] == 0
    decoder = av.CodecContext.create("mpeg4", "r")
    pictures = [picture for frame in frames for picture in decoder.decode(av.Packet(frame.payload))]
    assert len(pictures + decoder.decode(None)) == len(units)


def gray_picture(width, height, luma):
    picture = av.VideoFrame(width, height, "yuv420p")
    for plane, value in zip(picture.planes, (luma, 128, 128), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    return picture


def test_garbage_before_the_stream_is_skipped():
    frames, splitter = split(b"garbage \x00\x00\x01\x41" + KEY.serialize() + DELTA.serialize())
    assert [frame.payload for frame in frames] == [SPS_264, SLICE_264]
    assert frames[0].discontinuity
    assert splitter.counters["resyncs"] == 1
    assert splitter.counters["skipped_bytes"] == 12


def test_after_a_length_too_short_output_goes_on_at_the_next_key_frame():
    broken = FrameHeader(FrameType.DELTA, 4).serialize() + SLICE_264
    frames, splitter = split(
        KEY.serialize() + broken + DELTA.serialize() + AUDIO.serialize() + KEY.serialize()
    )
    assert next(frame.payload for frame in frames) == SPS_264
    assert frames[-1].discontinuity
    assert AUDIO not in frames
    assert splitter.counters["resyncs"] == 1


def test_a_length_too_long_does_not_swallow_what_follows():
    broken = FrameHeader(FrameType.DELTA, 5000).serialize() + SLICE_264
    frames, splitter = split(KEY.serialize(), broken, DELTA.serialize(), KEY.serialize(), DELTA.serialize())
    assert [frame.payload for frame in frames] == [SPS_264, SPS_264, SLICE_264]
    assert frames[1].discontinuity
    assert splitter.counters["resyncs"] == 1


def test_the_length_in_front_of_a_payload_is_no_header():
    payload = b"\x01\xfc" + bytes(16)  # behind the zeros of the length it looks like the start of a key frame
    frames, splitter = split(KEY.serialize() + delta(payload) + DELTA.serialize())
    assert frames == [KEY, DELTA]
    assert (splitter.counters["resyncs"], splitter.counters["service_blocks"]) == (0, 1)


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_header_cut_by_packets_in_the_middle_of_a_frame_is_found(cut):
    whole = (
        FrameHeader(FrameType.DELTA, 100).serialize() + SLICE_264 + KEY.serialize() + DELTA.serialize() * 9
    )
    border = 8 + len(SLICE_264) + cut
    frames, splitter = split(KEY.serialize(), whole[:border], whole[border:])
    assert frames == [KEY, KEY._replace(discontinuity=True), *[DELTA] * 9]
    assert splitter.counters["resyncs"] == 1


def test_a_frame_above_the_limit_is_refused_and_counted():
    huge = FrameHeader(FrameType.DELTA, 8 * 1024 * 1024 + 1).serialize()
    frames, splitter = split(KEY.serialize() + huge + bytes(64) + KEY.serialize())
    assert len(frames) == 2
    assert splitter.counters["oversize"] == 1
    assert splitter.pending_bytes == 0


def test_a_frame_of_exactly_the_limit_passes():
    slice_of_8_mib = SLICE_264 + b"\x01" * (8 * 1024 * 1024 - len(SLICE_264))
    whole = delta(slice_of_8_mib)
    frames, splitter = split(KEY.serialize(), *(whole[at : at + 65536] for at in range(0, len(whole), 65536)))
    assert [len(frame.payload) for frame in frames] == [len(SPS_264), 8 * 1024 * 1024]
    assert splitter.counters["oversize"] == 0


def test_a_header_found_while_scanning_must_be_plausible():
    fake = b"\x00\x00\x01\xfc\x00\x19\x00\x00" + bytes(8)  # no codec, no size
    frames, _ = split(b"x" + fake + KEY.serialize())
    assert [frame.payload for frame in frames] == [SPS_264]


def test_pictures_are_pictures_or_key_frames_by_content():
    jpeg = PictureFrame(b"\xff\xd8\xff\xdb...\xff\xd9", 704, 576, TIME)
    marked = FrameHeader(FrameType.PICTURE, len(SPS_264), 0, 25, 640, 480).serialize() + SPS_264
    frames, _ = split(jpeg.serialize() + marked, wait_for_key=False)
    assert frames[0] == jpeg
    assert isinstance(frames[1], VideoFrame)
    assert (frames[1].keyframe, frames[1].codec) == (True, Codec.H264)


def test_a_change_of_codec_or_size_is_marked():
    bigger = VideoFrame(Codec.H264, True, SPS_264, 1280, 720, 25, TIME)
    frames, _ = split(b"".join(f.serialize() for f in (KEY, KEY, bigger, KEY_265, DELTA_265)))
    assert [frame.format_changed for frame in frames] == [False, False, True, True, False]


def test_no_frame_rate_means_25():
    silent = FrameHeader(FrameType.KEY, len(SPS_264), 2, 0, 640, 480).serialize() + SPS_264
    frames, _ = split(silent)
    assert frames[0].fps == 25
    assert frames[0].device_time is None


def test_sizes_that_cannot_be_written_are_refused():
    for width in (641, 8192):
        with pytest.raises(ValueError, match="multiples of 8"):
            FrameHeader(FrameType.KEY, 1, 2, 25, width, 480).serialize()
    with pytest.raises(ValueError, match="AUDIO"):
        FrameHeader(FrameType.AUDIO, 70_000).serialize()


def test_mpeg4_and_aud_led_streams_are_recognised():
    aud = b"\x00\x00\x00\x01\x09\xf0" + SPS_264
    mpeg4 = b"\x00\x00\x01\xb0\x01\x00\x00\x01\xb5"
    for payload, codec in (
        (aud, Codec.H264),
        (mpeg4, Codec.MPEG4),
        (b"\x00\x00\x00\x01\x46\x01\x50" + VPS_265, Codec.H265),
    ):
        frames, _ = split(FrameHeader(FrameType.KEY, len(payload), 2, 25, 640, 480).serialize() + payload)
        assert frames[0].codec is codec
