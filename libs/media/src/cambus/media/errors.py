"""Everything this library raises.

::

    MediaError
    ├── FrameError        a bus message is no frame, or a frame cannot become bus messages
    ├── AudioConfigError  the payload of an audio configuration frame cannot be read
    ├── BitstreamError    H.264 / H.265 syntax that cannot be read: where, and in what
    └── ContainerError    a container cannot carry a codec, or a file is no container we can read: where
"""


class MediaError(Exception):
    """Base of all errors of this library."""


class FrameError(MediaError):
    """A bus message is no frame of a version we know, or a frame does not fit the bounds of one."""


class AudioConfigError(MediaError):
    """The payload of an audio configuration frame is cut short or names no audio codec."""


class BitstreamError(MediaError):
    """A NAL unit or parameter set cannot be read.

    Attributes:
        bit: where reading stopped, in bits from the start of the unit; None when it has no place.
        context: which syntax element was being read.
    """

    def __init__(self, text: str, *, context: str = "", bit: int | None = None) -> None:
        place = "" if bit is None else f" at bit {bit}"
        super().__init__(f"{context}{place}: {text}" if context or place else text)
        self.bit = bit
        self.context = context


class ContainerError(MediaError):
    """FLV, MP4, RTP or SDP cannot carry this codec, or bytes are no MP4 this library can read.

    Attributes:
        offset: where in the file, in bytes; None when it has no place.
    """

    def __init__(self, text: str, *, offset: int | None = None) -> None:
        super().__init__(text if offset is None else f"at byte {offset}: {text}")
        self.offset = offset
