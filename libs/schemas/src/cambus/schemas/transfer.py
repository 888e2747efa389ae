"""Reading a bulk transfer: one request for each chunk, so that the reader sets the pace and nothing is lost.

The reader asks on `cambus.v1.xfer.<session>` with a `TransferReadRequest`. The answer's body is the bytes
themselves, its header `Cambus-Chunk` repeats the number, `Cambus-Last: true` marks the last chunk. Chunks are
asked for in order; asking for the previous one again gives it again, so that a lost answer costs a repeat and
no more. A transfer nobody reads for 60 s ends. Failures are error replies as for every command.
"""

from pydantic import Field

from cambus.schemas.model import Message, example

CHUNK_BYTES = 256 * 1024
"""The usual size of a chunk; never above the server's `max_payload` less 4 KiB."""

IDLE_S = 60.0
"""Seconds without a request after which a transfer ends."""


class TransferReadRequest(Message):
    """Ask for one chunk."""

    model_config = example(chunk=0)

    chunk: int = Field(ge=0, description="Its number, from 0; the next one, or the last one again.")
