"""Ports on the loopback interface."""

import socket

LOOPBACK = "127.0.0.1"


def free_or_any(port: int, *, datagrams: bool = False) -> int:
    """The port if nobody listens on it, else 0: whoever listens then takes a free one.

    Args:
        port: the wanted one; 0 stays 0.
        datagrams: whether it is to be free for UDP as well.
    """
    kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM) if datagrams else (socket.SOCK_STREAM,)
    return port if port and all(_free(port, kind) for kind in kinds) else 0


def _free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind is socket.SOCK_STREAM:  # of a connection that has just ended; datagrams have none
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
