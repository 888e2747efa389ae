"""Everything this library raises.

::

    MediaError
    ├── FrameError        a bus message is no frame, or a frame cannot become bus messages
    ├── AudioConfigError  the payload of an audio configuration frame cannot be read
    └── BitstreamError    H.264 / H.265 syntax that cannot be read: where, and in what
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
