"""RTP/PS ingest: streams of 4 Mbit/s over UDP and TCP made into pictures, against only counting the bytes.

Receiver and sender are processes of their own on cores of their own; what is counted is the receiver's processor time.
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import struct
import subprocess
import sys
import time

import psutil
import uvloop

from cambus.gb28181.media_input import Latch, MediaInput
from cambus.gb28181.media_port import MediaPort, PortRange
from cambus.media.frame import Codec
from cambus.media.mpegps_writer import ProgramStreamMuxer

RUNS = 3
SETTLE_S = 2.0
WINDOW_S = 6.0
FPS = 25
KEY_BYTES, PICTURE_BYTES = 80_000, 17_500
SSRC = 200_000_001
MTU = 1400
WANTED = {"udp": 350, "tcp": 500}
LAST_CORE = (os.cpu_count() or 1) - 1


def packets_of(seconds):
    """The packets of each picture of a stream of 4 Mbit/s."""
    muxer, sequence, frames = ProgramStreamMuxer(Codec.H264, None), 0, []
    for number in range(int(seconds * FPS)):
        keyframe = number % FPS == 0
        size = KEY_BYTES if keyframe else PICTURE_BYTES
        unit = b"\x00\x00\x00\x01" + (b"\x67" if keyframe else b"\x41") + b"\x55" * size
        pack = muxer.picture(unit, number * 3600, keyframe=keyframe)
        packets = []
        for at in range(0, len(pack), MTU):
            marker = 0x80 if at + MTU >= len(pack) else 0
            head = struct.pack(">BBHII", 0x80, marker | 96, sequence & 0xFFFF, number * 3600, SSRC)
            packets.append(head + pack[at : at + MTU])
            sequence += 1
        frames.append(packets)
    return frames


# --- the sender -----------------------------------------------------------------------------------------


def send(transport, ports):
    """Send to all ports in real time, evenly spread over the time of a picture."""
    frames = packets_of(SETTLE_S + WINDOW_S + 4)
    if transport == "tcp":
        frames = [b"".join(struct.pack(">H", len(each)) + each for each in packets) for packets in frames]
        streams = [socket.create_connection(("127.0.0.1", port)) for port in ports]
    else:
        streams = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in ports]
        for each, port in zip(streams, ports, strict=True):
            each.connect(("127.0.0.1", port))
    print("ready", flush=True)
    began, step, worst = time.monotonic(), 1 / FPS / len(ports), 0.0
    for number, frame in enumerate(frames):
        for index, stream in enumerate(streams):
            ahead = began + number / FPS + index * step - time.monotonic()
            if ahead > 0.002:
                time.sleep(ahead)
            worst = max(worst, -ahead)
            if transport == "tcp":
                stream.sendall(frame)
                continue
            for packet in frame:
                stream.send(packet)
    print(json.dumps(worst), flush=True)


# --- the receivers --------------------------------------------------------------------------------------


async def receive(transport, count):
    """What the connector does with what comes in, short of the bus."""
    pictures = 0

    def take(units):
        nonlocal pictures
        pictures += len(units)

    inputs = [MediaInput(take, Latch(SSRC, frozenset({"127.0.0.1"}))) for _ in range(count)]
    media = [MediaPort(each) for each in inputs]
    for port in media:
        await port.open(PortRange().next())
    print(json.dumps([each.port for each in media]), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    lost = sum(each.order["lost"] for each in inputs)
    print(json.dumps([pictures, lost]), flush=True)


async def count_bytes(transport, count):
    """The reference: the same bytes read and counted."""
    octets = 0
    loop = asyncio.get_running_loop()

    def drain(receiver):
        nonlocal octets
        try:
            while size := receiver.recv_into(buffer):
                octets += size
            loop.remove_reader(receiver)  # the sender is done
            receiver.close()
        except BlockingIOError:
            pass

    def accept(server):
        connection, _ = server.accept()
        connection.setblocking(False)
        loop.add_reader(connection, drain, connection)

    buffer = bytearray(256 * 1024)
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    sockets = []
    for _ in range(count):
        each = socket.socket(socket.AF_INET, kind)
        each.bind(("127.0.0.1", 0))
        each.setblocking(False)
        if transport == "tcp":
            each.listen()
        else:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2 * 1024 * 1024)
        loop.add_reader(each, accept if transport == "tcp" else drain, each)
        sockets.append(each)
    print(json.dumps([each.getsockname()[1] for each in sockets]), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print(json.dumps([octets, 0]), flush=True)


# --- the measurement ------------------------------------------------------------------------------------


def start(core, *arguments):
    """A process of this script on one core."""
    command = [sys.executable, __file__, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, {core})
    return process


def measured(how, transport, count):
    """Share of a core a receiver used, what it received in all, what was lost, and how late the sender was."""
    receiver = start(LAST_CORE, how, transport, count)
    ports = json.loads(receiver.stdout.readline())
    sender = start(0, "--send", transport, *ports)
    try:
        sender.stdout.readline()
        time.sleep(SETTLE_S)
        process = psutil.Process(receiver.pid)
        before, began = sum(process.cpu_times()[:2]), time.monotonic()
        time.sleep(WINDOW_S)
        used = (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - began)
        late_s = json.loads(sender.stdout.readline())
        time.sleep(0.2)
        receiver.stdin.write("\n")
        receiver.stdin.flush()
        received, lost = json.loads(receiver.stdout.readline())
    finally:
        for each in (sender, receiver):
            each.kill()
            each.wait()
            each.stdout.close()
            each.stdin.close()
    return used, received, lost, late_s


def measure(transport, count):
    """One row."""
    theirs, ours = [], []
    for _ in range(RUNS):
        theirs.append(measured("--count", transport, count)[0])
        ours.append(measured("--receive", transport, count))
    used = statistics.median(each[0] for each in ours)
    wanted = WANTED[transport]
    whole = int((SETTLE_S + WINDOW_S + 4) * FPS) * count
    row = {
        "row": f"GB28181 RTP/PS ingest over {transport.upper()}, {count} streams of 4 Mbit/s, library alone",
        "runs": RUNS,
        "ratio": {f"streams per core / {wanted}": round(count / used / wanted, 2)},
        "limit": {f"streams per core / {wanted}": 1.0},
        "at_least": True,
        "streams_per_core": round(count / used),
        "cpu_per_stream_percent": round(used / count * 100, 3),
        "cpu_against_counting_bytes": round(used / statistics.median(theirs), 2),
        "pictures_of_all": [round(each[1] / whole, 3) for each in ours],
        "packets_lost": [each[2] for each in ours],
        "sender_late_ms": [round(each[3] * 1000) for each in ours],
    }
    print(json.dumps(row), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=100)
    for role in ("--send", "--receive", "--count"):
        parser.add_argument(role, nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.send:
        send(asked.send[0], [int(each) for each in asked.send[1:]])
    elif asked.receive:
        uvloop.run(receive(asked.receive[0], int(asked.receive[1])))
    elif asked.count:
        uvloop.run(count_bytes(asked.count[0], int(asked.count[1])))
    else:
        for transport in WANTED:
            measure(transport, asked.streams)


if __name__ == "__main__":
    main()
