"""The reference: a loop that writes one shared buffer to N sockets, 25 times a second, and nothing else.

    minimal.py N

Prints its port, accepts N connections, writes until it is ended.
"""

import os
import socket
import sys
import time

import rig


def main() -> None:
    """Accept, then write for ever."""
    os.sched_setaffinity(0, rig.UNDER_TEST)
    count = int(sys.argv[1])
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listener.getsockname()[1], flush=True)
    peers = []
    while len(peers) < count:
        peer, _ = listener.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peers.append(peer)
    key = bytes(rig.KEY_BYTES + rig.SOUND_BYTES)
    delta = bytes(rig.DELTA_BYTES + rig.SOUND_BYTES)
    started = time.monotonic()
    for index in range(1 << 30):
        data = key if index % rig.GOP == 0 else delta
        for peer in peers:
            peer.sendall(data)
        time.sleep(max(0.0, started + (index + 1) / rig.FPS - time.monotonic()))


if __name__ == "__main__":
    main()
