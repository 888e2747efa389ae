"""How many files and sockets the system lets the relay have open, and how many of those HLS segments may be."""

import contextlib
import logging
import resource
from typing import Final

log = logging.getLogger(__name__)

WANTED: Final = 65_536
"""What shells and older supervisors give is 1024, and meant for programs that use `select`, which nothing here does."""

_BESIDES: Final = 512
"""For the bus, listeners, crowds, threads and files on the way."""

_LEAST_PART: Final = 4
"""Of a limit that is too low for the viewers, segments may have this part all the same."""


def raise_limit() -> None:
    """Have as many descriptors as the system allows this process, up to `WANTED`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(OSError, ValueError):  # some systems have further bounds
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def limit() -> int:
    """How many descriptors this process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return WANTED if soft == resource.RLIM_INFINITY else soft


def for_segments(descriptors: int, sockets: int) -> int:
    """How many segments may be in files of their own.

    Args:
        descriptors: how many this process may have.
        sockets: how many viewers and connections there may be.
    """
    rest = descriptors - sockets - _BESIDES
    if rest < 0:
        log.warning(
            "fewer files may be open than viewers may come: raise the limit (`ulimit -n`, LimitNOFILE)",
            extra={"limit": descriptors, "wanted": sockets + _BESIDES},
        )
    return max(rest, descriptors // _LEAST_PART)
