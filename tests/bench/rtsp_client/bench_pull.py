"""What reading a camera of 4 Mbit/s over TCP costs, from the bytes of the connection to frames of the bus.

The reference cuts the same bytes into interleaved packets and joins what is in them, and does nothing else.
"""

import json
import statistics
import time

from cambus.media.frame import Codec
from cambus.media.rtp import RtpPacketizer, interleave
from cambus.media.stamps import LiveStamps
from cambus.media.unit_frames import FrameMaker
from cambus.rtsp.events import TrackData
from cambus.rtsp.lip_sync import LipSync
from cambus.rtsp.pull_session import PullSession
from cambus.rtsp.track_reader import TrackReader
from cambus.rtsp.transport import Lower, Transport
from cambus.simulators.video_loop import LoopStore, VideoSpec

FPS, PICTURES, READ_BYTES = 25, 500, 65_536
START_US = 1_700_000_000_000_000
SDP = b"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
RUNS = 5
LIMIT = 12.0


def media() -> bytes:
    loop = LoopStore.shared.get(VideoSpec(width=1280, height=720, fps=FPS, bitrate=4_000_000))
    maker = RtpPacketizer(Codec.H264, 96)
    units = (maker.packetize(loop.unit(number).data, number * 90_000 // FPS) for number in range(PICTURES))
    return b"".join(interleave(packets, 0) for packets in units)


def answer(number: int, *lines: str, body: bytes = b"") -> bytes:
    head = ["RTSP/1.0 200 OK", f"CSeq: {number}", *lines, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(head).encode() + body


def playing() -> tuple[PullSession, TrackReader]:
    session = PullSession("rtsp://192.0.2.1/", None)
    session.begin(0.0)
    session.receive_data(answer(1), 0.0)
    (described,) = session.receive_data(answer(2, body=SDP), 0.0)
    track = described.description.tracks[0]
    session.set_up([(track, Transport(Lower.TCP, channels=(0, 1)))], 0.0)
    session.receive_data(answer(3, "Session: 1", "Transport: RTP/AVP/TCP;interleaved=0-1"), 0.0)
    session.receive_data(answer(4), 0.0)
    return session, TrackReader(track, LipSync({0: 90_000}), datagrams=False)


def pull(data: bytes) -> float:
    """Processor seconds for all of it."""
    session, reader = playing()
    maker, frames = FrameMaker(LiveStamps()), 0
    began = time.thread_time()
    for at in range(0, len(data), READ_BYTES):
        arrival_us = START_US + at * PICTURES // FPS * 1_000_000 // len(data)
        for event in session.receive_data(data[at : at + READ_BYTES], 0.0):
            if isinstance(event, TrackData):
                for unit in reader.push(event.data, 0.0, arrival_us):
                    frames += len(maker.frames(unit, arrival_us))
    took = time.thread_time() - began
    assert frames == PICTURES
    return took


def cut(data: bytes) -> float:
    """Processor seconds of the reference."""
    began = time.thread_time()
    at, parts = 0, []
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at + 2 : at + 4], "big")
        parts.append(data[at + 16 : end])
        at = end
    assert b"".join(parts)
    return time.thread_time() - began


def main() -> None:
    data = media()
    pairs = [(pull(data), cut(data)) for _ in range(RUNS)]
    took = statistics.median(each[0] for each in pairs)
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    row = {
        "row": "RTSP pull over TCP, one stream of 4 Mbit/s",
        "runs": RUNS,
        "ratio": {"cpu": round(ratio, 2)},
        "limit": {"cpu": LIMIT},
        "streams per core": round(PICTURES / FPS / took),
        "Mbit/s": round(len(data) * 8 * FPS / PICTURES / 1e6, 1),
    }
    print(json.dumps(row), flush=True)


main()
