from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cambus.media.audio import AudioConfig
from cambus.media.errors import ContainerError
from cambus.media.fmp4 import AUDIO_TRACK, VIDEO_TRACK, Fmp4Muxer
from cambus.media.fmp4_reader import read_fragment, read_init, scan
from cambus.media.frame import Codec, Flag, Frame, Kind
from cambus.media.mp4 import FaststartMp4, RecordedPart
from cambus.media.mp4_boxes import bytes_reader
from cambus.media.mp4_entry_reader import read_audio_entry, read_video_entry
from cambus.media.mp4_samples import is_sound_sample, sample_to_annexb
from cambus.media.nal import join_annexb
from cambus.media.parameter_sets import annexb_to_length_prefixed

CONFIG = AudioConfig(Codec.PCMA, 8000, 1)


@st.composite
def recordings(draw) -> list[list[Frame]]:
    """Fragments of pictures of any size at rising times, with packets of sound between them."""
    fragments, dts = [], draw(st.integers(0, 1 << 40))
    for _ in range(draw(st.integers(1, 4))):
        frames = []
        for index in range(draw(st.integers(1, 4))):
            key = index == 0
            unit = (b"\x65" if key else b"\x41") + b"\x77" * draw(st.integers(0, 50))
            flags = Flag.KEYFRAME if key else Flag.NONE
            pts = dts + draw(st.integers(-1, 2)) * 3600
            frames.append(Frame(Kind.VIDEO, Codec.H264, flags, 0, pts, dts, 0, join_annexb(unit)))
            if draw(st.booleans()):
                size = draw(st.integers(1, 400))
                frames.append(Frame(Kind.AUDIO, Codec.PCMA, Flag.NONE, 0, dts, dts, 0, b"\x2a" * size))
            dts += draw(st.integers(1, 9000))
        fragments.append(frames)
    return fragments


def record(h264, fragments) -> bytes:
    muxer = Fmp4Muxer(h264, CONFIG)
    nexts = [frames[0].dts for frames in fragments[1:]] + [None]
    written = [muxer.fragment(f, next_video_dts=at) for f, at in zip(fragments, nexts, strict=True)]
    return muxer.init_segment() + b"".join(written)


@given(recordings())
def test_what_is_muxed_is_read_back(h264, fragments):
    data = record(h264, fragments)
    found = scan(bytes_reader(data), len(data))
    assert (found.fault, found.valid_bytes) == ("", len(data))
    previous_end = fragments[0][0].dts
    for frames, fragment in zip(fragments, found.fragments, strict=True):
        pictures = [frame for frame in frames if frame.kind is Kind.VIDEO]
        run = fragment.run(VIDEO_TRACK)
        assert run is not None
        assert run.dts == previous_end
        previous_end = run.end_dts
        read = list(run.samples())
        assert [(s.dts, s.pts, s.sync) for s in read] == [(f.dts, f.pts, f.keyframe) for f in pictures]
        for sample, frame in zip(read, pictures, strict=True):
            bytes_ = data[sample.offset : sample.offset + sample.size]
            assert is_sound_sample(bytes_)
            assert sample_to_annexb(bytes_) == frame.payload
        sound = fragment.run(AUDIO_TRACK)
        if sound is not None:
            heard = b"".join(data[s.offset : s.offset + s.size] for s in sound.samples())
            assert set(heard) == {0x2A}


@given(recordings(), st.data())
def test_any_cut_of_an_export_into_ranges_gives_the_same_bytes(h264, fragments, data):
    recorded = record(h264, fragments)
    found = scan(bytes_reader(recorded), len(recorded))
    mp4 = FaststartMp4([RecordedPart("x", found.init, found.fragments)])

    def read(start: int, end: int) -> bytes:
        return b"".join(
            piece if isinstance(piece, bytes) else recorded[piece.offset : piece.offset + piece.length]
            for piece in mp4.read_range(start, end)
        )

    whole = read(0, mp4.total_bytes)
    cuts = data.draw(st.lists(st.integers(0, mp4.total_bytes), max_size=6))
    edges = sorted({0, mp4.total_bytes, *cuts})
    assert b"".join(read(a, b) for a, b in pairwise(edges)) == whole


@given(recordings(), st.data())
def test_damaged_files_give_a_value_or_the_documented_error(h264, fragments, data):
    damaged = bytearray(record(h264, fragments))
    for _ in range(data.draw(st.integers(1, 5))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ContainerError):
        found = scan(bytes_reader(bytes(damaged)), len(damaged))
        assert found.valid_bytes <= len(damaged)
        for fragment in found.fragments:
            for run in fragment.runs:
                for sample in run.samples():
                    assert 0 <= sample.offset <= sample.offset + sample.size <= len(damaged)
        for track in found.init.tracks:
            read = read_video_entry if track.is_video else read_audio_entry
            with suppress(ContainerError):
                read(track.entry)


@given(st.binary(max_size=300))
def test_any_bytes_give_a_value_or_the_documented_error(data):
    for read in (read_init, scan):
        with suppress(ContainerError):
            read(bytes_reader(data), len(data))
    for kind in (b"moov", b"moof"):
        framed = (8 + len(data)).to_bytes(4, "big") + kind + data + b"\0\0\0\x08mdat"
        with suppress(ContainerError):
            read_init(bytes_reader(framed), len(framed))
        with suppress(ContainerError):
            read_fragment(bytes_reader(framed), 0, len(framed))
    for entry in (b"avc1", b"hvc1", b"alaw"):
        with suppress(ContainerError):
            read_video_entry(b"\0\0\0\0" + entry + data)
        with suppress(ContainerError):
            read_audio_entry(b"\0\0\0\0" + entry + data)


@given(st.binary(max_size=200))
def test_samples_are_sound_exactly_when_they_can_be_read(sample):
    try:
        annexb = sample_to_annexb(sample)
    except ContainerError:
        assert not is_sound_sample(sample)
    else:
        assert is_sound_sample(sample) == bool(sample)
        assert bool(annexb) == bool(sample)


@given(st.lists(st.binary(min_size=1, max_size=50).map(lambda unit: bytes(byte | 1 for byte in unit))))
def test_length_prefixes_and_start_codes_are_inverse(units):
    annexb = join_annexb(*units)
    assert sample_to_annexb(annexb_to_length_prefixed(annexb)) == annexb
