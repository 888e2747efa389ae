"""Keepalives and registrations through a SIP endpoint on UDP, against a socket that only answers.

Both are counted in seconds of processor time of one process; the client is a process of its own.
"""

import argparse
import asyncio
import json
import socket
import statistics
import subprocess
import sys
import time

from cambus.sip.endpoint import SipEndpoint

RUNS = 3
REQUESTS = 10_000
WINDOW = 64
WANTED_PER_S = 3_000  # 1,500 registrations, each of two requests
KEEPALIVE = (
    b"<?xml version='1.0'?>\r\n<Notify>\r\n<CmdType>Keepalive</CmdType>\r\n<SN>1</SN>\r\n"
    b"<DeviceID>34020000001320000001</DeviceID>\r\n<Status>OK</Status>\r\n</Notify>\r\n"
)
CREDENTIALS = (
    b'Authorization: Digest username="34020000001320000001", realm="3402000000", nonce="' + b"n" * 40 + b'", '
    b'uri="sip:34020000002000000001@3402000000", response="' + b"0" * 32 + b'", algorithm=MD5\r\n'
    b"Contact: <sip:34020000001320000001@192.0.2.7:5060>\r\nExpires: 3600\r\n"
)


def request(method: bytes, number: int) -> bytes:
    """One of a device; no two are alike."""
    body = KEEPALIVE if method == b"MESSAGE" else b""
    more = b"Content-Type: Application/MANSCDP+xml\r\n" if body else CREDENTIALS
    return (
        b"%(method)s sip:34020000002000000001@3402000000 SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.7:5060;rport;branch=z9hG4bK%(number)d\r\n"
        b"From: <sip:34020000001320000001@3402000000>;tag=%(number)d\r\n"
        b"To: <sip:34020000002000000001@3402000000>\r\nCall-ID: %(number)d@192.0.2.7\r\n"
        b"CSeq: 20 %(method)s\r\nMax-Forwards: 70\r\nUser-Agent: Camera\r\n%(more)s"
        b"Content-Length: %(length)d\r\n\r\n%(body)s"
        % {b"method": method, b"number": number, b"more": more, b"length": len(body), b"body": body}
    )


def client(port: int, method: bytes, start: int) -> None:
    """Send, keeping a window open, until every request is answered."""
    messages = [request(method, start + number) for number in range(REQUESTS)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.connect(("127.0.0.1", port))
        peer.settimeout(30)
        sent = answered = 0
        while answered < REQUESTS:
            while sent < REQUESTS and sent - answered < WINDOW:
                peer.send(messages[sent])
                sent += 1
            peer.recv(65_536)
            answered += 1


async def used_by(port: int, method: bytes, start: int) -> float:
    """Processor time of this process while a client is served, in microseconds a request."""
    command = [sys.executable, __file__, "--client", str(port), method.decode(), str(start)]
    before = time.process_time()
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
    assert await process.wait() == 0
    return (time.process_time() - before) / REQUESTS * 1e6


class Echo(asyncio.DatagramProtocol):
    """Answers whatever comes."""

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(data[:300], addr)


async def reference(method: bytes) -> float:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        Echo, local_addr=("127.0.0.1", 0)
    )
    try:
        return await used_by(transport.get_extra_info("sockname")[1], method, 0)
    finally:
        transport.close()


async def measure(method: bytes) -> None:
    async with SipEndpoint(lambda event: endpoint.respond(event.transaction, 200)) as endpoint:
        pairs = [
            (await reference(method), await used_by(endpoint.port, method, run * REQUESTS))
            for run in range(RUNS)
        ]
    theirs, ours = (statistics.median(each) for each in zip(*pairs, strict=True))
    row = {
        "row": f"SIP {method.decode()} answered",
        "runs": RUNS,
        "ratio": {"of 3,000/s a core": 1e6 / ours / WANTED_PER_S},
        "limit": {"of 3,000/s a core": 1},
        "at_least": True,
        "us": ours,
        "us of an echo": theirs,
        "requests/s a core": 1e6 / ours,
    }
    print(json.dumps(row), flush=True)


async def main() -> None:
    for method in (b"MESSAGE", b"REGISTER"):
        await measure(method)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--client", nargs=3, metavar=("PORT", "METHOD", "START"))
    asked = parser.parse_args().client
    if asked:
        client(int(asked[0]), asked[1].encode(), int(asked[2]))
    else:
        asyncio.run(main())
