"""Which stream: device, channel, encoder stream or playback session."""

from dataclasses import dataclass
from typing import cast

from pydantic import TypeAdapter, ValidationError

from cambus.schemas import subjects
from cambus.schemas.errors import NotFound
from cambus.schemas.ids import RECORDER_SESSION_PREFIX, SESSION_PREFIX, MediaStream, StreamName, is_token

_STREAM: TypeAdapter[str] = TypeAdapter(MediaStream)
_MAX_CHANNEL = 65535


@dataclass(frozen=True, slots=True)
class StreamKey:
    """One stream of one channel of one device; `str()` gives `device/channel/stream`."""

    device: str
    channel: int
    stream: str

    @property
    def subject(self) -> str:
        """Where its frames flow."""
        return subjects.media_subject(self.device, self.channel, self.stream)

    @property
    def live(self) -> bool:
        """Whether it has to be claimed; a playback session already runs for whoever started it."""
        return not self.stream.startswith(SESSION_PREFIX)

    @property
    def of_recorder(self) -> bool:
        """Whether it is a playback of the recorder: its device has nothing to do with it, and may be gone."""
        return self.stream.startswith(SESSION_PREFIX + RECORDER_SESSION_PREFIX)

    @property
    def session(self) -> str:
        """The playback session; only of a stream that is not live."""
        return self.stream.removeprefix(SESSION_PREFIX)

    @property
    def encoder(self) -> StreamName:
        """The stream as commands name it; only of a live one."""
        return cast("StreamName", self.stream)

    def __str__(self) -> str:
        return f"{self.device}/{self.channel}/{self.stream}"


def parse_key(device: str, channel: str, stream: str) -> StreamKey:
    """Read the three parts of a URL.

    Raises:
        NotFound: they name no stream that could exist.
    """
    number = int(channel) if channel.isascii() and channel.isdigit() and len(channel) <= 5 else -1
    try:
        _STREAM.validate_python(stream)
    except ValidationError:
        raise NotFound(
            "no such stream: wanted main, sub, third, fourth or s-<session>", reason="no-such-stream"
        ) from None
    if not is_token(device) or not 0 <= number <= _MAX_CHANNEL:
        raise NotFound("no such channel", reason="no-such-channel")
    return StreamKey(device, number, stream)
