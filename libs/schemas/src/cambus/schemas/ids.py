"""Identifiers: the tokens that may stand in a subject, channel numbers, stream names and event ids.

Everything that becomes part of a NATS subject or of a key is a token of `[A-Za-z0-9_-]`, 1 to 64 characters,
so that neither a dot nor a wildcard from a device or a caller can change where a message goes.
"""

import hashlib
import re
import secrets
import time as clock
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

TOKEN_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"  # noqa: S105  # a subject token, no secret
NAME_PATTERN = r"^[a-z][a-z0-9_-]{0,63}$"
SESSION_PREFIX = "s-"
TALK_PREFIX = "t-"
RECORDER_SESSION_PREFIX = "rec-"
"""How sessions of the recorder's playbacks begin, and no others: it says where their commands go."""

Token = Annotated[str, StringConstraints(pattern=TOKEN_PATTERN)]
"""One subject token of a caller's choosing: a session, a claimant, a job, a rule."""

DeviceId = Annotated[str, StringConstraints(pattern=TOKEN_PATTERN)]
"""The name of a device on the bus, chosen by the operator; for gb28181 often the 20 digits."""

ReplicaId = Annotated[str, StringConstraints(pattern=TOKEN_PATTERN)]
"""The stable name of one running process of a service."""

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""A lower-case name out of a list of ours: a protocol, a service, a noun."""

ChannelNo = Annotated[int, Field(ge=0, le=65535)]
"""A channel of a device, counted from 0."""

StreamName = Literal["main", "sub", "third", "fourth"]
"""The encoder streams of a channel, best first."""

MediaStream = Annotated[
    str, StringConstraints(pattern=r"^(main|sub|third|fourth|s-[A-Za-z0-9_-]{1,62})$", max_length=64)
]
"""What can be watched on a channel: an encoder stream, or a playback session as `s-<session>`."""

SessionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,62}$")]
"""A session of a playback, a download, a talk or a serial port; fits a media subject behind its prefix."""

EventId = Annotated[str, StringConstraints(pattern=r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
"""A ULID: 48 bits of Unix milliseconds and 80 more, in Crockford's base 32. Sorts by time."""

ObjectName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_=-][A-Za-z0-9_=./-]{0,254}$")]
"""The name of an object in an object store; never a file path."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 digest in lower-case hex."""

Fact = str | int | float | bool | bytes | datetime | None
"""What `derived_event_id` can hash; enumeration members count as their value."""

_TOKEN = re.compile(TOKEN_PATTERN)
_NAME = re.compile(NAME_PATTERN)
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_ULID_LAST_MS = (1 << 48) - 1
_ULID_RANDOM_BYTES = 10
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CROCKFORD_VALUES = {digit: value for value, digit in enumerate(_CROCKFORD)}


def is_token(text: str) -> bool:
    """Whether `text` may stand as one caller-chosen token in a subject."""
    return _TOKEN.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Whether `text` may stand as a noun, a service or a protocol."""
    return _NAME.fullmatch(text) is not None


def new_ulid() -> str:
    """Return a fresh ULID of the present time: 26 characters, unique without coordination."""
    return _ulid(clock.time_ns() // 1_000_000, secrets.token_bytes(_ULID_RANDOM_BYTES))


def derived_event_id(time: datetime, *facts: Fact) -> str:
    """Return the ULID that these facts always have, so that two replicas that saw one alarm publish one id.

    The 48 time bits are `time` (what the device says, or what identifies the occurrence) in Unix
    milliseconds, held within what a ULID can carry; the 80 random bits are BLAKE2b of the exact time and the
    facts, each tagged with its type and length, so that ("ab", "c") and ("a", "bc") differ, and so do 1, "1"
    and True.

    Raises:
        ValueError: `time`, or a time among the facts, has no zone.
        TypeError: a fact is none of the types of `Fact`.
    """
    digest = hashlib.blake2b(digest_size=_ULID_RANDOM_BYTES)
    for fact in (time, *facts):
        tag, body = _canonical(fact)
        digest.update(b"%c%d:" % (tag, len(body)))
        digest.update(body)
    milliseconds = min(max(int(time.timestamp() * 1000), 0), _ULID_LAST_MS)
    return _ulid(milliseconds, digest.digest())


def ulid_time(ulid: str) -> datetime:
    """Return the instant in a ULID, in UTC with millisecond resolution.

    Raises:
        ValueError: `ulid` is none.
    """
    if not _ULID.fullmatch(ulid):
        raise ValueError("wanted a ULID: 26 characters of Crockford's base 32, the first at most 7")
    milliseconds = 0
    for digit in ulid[:10]:
        milliseconds = milliseconds << 5 | _CROCKFORD_VALUES[digit]
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _ulid(milliseconds: int, random: bytes) -> str:
    """Write 48 bits of time and 80 more in Crockford's base 32, five bits a character."""
    number = milliseconds << 80 | int.from_bytes(random)
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def _canonical(fact: Fact | Enum) -> tuple[bytes, bytes]:
    """One fact as a type letter and unambiguous bytes."""
    plain = fact.value if isinstance(fact, Enum) else fact
    if isinstance(plain, datetime):
        if plain.tzinfo is None:
            raise ValueError("an event id needs times with a zone")
        return b"t", plain.astimezone(UTC).isoformat(timespec="microseconds").encode()
    if isinstance(plain, str):
        return b"s", plain.encode("utf-8", "surrogatepass")
    if isinstance(plain, bytes):
        return b"y", plain
    if plain is None or isinstance(plain, bool | int | float):
        return type(plain).__name__[:1].encode(), repr(plain).encode()
    raise TypeError(f"no event id can be derived from a {type(fact).__name__}")
