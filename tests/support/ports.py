"""Ports that must be named before they are listened on.

A port that was bound to 0 and closed is anybody's: another process may be given it a moment later. These are outside
the range the kernel hands out, and each process of a test run has numbers of its own.
"""

import itertools
import os
import socket
from typing import Final

FIRST: Final = 12_000
OF_EACH: Final = 1_000
PROCESSES: Final = 18
_KINDS: Final = (socket.SOCK_STREAM, socket.SOCK_DGRAM)

_worker = int(os.environ.get("PYTEST_XDIST_WORKER", f"gw{os.getpid()}").removeprefix("gw")) % PROCESSES
_first = FIRST + _worker * OF_EACH
_numbers = itertools.cycle(range(_first, _first + OF_EACH, 2))


def free_port() -> int:
    """An even port of 127.0.0.1 which, with the odd one behind it, is free for UDP and for TCP, and stays so."""
    for number in itertools.islice(_numbers, OF_EACH // 2):
        if all(_is_free(port, kind) for port in (number, number + 1) for kind in _KINDS):
            return number
    raise RuntimeError("every port of this process is taken")


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
