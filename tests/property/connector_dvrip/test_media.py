# ruff: noqa: DTZ001  # a device's local time has no zone
"""Time goes forward, whatever a device sends and however late it comes."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from cambus.connector_dvrip.clock import DeviceZone
from cambus.connector_dvrip.media import FrameMaker
from cambus.dvrip.frames import AudioFrame, InfoFrame, VideoFrame
from cambus.media.frame import Codec, Kind

START_US = 1_769_947_042_000_000

pictures = st.builds(
    lambda key, fps, day: VideoFrame(
        Codec.H264, key, b"\0\0\0\1e", fps=fps, device_time=datetime(2026, 2, day) if key else None
    ),
    st.booleans(),
    st.integers(0, 31),
    st.integers(1, 28),
)
sound = st.builds(
    lambda kind, size: AudioFrame(kind, 2, b"\xd5" * size), st.integers(0, 31), st.integers(0, 2000)
)
info = st.builds(lambda: InfoFrame(6, 0, b"info"))
arrivals = st.lists(st.tuples(st.integers(0, 3_000_000), st.one_of(pictures, sound, info)), max_size=80)


@given(arrivals)
def test_stamps_of_each_kind_only_grow(sequence):
    maker = FrameMaker(DeviceZone(UTC))
    arrival, last = START_US, {}
    for pause_us, media in sequence:
        arrival += pause_us
        for frame in maker.frames(media, arrival):
            if frame.kind in (Kind.VIDEO, Kind.AUDIO):
                assert frame.pts > last.get(frame.kind, -(1 << 62))
                last[frame.kind] = frame.pts
            assert frame.wall_us == arrival
