"""FFmpeg decodes our FLAC to the very samples that went in."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from cambus.media.flac import FlacEncoder, streaminfo


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_samples_come_back_bit_by_bit(rate):
    random = np.random.default_rng(7)
    encoder = FlacEncoder(rate)
    stream = b"fLaC\x80\0\0\x22" + streaminfo(rate)
    blocks = []
    for size in (320, 160, 17, 640, 4096, 20_000, 65_535):
        block = random.integers(-32768, 32767, size, dtype=np.int16)
        stream += encoder.encode(block.astype("<i2").tobytes())
        blocks.append(block)
    stream += encoder.silence(30_000)
    blocks.append(np.zeros(30_000, np.int16))
    with av.open(io.BytesIO(stream)) as container:
        assert container.streams[0].codec_context.sample_rate == rate
        decoded = np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)])
    assert np.array_equal(decoded, np.concatenate(blocks))
