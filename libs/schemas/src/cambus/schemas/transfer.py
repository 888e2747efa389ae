"""Reading a bulk transfer: one request for each chunk, so that the reader sets the pace and nothing is lost.

The reader asks on `cambus.v1.xfer.<session>` with a `TransferReadRequest`: so many bytes from this offset. The answer's
body is the bytes themselves (`Content-Type: application/octet-stream`), at most as many as were asked for, and none if
there are none yet after some seconds: ask again. Its header `Cambus-Offset` repeats the offset. Behind the last byte
the answer is a `TransferEnd` instead: how it ended, how many bytes there were and their SHA-256, to check what was put
together.

The sender keeps `WINDOW_BYTES` behind the furthest byte asked for, and reads ahead as far: a chunk whose answer was
lost can be asked for again, a reader may ask for several chunks at a time, and a slow reader slows the device down.
What lies further back is gone (409 `chunk-gone`), what lies further ahead is refused (400). One reader at a time: two
would tear the window apart. A transfer nobody reads for `IDLE_S` seconds ends; after that, and when its connector is
gone, the subject has no responders (503), and the reader begins again with `resume` (see `recording.download`).
Failures are error replies as for every command.
"""

from typing import Final

from pydantic import Field

from cambus.schemas.ids import Sha256
from cambus.schemas.model import Message, Vocabulary, example

CHUNK_BYTES: Final = 256 * 1024
"""The usual size of a chunk; never above the server's `max_payload` less 4 KiB."""

WINDOW_BYTES: Final = 2 * 1024 * 1024
"""What a sender keeps behind the furthest byte asked for, and reads ahead of it."""

IDLE_S: Final = 30.0
"""Seconds without a request after which a transfer ends."""

OCTETS: Final = "application/octet-stream"
"""The content type of a chunk."""

_DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class TransferReadRequest(Message):
    """Ask for one chunk."""

    model_config = example(offset=262144, max_bytes=262144)

    offset: int = Field(ge=0, description="Of the first byte wanted, from the beginning of the whole.")
    max_bytes: int = Field(
        default=CHUNK_BYTES, ge=1, le=16 * 1024 * 1024, description="At most so many; fewer may come."
    )


class TransferResume(Message):
    """What the reader of an earlier transfer has already: the same is produced again and compared."""

    model_config = example(bytes=1048576, sha256=_DIGEST)

    bytes: int = Field(ge=0, description="So many bytes from the beginning.")
    sha256: Sha256 = Field(description="SHA-256 of these, lower-case hex.")


class TransferOutcome(Vocabulary):
    """How a transfer, or a part of one, ended."""

    COMPLETE = "complete"
    TRUNCATED = "truncated"
    INTERRUPTED = "interrupted"


class TransferPart(Message):
    """One of the pieces a transfer is put together from, such as a recording."""

    model_config = example(
        name="/idea0/2026-02-01/001/10.08.41-10.23.30[R][@7cb][0].h264",
        offset=0,
        bytes=46137344,
        outcome="complete",
    )

    name: str = Field(max_length=500, description="What it is; a recording's id.")
    offset: int = Field(ge=0, description="Where in the whole it begins.")
    bytes: int = Field(ge=0, description="Its size.")
    outcome: TransferOutcome = Field(description="Whether all of it came.")


class TransferEnd(Message):
    """There are no more bytes: what the whole was."""

    model_config = example(
        outcome="complete",
        reason=None,
        text="",
        bytes=46137344,
        sha256=_DIGEST,
        parts=[
            {
                "name": "/idea0/2026-02-01/001/10.08.41-10.23.30[R][@7cb][0].h264",
                "offset": 0,
                "bytes": 46137344,
                "outcome": "complete",
            }
        ],
    )

    outcome: TransferOutcome = Field(
        description="`complete`: all there is. `truncated`: the source ended early, asking again will give no more. "
        "`interrupted`: it broke off; begin again with `resume`."
    )
    reason: str | None = Field(default=None, max_length=100, description="Why it is not complete, as a slug.")
    text: str = Field(default="", max_length=1000, description="Why it is not complete, in words.")
    bytes: int = Field(ge=0, description="Size of the whole, what was resumed included.")
    sha256: Sha256 = Field(description="SHA-256 of the whole, what was resumed included.")
    parts: list[TransferPart] = Field(
        default_factory=list, max_length=1000, description="What it was put together from; the first 1000."
    )
