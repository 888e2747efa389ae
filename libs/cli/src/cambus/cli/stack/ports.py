"""Ports on the loopback interface."""

import socket

LOOPBACK = "127.0.0.1"


def free_or_any(port: int) -> int:
    """The port if nobody listens on it, else 0: whoever listens then takes a free one."""
    if port == 0:
        return 0
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return 0
    return port
