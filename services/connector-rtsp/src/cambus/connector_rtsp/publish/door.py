"""A connection of a publisher, whatever it speaks: let in, watched, ended."""

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Sequence
from typing import Final, Protocol, cast

from cambus.connector.errors import EndReason
from cambus.connector_rtsp.publish.gate import Gate, Known
from cambus.connector_rtsp.publish.publication import Publication
from cambus.media.mpegps import StreamUnit
from cambus.schemas.ids import StreamName
from cambus.schemas.state.credentials import Credentials

logger = logging.getLogger(__name__)

GUEST_S: Final = 15.0
"""How long a connection may take to begin to publish."""
MOST_UNREAD_BYTES: Final = 256 * 1024
"""Replies a publisher may leave unread."""
SILENCE_S: Final = 30.0
"""A connection that says nothing for so long is over, whatever its record says of pictures."""


class House(Protocol):
    """Where the connections of publishers live."""

    gate: Gate

    def came(self, door: "Door") -> None:
        """A connection was made."""

    def left(self, door: "Door") -> None:
        """It is gone."""


class Door(asyncio.Protocol):
    """One connection.

    Args:
        house: where it lives.

    Attributes:
        by: what it speaks.
        met: whether the connection has come to it.
    """

    by = ""
    met = False

    def __init__(self, house: House) -> None:
        self._house = house
        self._gate = house.gate
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()
        self._transport: asyncio.Transport | None = None
        self._address = ""
        self._guest = False
        self._known: Known | None = None
        self._publication: Publication | None = None

    def expect(self) -> None:
        """The connection that will come is counted as a guest already."""
        self._guest = True

    # --- the transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it in, or not."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if peer else ""
        self.met = True
        why = None if self._guest else self._gate.guests.admit(self._address, self._loop.time())
        if why is not None:
            self._gate.metrics.attempt(self.by, why)
            self._turn_away(self._transport)
            self._transport.close()
            self._transport = None
            return
        self._guest = True
        self._house.came(self)

    def data_received(self, data: bytes) -> None:
        """Bytes of the publisher."""
        if self._transport is not None and not self._transport.is_closing():
            self._heard(data, self._loop.time())
            self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        del exc
        if self._transport is not None:
            self._transport = None
            self.unpublish(EndReason.CONNECTION_LOST, "the publisher's connection is gone")
            self._no_guest()
            self._cleaned()
            self._house.left(self)

    # --- the house's calls

    def check(self, now: float) -> None:
        """Look whether it is alive; called about once a second."""
        if self._transport is None or self._transport.is_closing():
            return
        self._tick(now)
        publication = self._publication
        if publication is None and now - self._since >= GUEST_S:
            self._gate.metrics.attempt(self.by, "silent")
            self.close()
        elif publication is not None and self._known is not None:
            stall_s = self._known.options.stall_s
            if publication.unseen_s >= stall_s:
                self.unpublish(EndReason.TIMEOUT, f"no picture for {stall_s:g} s")
        self._flush()

    def close(self, why: str = "") -> None:
        """Hang up, once what is to be said has been said."""
        del why
        if self._transport is not None and not self._transport.is_closing():
            for chunk in self._to_send():
                self._transport.write(chunk)
            self._transport.close()

    def abort(self) -> None:
        """Hang up, whatever is left to be said."""
        if self._transport is not None:
            self._transport.abort()

    # --- what differs

    @abstractmethod
    def _heard(self, data: bytes, now: float) -> None:
        """Take bytes."""

    @abstractmethod
    def _tick(self, now: float) -> None:
        """Time has passed."""

    @abstractmethod
    def _to_send(self) -> Sequence[bytes]:
        """What is to be written."""

    @property
    @abstractmethod
    def _over(self) -> bool:
        """Whether the dialog is over, and the connection to be closed."""

    def _turn_away(self, transport: asyncio.Transport) -> None:
        """Say that it may not come in, where the protocol has words for that."""

    def _cleaned(self) -> None:
        """Give back what the connection had."""

    # --- publishing

    def publish(self, known: Known, account: Credentials, publication: Publication) -> None:
        """The stream begins."""
        self._known, self._publication = known, publication
        self._gate.guests.succeeded(self._address)
        self._no_guest()
        logger.info(
            "publisher came",
            extra={
                "device": known.record.id,
                "channel": publication.channel,
                "stream": publication.stream,
                "by": self.by,
                "source": self._address,
            },
        )
        self._gate.came(known, account, publication)

    def unpublish(self, reason: EndReason, text: str) -> None:
        """The stream ends, and with it the connection; the first reason counts."""
        publication, self._publication = self._publication, None
        if publication is None or self._known is None:
            return
        self._count(publication)
        publication.end(reason, text)
        self._gate.left(self._known, publication)
        self.close()

    def deliver(self, units: Sequence[StreamUnit]) -> None:
        """Media has come."""
        if self._publication is not None:
            self._publication.deliver(units)

    def new_publication(self, known: Known, channel: int, stream: StreamName, software: str) -> Publication:
        """A stream that is about to begin."""
        return Publication(
            self.by,
            channel,
            stream,
            address=self._address,
            software=software,
            audio=known.options.audio,
            hang_up=self._hung_up,
        )

    def _hung_up(self, why: str) -> None:
        """Somebody else has ended the stream."""
        self.unpublish(EndReason.HANDED_OVER, why)

    def _count(self, publication: Publication) -> None:
        """What is known of the stream's faults, for those who look at them."""

    def _no_guest(self) -> None:
        if self._guest:
            self._guest = False
            self._gate.guests.left(self._address)

    def _flush(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        for chunk in self._to_send():
            transport.write(chunk)
        if self._over:
            self.unpublish(EndReason.CONNECTION_LOST, "the publisher ended the connection")
            transport.close()
        elif transport.get_write_buffer_size() > MOST_UNREAD_BYTES:
            transport.abort()
