"""What a protocol implements to become a connector: `Driver`, `Device`, `DeviceSession`, `DeviceStream`.

How to add a protocol
---------------------
1. Write the protocol as a library of its own, without a word about the bus.
2. In a service `connector-<protocol>`, implement four small classes:

   * `Driver`: one for the process. Names the protocol, says what it can do (`handlers`), and makes a `Device` of
     a record. It refuses a record that cannot work (`InvalidRecord`), naming the field.
   * `Device`: one for each record held here, over all its sessions. Holds what must survive a reconnect (which
     topology works, an upgrade under way). `connect` makes one session, or raises why not.
   * `DeviceSession`: one login. `description` says what the device is. `run` returns or raises (`SessionEnd`)
     when the session is dead, and not before. `close` says goodbye and frees everything, whatever state it is in.
   * `DeviceStream`: one live stream of a session. `run` feeds the sink until the stream is dead.

3. Write one handler for each command the protocol can do (`cambus.connector.handlers`): model in, model out,
   `CambusError` for what the caller should know. What is missing is answered 501 by itself.
4. `run_connector(driver, Settings)` in `__main__`.
5. If devices dial in: add `identity` to the driver (`InboundDriver`) and `accept` to its devices (`InboundDevice`), and
   hand each connection that has authenticated to `ConnectorService.inbound` (`cambus.connector.inbound`).

Everything else is done here: which devices exist, which of them this replica holds, when to try again, presence,
claims, numbering and publishing frames, the outbox for events, metrics, health and the drain at a stop.

The rules of the contract: a driver never retries a connection (the supervisor does); never sleeps through a
cancellation; keeps every queue bounded; raises only `SessionEnd` out of `connect` and `run`, and only
`CambusError` out of handlers and `open_stream` (anything else is a defect, and logged as one).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar, runtime_checkable

from cambus.connector.context import DeviceContext
from cambus.connector.handlers import HandlerTable
from cambus.media.frame import Frame
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.events.device import Connection
from cambus.schemas.state.credentials import Credentials
from cambus.schemas.state.devices import DeviceRecord


@dataclass(frozen=True, slots=True)
class DeviceDescription:
    """What a session found out about its device; goes into presence.

    Attributes:
        vendor, model, serial, hardware_version, software_version: as the device spells them, untrusted text.
        build_time: when its firmware was built.
        channels: all channels, ascending.
        connection: `dialled` if we called the device, `registered` if it called us.
        encrypted: whether the session is; None if unknown.
        address: where the device called from; None for a device that was dialled at its record's address.
    """

    vendor: str = ""
    model: str = ""
    serial: str = ""
    hardware_version: str = ""
    software_version: str = ""
    build_time: datetime | None = None
    channels: tuple[ChannelInfo, ...] = ()
    connection: Connection = "dialled"
    encrypted: bool | None = None
    address: str | None = None

    def channel(self, number: int) -> ChannelInfo | None:
        """Return what is known of a channel, None if the device has no such channel."""
        return next((channel for channel in self.channels if channel.channel == number), None)


FrameSink = Callable[[Frame], Awaitable[Any]]
"""Takes one frame; its `seq` is filled in behind. Awaiting it never takes longer than the bus's socket."""


class DeviceStream(Protocol):
    """A live stream that a device has agreed to send."""

    @property
    def route(self) -> str:
        """By which systems below the device it comes, nearest first, with `-` between; empty where nobody says."""

    async def run(self) -> None:
        """Feed the sink until the stream ends; returns or raises `SessionEnd` with the reason."""

    async def request_keyframe(self) -> None:
        """Ask the encoder for a keyframe. Raises `Unsupported` where the device cannot."""

    async def close(self) -> None:
        """Tell the device to stop and free the connection; never raises, may be called twice."""


class DeviceSession(Protocol):
    """One login on one device."""

    @property
    def description(self) -> DeviceDescription:
        """What the device is; complete once `connect` has returned."""

    async def run(self) -> None:
        """Serve the session until it is dead. Raises `SessionEnd`; returning counts as a lost connection."""

    async def open_stream(self, channel: int, stream: str, sink: FrameSink) -> DeviceStream:
        """Have the device send a live stream; returns once it has agreed.

        Raises:
            CambusError: `NotFound` for a channel or stream it has not, `Offline` for a channel that is away …
        """

    async def close(self) -> None:
        """Stop streams, log out, close; bounded in time, never raises, may be called twice."""


class Link(Protocol):
    """A connection a device has made, and over which it has shown who it is."""

    @property
    def address(self) -> str:
        """Where it came from."""

    def end(self, why: str) -> None:
        """Hang up, now; may be called twice."""


SessionT = TypeVar("SessionT", bound=DeviceSession)
SessionT_co = TypeVar("SessionT_co", bound=DeviceSession, covariant=True)


class Device(Protocol[SessionT_co]):
    """One device, over all its sessions."""

    async def connect(self, credentials: Credentials | None) -> SessionT_co:
        """Establish one session: connect, log in, find out what the device is.

        Raises:
            CredentialsRefused: the account was refused.
            SessionEnd: anything else that kept it from coming up.
        """

    async def close(self) -> None:
        """The device is no longer held here: end what outlives sessions. Never raises."""


LinkT_contra = TypeVar("LinkT_contra", bound=Link, contravariant=True)


class InboundDevice(Device[SessionT_co], Protocol[SessionT_co, LinkT_contra]):
    """One device that dials us, over all its sessions. It is never asked to `connect`."""

    async def accept(self, link: LinkT_contra, credentials: Credentials) -> SessionT_co:
        """Make a session of a connection the device made: find out what it is.

        Args:
            link: the connection; the session owns it from here on, also if this raises.
            credentials: those it has shown.

        Raises:
            SessionEnd: whatever kept the session from coming up.
        """


@runtime_checkable
class InboundDriver(Protocol):
    """What a driver offers beside `Driver` if devices can dial in: records without an address may be such devices."""

    def identity(self, record: DeviceRecord) -> str | None:
        """Return what the device of a record calls itself when it dials in; None: it is dialled, as others are.

        Raises:
            InvalidRecord: the record does not say, or says something that can not be.
        """


class Driver(Protocol[SessionT]):
    """One protocol."""

    @property
    def protocol(self) -> str:
        """The name in device records: `dvrip`."""

    @property
    def handlers(self) -> HandlerTable[SessionT]:
        """The commands it answers, beside the live ones that the connector answers itself."""

    def device(self, record: DeviceRecord, context: DeviceContext) -> Device[SessionT]:
        """Make a device of a record, without any I/O.

        Raises:
            InvalidRecord: address or options cannot work; the text names the field and what was wanted.
        """
