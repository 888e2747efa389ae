"""Video samples of MP4 read back: lengths in front of the NAL units (ISO/IEC 14496-15 §4.3.3, §5.3.4.2).

The way there is `cambus.media.parameter_sets.annexb_to_length_prefixed`.
"""

from __future__ import annotations

from cambus.media.errors import ContainerError
from cambus.media.nal import START_CODE

LENGTH_BYTES = 4


def sample_to_annexb(sample: bytes, parameter_sets: bytes = b"") -> bytes:
    """The access unit of a sample, Annex B, behind `parameter_sets` (Annex B too) for a keyframe.

    Raises:
        ContainerError: the lengths do not add up to the sample.
    """
    view = memoryview(sample)
    parts: list[bytes | memoryview] = [parameter_sets]
    at, end = 0, len(sample)
    while at < end:
        start = at + LENGTH_BYTES
        at = start + int.from_bytes(view[at:start], "big")
        if start >= at or at > end:
            raise ContainerError("NAL unit lengths do not add up to the sample", offset=start)
        parts += (START_CODE, view[start:at])
    return b"".join(parts)


def is_sound_sample(sample: bytes) -> bool:
    """Whether the NAL unit lengths add up to the sample and no NAL unit is empty.

    Blocks that were allocated but never written, as after a power cut, read as zeros and fail here.
    """
    at, end = 0, len(sample)
    while at < end:
        size = int.from_bytes(sample[at : at + LENGTH_BYTES], "big")
        at += LENGTH_BYTES + size
        if size == 0:
            return False
    return at == end and end > 0
