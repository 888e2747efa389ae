"""Whatever is put into a transport stream, the demuxer gets out again."""

from hypothesis import given
from hypothesis import strategies as st

from cambus.media.aac import AacParameters, iter_adts, specific_config
from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Flag, Frame, Kind
from cambus.media.mpegts import TransportStreamDemuxer
from cambus.media.nal import join_annexb
from cambus.media.ts_muxer import TransportStreamMuxer

AAC = AudioConfig(Codec.AAC, 16_000, 2, specific_config(16_000, 2))
SLICES = {Codec.H264: b"\x41", Codec.H265: b"\x02\x01"}
DELIMITERS = {Codec.H264: b"\x00\x00\x00\x01\x09\xf0", Codec.H265: b"\x00\x00\x00\x01\x46\x01\x50"}
TIMES = st.integers(-(1 << 34), 1 << 34)

codecs = st.sampled_from(sorted(SLICES))
pieces = st.lists(
    st.tuples(st.booleans(), st.integers(1, 3000), st.booleans(), st.integers(0, 20_000)),
    min_size=1,
    max_size=20,
)


def frames_of(codec, pieces, begin):
    time, frames = begin, []
    for is_video, size, keyframe, reorder in pieces:
        time += 3600
        if is_video:
            payload = join_annexb(SLICES[codec] + b"\x55" * size)
            flags = Flag.KEYFRAME if keyframe else Flag.NONE
            frames.append(Frame(Kind.VIDEO, codec, flags, 0, time + reorder, time, 0, payload))
        else:
            frames.append(Frame(Kind.AUDIO, Codec.AAC, Flag.NONE, 0, time, time, 0, b"\x21" * size))
    return frames


@given(codec=codecs, pieces=pieces, begin=TIMES, cuts=st.lists(st.integers(1, 400), max_size=30))
def test_every_unit_comes_out_with_its_time(codec, pieces, begin, cuts):
    frames = frames_of(codec, pieces, begin)
    muxer = TransportStreamMuxer(codec, AAC)
    data = muxer.tables() + b"".join(muxer.packets(frame) for frame in frames)
    demuxer = TransportStreamDemuxer()
    found = []
    for cut in cuts:
        found += demuxer.feed(data[:cut])
        data = data[cut:]
    found += demuxer.feed(data, complete=True)
    assert demuxer.counts == {} or not any(demuxer.counts.values())
    assert not any(unit.discontinuity for unit in found)
    for kind, wanted in ((Kind.VIDEO, codec), (Kind.AUDIO, Codec.AAC)):
        sent = [frame for frame in frames if frame.kind is kind]
        got = [unit for unit in found if unit.codec is wanted]
        assert [(unit.pts or 0) % (1 << 33) for unit in got] == [frame.pts % (1 << 33) for frame in sent]
        if kind is Kind.VIDEO:
            assert [unit.payload for unit in got] == [DELIMITERS[codec] + frame.payload for frame in sent]
        else:
            expected = [[(AacParameters(2, 16_000, 2), frame.payload)] for frame in sent]
            assert [list(iter_adts(unit.payload)) for unit in got] == expected


@given(codec=codecs, pieces=pieces, begin=TIMES)
def test_packets_are_whole_and_counted_without_a_gap(codec, pieces, begin):
    muxer = TransportStreamMuxer(codec, AAC)
    data = b"".join(muxer.packets(frame) for frame in frames_of(codec, pieces, begin))
    assert len(data) % 188 == 0
    expected = {}
    for at in range(0, len(data), 188):
        packet = data[at : at + 188]
        pid = int.from_bytes(packet[1:3], "big") & 0x1FFF
        assert packet[0] == 0x47
        assert packet[3] & 0x30
        if packet[3] & 0x10:
            assert packet[3] & 15 == expected.get(pid, 0)
            expected[pid] = packet[3] + 1 & 15
        if packet[3] & 0x20:
            assert packet[4] <= 183
