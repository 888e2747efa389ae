"""N viewers in one process: open N connections, read and discard; the first is looked at for its latency.

    viewers.py OUTPUT PORT N

Says `ready` once every connection is being sent to, then answers each line of standard input with the bytes received
so far and the latencies seen since the last one, as JSON.
"""

import contextlib
import json
import os
import select
import selectors
import socket
import sys
import time

import rig

CHUNK = 1 << 20
ROUND_S = 0.004
DATAGRAM = 65536
UDP_GRO = 104  # linux/udp.h
TCP_TRACKS = [f"RTP/AVP/TCP;unicast;interleaved={first}-{first + 1}" for first in (0, 2)]


def connect(output: str, port: int, kept: list[socket.socket]) -> socket.socket:
    """What the stream comes by, asked for; RTSP clients have been through SETUP and PLAY. The rest is to be kept."""
    peer = connection(port)
    path = rig.PATHS.get(output)
    media = peer
    if output == "rtsp":
        play_rtsp(peer, port, path, TCP_TRACKS)
    elif output in {"rtsp-udp", "minimal-udp"}:
        media, *others = ports = [datagram_socket() for _ in range(4)]
        numbers = [each.getsockname()[1] for each in ports]
        tracks = [f"RTP/AVP;unicast;client_port={numbers[at]}-{numbers[at + 1]}" for at in (0, 2)]
        if path is not None:
            play_rtsp(peer, port, path, tracks)
        else:
            peer.sendall(b"%d\n" % numbers[0])
        kept += [peer, *others]
    elif path is not None:
        peer.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    media.setblocking(False)
    return media


def connection(port: int) -> socket.socket:
    """Holds two seconds: left to the kernel, the buffers of all viewers would take the memory it has for TCP, which
    those of other machines do not, and then every connection stands still."""
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, CHUNK)
    peer.settimeout(30)
    peer.connect(("127.0.0.1", port))
    return peer


def datagram_socket() -> socket.socket:
    """Takes runs as they were sent: cutting them is the work of network cards, over loopback it were the sender's."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, CHUNK)
    sock.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
    return sock


def receive(media: socket.socket, buffer: memoryview) -> int:
    """What has come in, or all that fits; of datagrams all there are, one behind the other."""
    if media.type is socket.SOCK_STREAM:
        return media.recv_into(buffer)
    size = 0
    with contextlib.suppress(BlockingIOError):
        while len(buffer) - size > DATAGRAM:
            size += media.recv_into(buffer[size : size + DATAGRAM])
    return size


def play_rtsp(peer: socket.socket, port: int, path: str, tracks: list[str]) -> None:
    """DESCRIBE, SETUP of both tracks, PLAY."""
    url, session = f"rtsp://127.0.0.1:{port}{path}", ""
    requests = [
        f"DESCRIBE {url} RTSP/1.0",
        *(
            f"SETUP {url}/trackID={number} RTSP/1.0\r\nTransport: {transport}"
            for number, transport in enumerate(tracks)
        ),
        f"PLAY {url} RTSP/1.0",
    ]
    for number, request in enumerate(requests, 1):
        peer.sendall(f"{request}\r\nCSeq: {number}\r\n{session}\r\n".encode())
        if number == len(requests):
            return
        head = b""
        while b"\r\n\r\n" not in head:
            head += peer.recv(4096)
        if not head.startswith(b"RTSP/1.0 200"):
            raise RuntimeError(head.decode(errors="replace"))
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n\r\n")[0].split("\r\n")[1:])
        if number > 1:
            session = f"Session: {fields['Session'].partition(';')[0]}\r\n"


class Probe:
    """Finds the stamps in what one viewer receives."""

    def __init__(self) -> None:
        self._tail = b""
        self.latencies_ms: list[float] = []

    def look(self, data: bytes) -> None:
        now = time.monotonic_ns()
        data = self._tail + data
        at = data.find(rig.MARK)
        end = 0
        while at >= 0 and at + len(rig.MARK) + 20 <= len(data):
            end = at + len(rig.MARK) + 20
            self.latencies_ms.append((now - int(data[end - 20 : end])) / 1e6)
            at = data.find(rig.MARK, end)
        self._tail = data[max(end, len(data) - len(rig.MARK) - 20) :]


class Crowd:
    """All viewers: what they have received, and how late the first of them."""

    def __init__(self) -> None:
        self.probe = Probe()
        self.received = 0
        self.heard: set[int] = set()
        self._selector = selectors.DefaultSelector()
        self._buffer = memoryview(bytearray(CHUNK))
        self._kept: list[socket.socket] = []

    def join(self, number: int, output: str, port: int) -> None:
        """One viewer more."""
        self._selector.register(connect(output, port, self._kept), selectors.EVENT_READ, number)

    def read(self) -> None:
        """Take what has come for everybody."""
        for key, _ in self._selector.select(0):
            size = receive(key.fileobj, self._buffer)
            if not size:
                raise RuntimeError(f"viewer {key.data} was closed")
            self.received += size
            self.heard.add(key.data)
            if key.data == 0:
                self.probe.look(bytes(self._buffer[:size]))


def main() -> None:
    """Connect, read, answer."""
    output, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    os.sched_setaffinity(0, rig.ELSEWHERE)
    crowd = Crowd()
    for number in range(count):
        crowd.join(number, output, port)
        crowd.read()  # who takes little for long is closed, and a busy machine makes connecting long
    told = False
    while True:
        # In rounds, not at once: a reader that sleeps until the next byte would have every send pay for waking
        # it, which viewers on other machines do not.
        time.sleep(ROUND_S)
        crowd.read()
        if not told and len(crowd.heard) == count:
            told = True
            print("ready", flush=True)
        if select.select([sys.stdin], [], [], 0)[0]:
            if not sys.stdin.readline():
                return
            print(json.dumps({"bytes": crowd.received, "latencies_ms": crowd.probe.latencies_ms}), flush=True)
            crowd.probe.latencies_ms = []


if __name__ == "__main__":
    main()
