"""The reference: a loop that writes one shared buffer to N sockets, 25 times a second, and nothing else.

    minimal.py N [datagrams]

Prints its port, accepts N connections, writes until it is ended. With `datagrams` each connection says the port its
packets go to, and what is written are those of RTP over UDP: the picture in runs the kernel cuts, the sound in one.
"""

import contextlib
import itertools
import os
import socket
import sys
import time
from collections.abc import Callable

import rig

PACKET_BYTES = 1400
RUN_BYTES = 23 * PACKET_BYTES
CUT = (socket.IPPROTO_UDP, 103, PACKET_BYTES.to_bytes(2, sys.byteorder))  # UDP_SEGMENT


def accepted(listener: socket.socket, count: int) -> list[socket.socket]:
    """So many connections."""
    peers = []
    while len(peers) < count:
        peer, _ = listener.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peers.append(peer)
    return peers


def by_connection(peers: list[socket.socket]) -> Callable[[int], None]:
    """Writes a picture of so many bytes and its sound to all of them."""
    buffers = {size: bytes(size + rig.SOUND_BYTES) for size in (rig.KEY_BYTES, rig.DELTA_BYTES)}

    def write(size: int) -> None:
        data = buffers[size]
        for peer in peers:
            peer.sendall(data)

    return write


def by_datagrams(peers: list[socket.socket]) -> Callable[[int], None]:
    """Writes the packets of a picture of so many bytes and of its sound to all of them."""
    places = [("127.0.0.1", int(peer.makefile().readline())) for peer in peers]
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sound = bytes(rig.SOUND_BYTES)
    runs = {
        size: [bytes(min(RUN_BYTES, size - at)) for at in range(0, size, RUN_BYTES)]
        for size in (rig.KEY_BYTES, rig.DELTA_BYTES)
    }

    def write(size: int) -> None:
        picture = runs[size]
        for place in places:
            for run in picture:
                sock.sendmsg((run,), (CUT,), 0, place)
            sock.sendto(sound, place)

    return write


def main() -> None:
    """Accept, then write until the viewers leave."""
    os.sched_setaffinity(0, rig.UNDER_TEST)
    count, datagrams = int(sys.argv[1]), "datagrams" in sys.argv[2:]
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listener.getsockname()[1], flush=True)
    peers = accepted(listener, count)
    write = by_datagrams(peers) if datagrams else by_connection(peers)
    started = time.monotonic()
    with contextlib.suppress(ConnectionError):
        for index in itertools.count():
            write(rig.KEY_BYTES if index % rig.GOP == 0 else rig.DELTA_BYTES)
            time.sleep(max(0.0, started + (index + 1) / rig.FPS - time.monotonic()))


if __name__ == "__main__":
    main()
