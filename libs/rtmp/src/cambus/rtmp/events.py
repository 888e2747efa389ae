"""What a server connection tells its owner. `Publish` waits for a reply."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Publish:
    """A client wants to publish: answer with `accept_publish` or `reject_publish`.

    Attributes:
        app: what was connected to, with its query if it has one: `live/gate-1`.
        name: of the stream; usually a secret is in it.
        software: what the client calls itself, untrusted text.
    """

    app: str = field(repr=False)
    name: str = field(repr=False)
    software: str = ""


@dataclass(frozen=True, slots=True)
class Media:
    """A tag of the stream that is published.

    Attributes:
        video: whether it is of pictures; else of sound.
        timestamp: milliseconds, 32 bits.
        body: of the tag, as FLV has it.
    """

    video: bool
    timestamp: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unpublished:
    """The client has ended the stream, and been answered."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing more will be read. Flush `data_to_send`, then close the socket."""

    reason: str


Event = Publish | Media | Unpublished | Closed
