"""Subjects: how each is written, how it is read back, and the wildcards to subscribe with.

    cambus.v1.cmd.<device>.<noun>.<verb>                command to a device, core request/reply
    cambus.v1.svc.<service>.<noun>.<verb>               command to a service, core request/reply
    cambus.v1.evt.<device>.<noun>.<past tense>          event, in the stream CAMBUS_EVENTS
    cambus.v1.media.<device>.<channel>.<stream>         media frames, core, lossy; a playback is
    `s-<session>`,
                                                        audio for the device's loudspeaker `t-<session>`
    cambus.v1.xfer.<session>                            bulk transfer, a request per chunk
    cambus.v1.dead.<consumer>                           what a consumer gave up on, in CAMBUS_DEAD_LETTERS

A verb may have one dot (`preset.goto`), nothing else may have any. Every writer here checks its tokens, so
that nothing a caller or a device says can address something else.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cambus.schemas.ids import SESSION_PREFIX, TALK_PREFIX, is_name, is_token

PREFIX: Final = "cambus.v1"
EVENTS: Final = f"{PREFIX}.evt.>"
DEAD_LETTERS: Final = f"{PREFIX}.dead.>"

VERB_PATTERN: Final = r"^[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)?$"
_VERB = re.compile(VERB_PATTERN)
_MAX_SUBJECT = 512


@dataclass(frozen=True, slots=True)
class CommandSubject:
    """A command to a device."""

    device: str
    noun: str
    verb: str


@dataclass(frozen=True, slots=True)
class ServiceSubject:
    """A command to a service."""

    service: str
    noun: str
    verb: str


@dataclass(frozen=True, slots=True)
class EventSubject:
    """An event of a device."""

    device: str
    noun: str
    past: str


@dataclass(frozen=True, slots=True)
class MediaSubject:
    """The frames of one stream: an encoder stream, `s-<session>` or `t-<session>`."""

    device: str
    channel: int
    stream: str

    @property
    def session(self) -> str | None:
        """The session of a playback or a talk, None for a live stream."""
        for prefix in (SESSION_PREFIX, TALK_PREFIX):
            if self.stream.startswith(prefix):
                return self.stream.removeprefix(prefix)
        return None


def command_subject(device: str, noun: str, verb: str) -> str:
    """Return where a command to a device goes. Raises ValueError for a bad token, as every function here."""
    return f"{PREFIX}.cmd.{_token('device', device)}.{_name('noun', noun)}.{_verb(verb)}"


def service_subject(service: str, noun: str, verb: str) -> str:
    """Return where a command to a service goes."""
    return f"{PREFIX}.svc.{_name('service', service)}.{_name('noun', noun)}.{_verb(verb)}"


def event_subject(device: str, noun: str, past: str) -> str:
    """Return where an event of a device is published; `past` is the past tense (`raised`)."""
    return f"{PREFIX}.evt.{_token('device', device)}.{_name('noun', noun)}.{_verb(past)}"


def media_subject(device: str, channel: int, stream: str) -> str:
    """Return where the frames of a live stream (`main`) or of a playback (`s-<session>`) flow."""
    return f"{PREFIX}.media.{_token('device', device)}.{_channel(channel)}.{_token('stream', stream)}"


def playback_subject(device: str, channel: int, session: str) -> str:
    """Return where the frames of one playback session flow."""
    return media_subject(device, channel, SESSION_PREFIX + session)


def talk_subject(device: str, channel: int, session: str) -> str:
    """Return where audio frames for the device's loudspeaker are published during one talk session."""
    return media_subject(device, channel, TALK_PREFIX + session)


def transfer_subject(session: str) -> str:
    """Return where the chunks of one bulk transfer are asked for."""
    return f"{PREFIX}.xfer.{_token('session', session)}"


def dead_letter_subject(consumer: str) -> str:
    """Return where a durable consumer publishes what it gives up on."""
    return f"{PREFIX}.dead.{_token('consumer', consumer)}"


def device_commands(device: str) -> str:
    """Return the wildcard over every command to one device."""
    return f"{PREFIX}.cmd.{_token('device', device)}.>"


def events(device: str = "*", noun: str = "*", past: str = ">") -> str:
    """Return the wildcard over events; each part narrows it (`events(noun="alarm")`)."""
    parts = (
        _star_or(_token, "device", device),
        _star_or(_name, "noun", noun),
        past if past == ">" else _verb(past),
    )
    return f"{PREFIX}.evt.{'.'.join(parts)}"


def media(device: str = "*", channel: int | None = None, stream: str = "*") -> str:
    """Return the wildcard over media subjects; each part narrows it."""
    parts = (
        _star_or(_token, "device", device),
        "*" if channel is None else _channel(channel),
        _star_or(_token, "stream", stream),
    )
    return f"{PREFIX}.media.{'.'.join(parts)}"


def parse_command(subject: str) -> CommandSubject:
    """Read a command subject back. Raises ValueError for anything that is none, as every parser here."""
    device, noun, verb = _split(subject, "cmd")
    return CommandSubject(_token("device", device), _name("noun", noun), _verb(verb))


def parse_service(subject: str) -> ServiceSubject:
    """Read a service command subject back."""
    service, noun, verb = _split(subject, "svc")
    return ServiceSubject(_name("service", service), _name("noun", noun), _verb(verb))


def parse_event(subject: str) -> EventSubject:
    """Read an event subject back."""
    device, noun, past = _split(subject, "evt")
    return EventSubject(_token("device", device), _name("noun", noun), _verb(past))


def parse_media(subject: str) -> MediaSubject:
    """Read a media subject back, live or playback."""
    device, channel, stream = _split(subject, "media")
    return MediaSubject(_token("device", device), _number(channel), _token("stream", stream))


def parse_transfer(subject: str) -> str:
    """Read the session of a transfer subject."""
    return _token("session", _rest(subject, "xfer"))


def parse_dead_letter(subject: str) -> str:
    """Read the consumer of a dead-letter subject."""
    return _token("consumer", _rest(subject, "dead"))


def _rest(subject: str, kind: str) -> str:
    start = f"{PREFIX}.{kind}."
    if len(subject) > _MAX_SUBJECT or not subject.startswith(start):
        raise ValueError(f"subject: wanted {start}…")
    return subject[len(start) :]


def _split(subject: str, kind: str) -> list[str]:
    """The three parts after the class; the last may hold a dot."""
    parts = _rest(subject, kind).split(".", 2)
    if len(parts) != 3:
        raise ValueError(f"subject: wanted three parts after {PREFIX}.{kind}")
    return parts


def _token(field: str, text: str) -> str:
    if not is_token(text):
        raise ValueError(f"{field}: wanted 1 to 64 of A-Z a-z 0-9 _ -")
    return text


def _name(field: str, text: str) -> str:
    if not is_name(text):
        raise ValueError(f"{field}: wanted a lower-case name")
    return text


def _verb(text: str) -> str:
    if not _VERB.fullmatch(text):
        raise ValueError("verb: wanted lower-case words with at most one dot")
    return text


def _channel(channel: int) -> str:
    if not 0 <= channel <= 65535:
        raise ValueError("channel: wanted 0 to 65535")
    return str(channel)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and str(int(text)) == text):
        raise ValueError("channel: wanted a decimal number")
    return int(_channel(int(text)))


def _star_or(check: Callable[[str, str], str], field: str, text: str) -> str:
    return text if text == "*" else check(field, text)
