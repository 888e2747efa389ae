"""What reads the bytes of a device: packets, media, pictures, archives, datagrams."""

import contextlib
import io
import math
import zipfile
from functools import cache
from random import Random
from types import SimpleNamespace
from typing import cast

from fuzz_targets_bodies import BODIES, WORDS
from fuzzing import Target, pieces

from cambus.dvrip.discovery import DiscoveredDevice
from cambus.dvrip.errors import DvripError, FragmentError, MalformedPayload, Refused
from cambus.dvrip.firmware import FirmwarePackage
from cambus.dvrip.frames import AudioFrame, InfoFrame, PictureFrame, VideoFrame, parse_header
from cambus.dvrip.info import parse_vehicle_info
from cambus.dvrip.media import StreamSplitter
from cambus.dvrip.messages.bitmaps import Bitmap, parse_bitmaps, serialize_bitmaps
from cambus.dvrip.messages.search import (
    parse_by_time,
    parse_file_name,
)
from cambus.dvrip.messages.upgrade import UpgradeInfo
from cambus.dvrip.operations.transfers import ZipCollector
from cambus.dvrip.payload import decode_text, encode_body
from cambus.dvrip.reassembly import MAX_OPEN, Reassembler
from cambus.dvrip.snapshot import SnapshotCollector, picture_of
from cambus.dvrip.wire import Packet, PacketReader, fragment, serialize
from cambus.media.frame import Codec
from cambus.simulators.dvrip.archive import ArchivePlan
from cambus.simulators.dvrip.clock import DeviceClock
from cambus.simulators.dvrip.device import Identity, SimulatedDevice
from cambus.simulators.dvrip.discovery import DiscoveryResponder
from cambus.simulators.dvrip.media_plan import MediaPlan
from cambus.simulators.dvrip.quirks import Quirks
from cambus.simulators.dvrip.simulator import DvripSimulator
from cambus.simulators.video_loop import VideoSpec

KEY = VideoFrame(Codec.H264, True, b"\x00\x00\x00\x01\x67" + bytes(range(40)), 640, 480, 25)

FRAMES = (
    KEY,
    VideoFrame(Codec.H265, True, b"\x00\x00\x00\x01\x40\x01" + bytes(40), 3840, 2160, 25),
    VideoFrame(Codec.H264, False, b"\x00\x00\x00\x01\x41" + bytes(range(40))),
    VideoFrame(Codec.H265, False, b"\x00\x00\x00\x01\x11\x01\x78\x00" + bytes(119)),
    AudioFrame(14, 2, b"\xd5" * 20),
    InfoFrame(1, 0, b"GPS:$GPRMC,1;SPEED:12;STATUS:10101010101;PASSENGER:02ab000001;LOCATESTATUS:02;"),
    PictureFrame(b"\xff\xd8\xff\xe0123\xff\xd9", 704, 576),
)

#: Ends every frame that has begun.
LAST = b"\x55" * 5000

STREAM = b"".join(frame.serialize() for frame in FRAMES)


def wire(data: bytes) -> object:
    """Framing: the packets do not depend on how the stream was cut."""
    cut, stream = (data[0] if data else 1), data[1:]
    whole, parts = PacketReader(), PacketReader()
    packets = whole.receive_data(stream)
    piecemeal = [packet for piece in pieces(stream, cut) for packet in parts.receive_data(piece)]
    assert piecemeal == packets
    assert (parts.failure and parts.failure.offset) == (whole.failure and whole.failure.offset)
    assert all(len(payload) == header.length for header, payload in packets)
    assert len(whole._pending) <= len(stream)
    return len(packets), whole.failure is None, len(whole._pending) > 0


def reassembly(data: bytes) -> object:
    """Parts: what is open is bounded, and all of it is given up in time."""
    parts = Reassembler()
    shapes = []
    for number, packet in enumerate(PacketReader().receive_data(data)):
        try:
            whole = parts.receive(packet, number * 0.5)
            shapes.append("part" if whole is None else "whole")
        except FragmentError as error:
            shapes.append(str(error)[-30:])
        assert len(parts._open) <= MAX_OPEN
        parts.expire(number * 0.5)
    parts.expire(1e9)
    assert parts.next_timeout() is None
    return tuple(shapes[-3:])


def media(data: bytes) -> object:
    """Frames: in the end the same for every cut, and never more held than one frame."""
    cut, waits, stream = (data[0] if data else 1), bool(data[1:2] > b"\x7f"), data[2:]
    whole = StreamSplitter(wait_for_key=waits, max_frame_bytes=4096)
    parts = StreamSplitter(wait_for_key=waits, max_frame_bytes=4096)
    frames = whole.receive_data(stream) + whole.receive_data(LAST)
    piecemeal = []
    for piece in (*pieces(stream, cut), LAST):
        piecemeal += parts.receive_data(piece)
        assert parts.pending_bytes <= 4096 + 16 + len(piece)
    assert piecemeal == frames
    return [type(frame).__name__ for frame in frames][-4:], sorted(whole.counters)


def frame_header(data: bytes) -> object:
    """A header that could be read is written as it was, but for bits that have no meaning."""
    header = parse_header(data)
    if header is None:
        return None
    again = parse_header(header.serialize())
    assert again == header
    return header.type, header.codec


def vehicle(data: bytes) -> object:
    """What a vehicle says."""
    info = parse_vehicle_info(data)
    assert info.speed_km_h is None or math.isfinite(info.speed_km_h)
    return info.vehicle, info.location, sorted(info.status), len(info.passengers)


