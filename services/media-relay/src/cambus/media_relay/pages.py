"""One delivery in pages of the kernel's, which many sockets are sent without a copy for each of them.

`send` has the kernel copy the buffer anew for every viewer, and with some hundreds of them that is what drives all else
out of the processor's caches. A file in memory is copied into once, and `sendfile` has every socket refer to its pages.
The file is emptied as soon as all sockets have been given it: pages that some peer has yet to acknowledge live on
without it, and nobody ever writes to them again.
"""

import errno
import logging
import os
import sys
import weakref
from collections.abc import Sequence
from typing import Final

log = logging.getLogger(__name__)

LEAST_BYTES: Final = 8 * 1024
"""A smaller delivery is copied as quickly as its pages are looked up."""

LEAST_SOCKETS: Final = 128
"""For fewer sockets the file costs more than the copies."""

_UNKNOWN: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})

Outcome = tuple[int, int | OSError]
"""A descriptor, and how many bytes its socket took, or what it raised."""


class Pages:
    """Sends deliveries by their pages, where the system can.

    Attributes:
        usable: whether it can, as far as is known. Once it turns out that it can not, it is False for good.
    """

    def __init__(self) -> None:
        self.usable = sys.platform == "linux"
        self._file: int | None = None

    def send(self, data: bytes, descriptors: Sequence[int]) -> list[Outcome]:
        """Send all of `data` to each of these non-blocking sockets.

        Returns:
            Those that took less. What one raised may be about pages rather than about its connection, which `send`
            on it will tell.

        Raises:
            OSError: there is no room for it; nothing has been sent.
        """
        file = self._open()
        try:
            if os.pwrite(file, data, 0) != len(data):
                raise OSError(errno.ENOSPC, "a delivery found no room in memory")
            return self._send(file, len(data), descriptors)
        finally:
            os.ftruncate(file, 0)

    def _open(self) -> int:
        if self._file is None:
            self._file = os.memfd_create("delivery")
            weakref.finalize(self, os.close, self._file)
        return self._file

    def _send(self, file: int, size: int, descriptors: Sequence[int]) -> list[Outcome]:
        """The hottest loop of all: one system call a viewer, and nothing beside it."""
        sendfile = os.sendfile
        short: list[Outcome] = []
        for descriptor in descriptors:
            try:
                sent = sendfile(descriptor, file, 0, size)
            except OSError as error:
                short.append((descriptor, error))
                if error.errno in _UNKNOWN:
                    self._give_up(error)
            else:
                if sent != size:
                    short.append((descriptor, sent))
        return short

    def _give_up(self, error: OSError) -> None:
        if self.usable:
            self.usable = False
            log.info("sockets are not sent pages here: all is copied", extra={"error": str(error)})
