"""A device while it publishes: all its streams that come to this replica, as the one connection of a device."""

import asyncio
from collections.abc import Callable

from cambus.connector.errors import EndReason, SessionEnd
from cambus.connector.inbound import Inbound
from cambus.connector_rtsp.publish.publication import Publication
from cambus.schemas.state.credentials import Credentials

Key = tuple[int, str]


class Visitor:
    """The streams a device publishes; it is there as long as there is one.

    Args:
        address: where the first came from.

    Attributes:
        address: see above.
        publications: its streams, by channel and stream.
        over: why it is there no more; None while it is.
        on_change: called when a stream has come or gone.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.publications: dict[Key, Publication] = {}
        self.over: SessionEnd | None = None
        self.on_change: Callable[[], None] = lambda: None
        self._news = asyncio.Event()

    def add(self, publication: Publication) -> None:
        """A stream has come; a dead one in its place gives way."""
        key = (publication.channel, publication.stream)
        before = self.publications.get(key)
        self.publications[key] = publication
        publication.told = self._changed
        if before is not None:
            before.end(EndReason.REPLACED, "the stream is published anew")
        self._changed()

    def gone(self, publication: Publication) -> None:
        """A stream has ended."""
        key = (publication.channel, publication.stream)
        if self.publications.get(key) is not publication:
            return
        del self.publications[key]
        if not self.publications and self.over is None:
            self.over = publication.ended or SessionEnd(EndReason.CONNECTION_LOST, "the publisher is gone")
        self._changed()

    def end(self, why: str) -> None:
        """Hang up on all of them, now; may be called twice."""
        if self.over is None:
            self.over = SessionEnd(EndReason.HANDED_OVER, why)
        for publication in list(self.publications.values()):
            publication.end(EndReason.HANDED_OVER, why)
        self.publications.clear()
        self._changed()

    async def changed(self) -> None:
        """Wait until a stream has come or gone, or all is over."""
        self._news.clear()
        await self._news.wait()

    def _changed(self) -> None:
        self._news.set()
        self.on_change()


class Visitors:
    """The devices that publish to this replica.

    Args:
        inbound: takes a device that has come.
    """

    def __init__(self, inbound: Inbound) -> None:
        self._inbound = inbound
        self._visitors: dict[str, Visitor] = {}

    def occupied(self, device: str, key: Key) -> bool:
        """Whether a stream is published here by somebody who is alive."""
        visitor = self._visitors.get(device)
        publication = None if visitor is None else visitor.publications.get(key)
        return publication is not None and not publication.dead

    def came(self, device: str, publication: Publication, credentials: Credentials) -> None:
        """A stream of a device has come: with it the device, if it is the first."""
        visitor = self._visitors.get(device)
        if visitor is None or visitor.over is not None:
            visitor = self._visitors[device] = Visitor(publication.address)
            visitor.add(publication)
            self._inbound.welcome(device, visitor, credentials)
        else:
            visitor.add(publication)

    def left(self, device: str, publication: Publication) -> None:
        """A stream of a device has ended."""
        visitor = self._visitors.get(device)
        if visitor is not None:
            visitor.gone(publication)
            if visitor.over is not None:
                del self._visitors[device]
