"""What all devices of the connector share; complete once the service has started."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from cambus.connector_gb28181.known import KnownDevices
from cambus.connector_gb28181.orphans import OpenDialogs
from cambus.connector_gb28181.settings import Gb28181Settings
from cambus.connector_gb28181.signalling import Signalling
from cambus.connector_gb28181.web_site import WebSite

DECODERS: Final = 2


@dataclass(slots=True)
class Hub:
    """What all devices share.

    Attributes:
        settings: of the connector.
        known: what devices have said of themselves.
        syncs: how many are asked for their catalog at a time.
        decoding: how many pictures are decoded at a time.
        web: what devices reach over HTTP.
    """

    settings: Gb28181Settings
    known: KnownDevices
    syncs: asyncio.Semaphore
    web: WebSite
    decoding: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(DECODERS))
    _signalling: Signalling | None = field(default=None)
    _dialogs: OpenDialogs | None = field(default=None)

    @property
    def signalling(self) -> Signalling:
        """The platform; there before the first device can register."""
        assert self._signalling is not None  # noqa: S101 - the service sets it before it listens
        return self._signalling

    @property
    def dialogs(self) -> OpenDialogs:
        """The media sessions as they are kept; there before the first device can register."""
        assert self._dialogs is not None  # noqa: S101 - the service sets it before it listens
        return self._dialogs

    def attach(self, signalling: Signalling, dialogs: OpenDialogs) -> None:
        """The platform is there."""
        self._signalling, self._dialogs = signalling, dialogs
