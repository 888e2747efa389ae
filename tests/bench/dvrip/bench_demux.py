"""Framing and demultiplexing of 200 streams of 4 Mbit/s in packets of 8 KiB, against only copying the bytes.

Everything is in memory, no socket: what is measured is the work between a read and a frame. The streams take turns
packet by packet, so that each finds its state as cold as it is in a connector.
"""

import json
import statistics
import time
from datetime import datetime

from cambus.dvrip.frames import AudioFrame, VideoFrame
from cambus.dvrip.ids import MessageId
from cambus.dvrip.media import StreamSplitter
from cambus.dvrip.wire import PacketReader, serialize
from cambus.simulators.tone import channel_tone
from cambus.simulators.video_loop import LoopStore, VideoSpec

RUNS = 5
STREAMS = 200
SECONDS = 4
PACKET_BYTES = 8192
TIME = datetime.fromisoformat("2026-01-01 00:00:00")
SPEC = VideoSpec(width=1920, height=1080, bitrate=4_000_000, loop_s=4.0)


def stream():
    """Seconds of one channel as a device sends them: (bytes of one packet each, frames in them)."""
    loop, tone = LoopStore.shared.get(SPEC), channel_tone(1)
    frames = []
    for number in range(SECONDS * SPEC.fps):
        unit = loop.unit(number)
        frames.append(VideoFrame(SPEC.codec, unit.keyframe, unit.data, 1920, 1080, SPEC.fps, TIME))
        frames.append(AudioFrame(14, 2, tone[number % len(tone)]))
    data = b"".join(frame.serialize() for frame in frames)
    packets = [
        serialize(MessageId.MONITOR_DATA, data[at : at + PACKET_BYTES], session_id=1, sequence=number)
        for number, at in enumerate(range(0, len(data), PACKET_BYTES), 1)
    ]
    return packets, len(frames)


def used_s(work):
    """CPU seconds of this process."""
    started = time.process_time()
    work()
    return time.process_time() - started


def demultiplex(packets, expected):
    """Cut all streams into frames."""
    readers = [PacketReader() for _ in range(STREAMS)]
    splitters = [StreamSplitter() for _ in range(STREAMS)]
    frames = 0
    for data in packets:
        for reader, splitter in zip(readers, splitters, strict=True):
            for packet in reader.receive_data(data):
                frames += len(splitter.receive_data(packet.payload))
    if frames != expected * STREAMS:
        raise SystemExit(f"{frames} frames, {expected * STREAMS} were sent")


def copy(packets):
    """The reference."""
    for data in packets:
        view = memoryview(data)
        for _ in range(STREAMS):
            bytes(view)


def main():
    packets, frames = stream()
    ours, reference = [], []
    for _ in range(RUNS):
        reference.append(used_s(lambda: copy(packets)) / SECONDS)
        ours.append(used_s(lambda: demultiplex(packets, frames)) / SECONDS)
    cores = statistics.median(ours)
    row = {
        "row": f"DVRIP framing and demux, {STREAMS} streams of 4 Mbit/s in 8 KiB packets: cores / 0.5",
        "runs": RUNS,
        "ratio": round(cores / 0.5, 2),
        "limit": 1.0,
        "cores": round(cores, 3),
        "mbit_per_stream": round(sum(map(len, packets)) * 8 / SECONDS / 1e6, 2),
        "against_copying": round(statistics.median(a / b for a, b in zip(ours, reference, strict=True)), 1),
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
