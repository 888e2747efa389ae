"""A picture on request (DVRIP §7.7): 1560, answered in one of three forms, or not at all."""

from typing import Any, Final

from cambus.dvrip.errors import MalformedPayload, error_for_code
from cambus.dvrip.frames import FrameType, parse_header
from cambus.dvrip.messages.bodies import named, return_code
from cambus.dvrip.payload import decode_body
from cambus.dvrip.sniffing import is_jpeg
from cambus.dvrip.wire import Packet

MAX_PICTURE_BYTES: Final = 8 * 1024 * 1024
_JPEG_END: Final = b"\xff\xd9"
_FRAME_START: Final = b"\x00\x00\x01\xfe"


def snapshot_body(channel: int) -> dict[str, Any]:
    """The body of 1560; ``channel`` as the device counts."""
    return named("OPSNAP", {"Channel": channel})


class SnapshotCollector:
    """Gathers 1561: a JPEG in one packet, in several until an end mark, or one picture frame."""

    def __init__(self) -> None:
        self._data = bytearray()

    def add(self, packet: Packet) -> bytes | None:
        """See `cambus.dvrip.exchange.Collector`.

        Raises:
            MalformedPayload: too long.
        """
        self._data += packet.payload
        if len(self._data) > MAX_PICTURE_BYTES:
            raise MalformedPayload(f"longer than {MAX_PICTURE_BYTES} bytes", context="snapshot")
        if packet.header.end or not packet.payload or self._is_whole(len(packet.payload)):
            return bytes(self._data)
        return None

    def _is_whole(self, added: int) -> bool:
        data = self._data
        if data.startswith(_FRAME_START):
            header = parse_header(data)
            return header is not None and len(data) >= header.size + header.length
        if data.startswith(b"{"):
            return True
        # An end mark further back was seen before: of a long picture in small packets only the end is looked at.
        return is_jpeg(bytes(data[:3])) and data[-added - 1 :].rstrip(b"\x00").endswith(_JPEG_END)


def picture_of(payload: bytes) -> bytes:
    """The JPEG in a gathered 1561.

    Raises:
        DvripError: the device answered with a code instead.
        MalformedPayload: it is no JPEG, e.g. a video key frame.
    """
    if payload.startswith(b"{"):
        raise error_for_code(return_code(decode_body(payload)), "snapshot")
    if payload.startswith(_FRAME_START):
        header = parse_header(payload)
        if header is not None and header.type is FrameType.PICTURE:
            payload = payload[header.size : header.size + header.length]
    if not is_jpeg(payload):
        raise MalformedPayload(f"no JPEG: {payload[:8].hex()}", context="snapshot")
    return payload
