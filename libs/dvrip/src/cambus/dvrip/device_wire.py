"""Replies of the device role on the wire: JSON, tails, session ids, parts, sequences and faults (DVRIP §2, §18)."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from cambus.dvrip.device_quirks import DeviceQuirks
from cambus.dvrip.ids import MAX_ID, MEDIA_IDS
from cambus.dvrip.values import format_session_id
from cambus.dvrip.wire import FRAGMENT_SIZE, Header, fragment, serialize

TAILS: Final = {"lfnul": b"\n\x00", "lf": b"\n", "nul": b"\x00", "none": b"", "crlf": b"\r\n"}
#: `classic` sends control replies whole up to here (DVRIP §18).
WHOLE_BYTES: Final = 32 * 1024

_ESCAPED_CONTROL: Final = re.compile(r"\\u00([01][0-9a-f])")


@dataclass(frozen=True, slots=True)
class JsonReply:
    """A JSON body; the SessionID is added when it is sent."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BytesReply:
    """Raw bytes in one or several packets of the reply id.

    Attributes:
        parts: payload and EndFlag of each packet.
        fragmented: send the joined parts as Total/Cur parts instead, `fragment_bytes` (or 16 KiB) each.
    """

    parts: tuple[tuple[bytes, bool], ...]
    fragmented: bool = False


Reply = JsonReply | BytesReply


def format_sid(session_id: int, style: str) -> str:
    """A SessionID in one of the spellings of the quirk ``sid_format``."""
    if style == "short":
        return f"0x{session_id:X}"
    if style == "ten_digits":
        return f"0x{session_id:010X}"
    if style == "lower":
        return f"0x{session_id:08x}"
    return format_session_id(session_id)


def encode_json(fields: Mapping[str, Any], session_id: int, quirks: DeviceQuirks) -> bytes:
    """A JSON payload with its SessionID and tail."""
    body = dict(fields)
    if quirks.sid_format != "none":
        body["SessionID"] = format_sid(session_id, quirks.sid_format)
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    if quirks.raw_control:
        text = _ESCAPED_CONTROL.sub(lambda match: chr(int(match[1], 16)), text)
    return text.encode(quirks.text_encoding, "replace") + TAILS[quirks.tail]


def reply_packets(
    reply: Reply, message_id: int, session_id: int, sequence: int, quirks: DeviceQuirks, random: Random
) -> list[bytes]:
    """The packets that carry ``reply`` under ``message_id``."""
    if isinstance(reply, BytesReply) and not reply.fragmented:
        return [
            serialize(
                message_id, payload, session_id=session_id, sequence=sequence, version=quirks.version, end=end
            )
            for payload, end in reply.parts
        ]
    if isinstance(reply, BytesReply):
        payload = b"".join(part for part, _ in reply.parts)
        return _parts(
            message_id, payload, session_id, sequence, quirks, random, quirks.fragment_bytes or FRAGMENT_SIZE
        )
    payload = encode_json(reply.fields, session_id, quirks)
    size = quirks.fragment_bytes or (FRAGMENT_SIZE if len(payload) > WHOLE_BYTES else 0)
    if not size or len(payload) <= size or message_id in MEDIA_IDS:
        return [
            serialize(message_id, payload, session_id=session_id, sequence=sequence, version=quirks.version)
        ]
    return _parts(message_id, payload, session_id, sequence, quirks, random, size)


def _parts(
    message_id: int,
    payload: bytes,
    session_id: int,
    sequence: int,
    quirks: DeviceQuirks,
    random: Random,
    size: int,
) -> list[bytes]:
    size = max(size, -(-len(payload) // 255))  # TotalPacket is one byte
    parts = list(
        fragment(
            message_id, payload, session_id=session_id, sequence=sequence, version=quirks.version, size=size
        )
    )
    if len(parts) == 1 or quirks.fragment_order == "in_order":
        return parts
    victim = random.randrange(len(parts))
    match quirks.fragment_order:
        case "shuffled":
            random.shuffle(parts)
        case "duplicate":
            # Twice in a row and never last: a second copy after the message is complete would open a new one.
            victim = min(victim, len(parts) - 2)
            parts.insert(victim, parts[victim])
        case "hole":
            del parts[victim]
        case "changed_total":
            victim = max(victim, 1)
            header = Header.parse(parts[victim])
            changed = header._replace(total_or_channel=header.total_or_channel % 255 + 1)
            parts[victim] = changed.serialize() + parts[victim][len(changed.serialize()) :]
    return parts


def broken_packet(fault: str, message_id: int, session_id: int, sequence: int) -> bytes:
    """What a device with this fault sends instead of a reply.

    Raises:
        ValueError: no such fault.
    """

    def packet(payload: bytes, identity: int = message_id) -> bytes:
        return serialize(identity, payload, session_id=session_id, sequence=sequence, version=1)

    whole = packet(b'{"Name":"","Ret":100}\n\x00')
    broken = {
        "half_header": whole[:11],
        "huge_length": whole[:16] + b"\xff\xff\xff\xff" + whole[20:],
        "wrong_flag": b"\x7f" + whole[1:],
        "unknown_id": packet(b'{"Name":"","Ret":100}\n\x00', (message_id + 40000) & MAX_ID),
        "json_bomb": packet(b'{"Ret":100,"Name":' + b"[" * 10_000 + b"]" * 10_000 + b"}\n\x00"),
        "duplicate_keys": packet(b'{"Name":"","Ret":100,"Ret":101,"Name":"x"}\n\x00'),
        "not_json": packet(b'{"Name":"","Ret":,}\n\x00'),
        "array": packet(b"[100]\n\x00"),
    }
    if fault not in broken:
        raise ValueError(f"no fault {fault!r}; there are: {', '.join(broken)}")
    return broken[fault]