def by_time(data: bytes) -> object:
    """Minutes of a day: 1440 codes of four bits for each channel."""
    minutes = parse_by_time(data)
    assert all(len(codes) == 1440 and max(codes) < 16 for codes in minutes.values())
    return len(minutes)


def file_name(data: bytes) -> object:
    """The name of a recording."""
    found = parse_file_name(decode_text(data))
    return None if found is None else (found.event[:1], found.begin <= found.end, found.channel >= 0)


def firmware(data: bytes) -> object:
    """The description in a firmware package."""
    package = FirmwarePackage.read(data)
    package.check(UpgradeInfo.parse({}), force=True)
    return bool(package.hardware), bool(package.vendor)


def bitmap(data: bytes) -> object:
    """Titles drawn as bitmaps: what could be read is written as it was."""
    bitmaps = parse_bitmaps(data)
    for each in bitmaps:
        with contextlib.suppress(Refused):  # a size that is written by nobody
            assert parse_bitmaps(each.serialize()) == [each]
    return len(bitmaps)


def picture(data: bytes) -> object:
    """A picture and an archive in any number of packets."""
    cut, stream = (data[0] if data else 1), data[1:]
    shapes = []
    for collector, take in ((SnapshotCollector(), picture_of), (ZipCollector(), bytes)):
        for piece in pieces(stream, cut):
            whole = collector.add(Packet(_HEADER, piece))
            if whole is not None:
                with contextlib.suppress(DvripError):
                    shapes.append(len(take(whole)) > 0)
                break
    return shapes


def small_device() -> SimulatedDevice:
    """A recorder of two cameras, quickly made."""
    small = VideoSpec(width=128, height=96, bitrate=32_000)
    return SimulatedDevice(
        channels=2,
        user="admin",
        password="admin",
        identity=Identity("1", "00:00:00:00:00:01", "1"),
        plan=MediaPlan(main=small, sub=small, alternate=None),
        archive=ArchivePlan(files=3, file_s=2),
        quirks=Quirks(lock_after=0),
        random=Random(1),
        clock=DeviceClock(),
        host="127.0.0.1",
        name="HVR",
    )


@cache
def searched_device() -> DvripSimulator:
    """What of a simulator a search needs; the same each time, for it is searched very often."""
    device = SimpleNamespace(device=small_device(), host="127.0.0.1", port=34567, quirks=Quirks())
    device.address_written = lambda: None
    return cast(DvripSimulator, device)


def datagram(data: bytes) -> object:
    """Both ends of the search over UDP."""
    responder = DiscoveryResponder([searched_device()])
    responder.datagram_received(data, ("192.0.2.1", 34569))
    found = DiscoveredDevice.parse(data, "192.0.2.1")
    if found is not None:
        assert found.identity
    return responder.searches, responder.ignored, found is None


_HEADER = PacketReader().receive_data(serialize(1561, b"", version=1))[0].header

SETTING = {"DvrMac": "00:00:00:00:00:01", "Username": "admin", "Password": "6QNMIQGe", "HostIP": "0x0"}
PACKETS = tuple(serialize(1021, each, session_id=0x57, version=1) for each in BODIES[:4])

PARTS = b"".join(fragment(1043, BODIES[6] * 3, session_id=0x57, sequence=3, size=60))


def _package(text: bytes, compression: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("InstallDesc", text)
    return file.getvalue()


PACKAGES = tuple(
    _package(b'{"Hardware":"H","Vendor":"V","Model":"M"}', each)
    for each in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
)


TARGETS = (
    Target(
        "wire",
        wire,
        (b"\x01" + b"".join(PACKETS), b"\x07" + PARTS),
        tokens=(b"\xff\x01\x00\x00", PACKETS[0][:20]),
    ),
    Target(
        "reassembly",
        reassembly,
        (PARTS, PARTS[:160] + PARTS, PACKETS[0] + PARTS),
        tokens=(PARTS[:80], PARTS[80:160]),
    ),
    Target(
        "media",
        media,
        (b"\x01\x00" + STREAM, b"\x09\xff" + STREAM),
        tokens=tuple(each.serialize()[:16] for each in FRAMES),
    ),
    Target(
        "frame-header", frame_header, tuple(each.serialize()[:16] for each in FRAMES), (MalformedPayload,)
    ),
    Target("vehicle", vehicle, (FRAMES[5].payload, b"G-SENSOR:1,2,3;INFO:x;3GSTATUS:0;"), tokens=WORDS),
    Target(
        "by-time",
        by_time,
        (BODIES[7], b"\x01\x00\x00\x00\x00\x00\x00\x00" + bytes(720)),
        (MalformedPayload,),
        WORDS,
    ),
    Target(
        "file-name", file_name, (b"/idea0/2009-02-16/001/10.08.41-10.23.30[R][@7cb][0].h264",), tokens=WORDS
    ),
    Target("firmware", firmware, PACKAGES, (MalformedPayload,)),
    Target(
        "picture",
        picture,
        (b"\x05" + FRAMES[6].payload, b"\x09" + FRAMES[6].serialize(), b"\x09" + PACKAGES[0]),
        (MalformedPayload,),
    ),
    Target(
        "bitmap",
        bitmap,
        (serialize_bitmaps([Bitmap(16, 8, bytes(16)), Bitmap(8, 8, bytes(8))]),),
        (MalformedPayload,),
    ),
    Target(
        "datagram",
        datagram,
        (
            serialize(1530),
            serialize(1531, BODIES[14]),
            serialize(1532, encode_body(SETTING)),
        ),
        tokens=WORDS,
    ),
)
