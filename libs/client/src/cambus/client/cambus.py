"""The whole of the bus in one object: `async with Cambus.connect(url) as cambus`."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeVar

from cambus.client import discovery, pictures
from cambus.client.calling import BusClient
from cambus.client.connection import Connection
from cambus.client.event_history import stored_events
from cambus.client.follow import follow
from cambus.client.frames import Frames, LiveFrames
from cambus.client.generated.device import Device
from cambus.client.generated.services import Services
from cambus.client.kv import KeyValue
from cambus.client.login import LOCAL, Login, default_instance, servers_of
from cambus.client.opening import open_within
from cambus.client.received import ReceivedEvent
from cambus.client.taking import take
from cambus.client.transfer_reader import TransferReader
from cambus.client.wanted import wanted_subjects
from cambus.schemas.assets import KV_DEVICES, KV_PRESENCE
from cambus.schemas.codec import MSGPACK
from cambus.schemas.events.alarm import RAISED, AlarmRaised
from cambus.schemas.events.base import Event
from cambus.schemas.ids import StreamName
from cambus.schemas.model import Message
from cambus.schemas.objects import ObjectRef
from cambus.schemas.spec import CommandSpec, EventSpec
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.presence import Presence

Req = TypeVar("Req", bound=Message)
Rep = TypeVar("Rep", bound=Message)
E = TypeVar("E", bound=Event)

CONNECT_S = 5.0


class Cambus(Services):
    """Everything a client does on the bus.

    A command that fails raises a `CambusError` of `cambus.schemas.errors` (`code`, `reason`, `text`, `device_code`,
    `retryable`); what goes wrong between here and NATS otherwise is a `BusError` of `cambus.client.errors`.

    Args:
        connection: an open connection.
        content_type: what commands are sent in, `MSGPACK` or `JSON` of `cambus.schemas.codec`.
        caller: who asks, for the audit log of whoever answers.

    Attributes:
        connection: the connection.
        client: calls commands, of any spec.
        devices: which devices there are to be, by device id.
        presence: what is known of each device now, by device id.
    """

    def __init__(self, connection: Connection, *, content_type: str = MSGPACK, caller: str = "") -> None:
        self.connection = connection
        self.client = BusClient(connection, content_type, caller=caller)
        super().__init__(self.client)
        self.devices = KeyValue(connection, KV_DEVICES, DeviceRecord)
        self.presence = KeyValue(connection, KV_PRESENCE, Presence)

    @classmethod
    @asynccontextmanager
    async def connect(
        cls,
        url: str = LOCAL,
        *,
        user: str | None = None,
        password_file: Path | str | None = None,
        nkey_file: Path | str | None = None,
        creds_file: Path | str | None = None,
        ca_file: Path | str | None = None,
        cert_file: Path | str | None = None,
        key_file: Path | str | None = None,
        name: str = "client",
        within_s: float = CONNECT_S,
    ) -> "AsyncIterator[Cambus]":
        """Connect, and disconnect at the end of the block.

        Args:
            url: addresses of NATS, with commas between: nats://, tls://, ws:// or wss://.
            user: user name.
            password_file: file with the password.
            nkey_file: file with the seed (SU…) of the user; takes `cambus-client[nkeys]`.
            creds_file: `.creds` file; takes `cambus-client[nkeys]`.
            ca_file: who vouches for the server, unless the system knows (PEM).
            cert_file: our certificate, where the server wants one (PEM).
            key_file: the key of that certificate (PEM).
            name: of the connection; its answers come in under `_INBOX.<name>.>`, which the user must be allowed.
            within_s: how long to wait for NATS, in seconds.

        Raises:
            LoginRefused: NATS does not let us in.
            BusUnavailable: no NATS answers in time.
            ValueError: what is given does not fit together, or a file is not what it is said to be.
            OSError: a file cannot be read.
            ModuleNotFoundError: an nkey or a `.creds` file, without `cambus-client[nkeys]`.
        """
        login = Login(
            servers=servers_of(url),
            user=user,
            password_file=_path(password_file),
            creds_file=_path(creds_file),
            nkey_file=_path(nkey_file),
            ca_file=_path(ca_file),
            cert_file=_path(cert_file),
            key_file=_path(key_file),
            instance=default_instance(),
        )
        connection = Connection(login, name=name)
        await open_within(connection, within_s)
        try:
            yield cls(connection)
        finally:
            await connection.close()

    # --- commands ---------------------------------------------------------------------------------------

    def device(self, device: str) -> Device:
        """Return the commands of a device: `await cambus.device("gate").ptz.move(channel=0, pan=0.5)`."""
        return Device(self.client, device)

    async def call(
        self,
        spec: CommandSpec[Req, Rep],
        request: Req,
        *,
        device: str | None = None,
        within_s: float | None = None,
    ) -> Rep:
        """Send any command of the catalog; `device` for one to a device. Raises CambusError."""
        return await self.client.call(spec, request, device=device, timeout_s=within_s)

    async def services(self) -> list[discovery.Instance]:
        """Return every running replica of every service: version, since when, requests, errors."""
        return await discovery.running_services(self.connection)

    # --- events -----------------------------------------------------------------------------------------

    def events(
        self,
        *names: str,
        device: str | None = None,
        since: datetime | None = None,
        after_seq: int | None = None,
    ) -> AsyncIterator[ReceivedEvent]:
        """Follow events as they happen, in order, without end; an outage of NATS leaves no hole.

        Args:
            names: which: `alarm.raised`, or `alarm` for all about alarms; none: all.
            device: of this device only.
            since: begin with what was stored then (a time with a zone); None: with the next.
            after_seq: begin behind this event: its `seq`, to go on where an earlier run was.

        Raises:
            ValueError: there is no such event.
            AssetNotFound: there is no stream of events yet.
        """
        wanted = wanted_subjects([] if device is None else [device], names)
        return follow(self.connection, wanted, after_seq=after_seq, since=since)

    def past_events(
        self, *names: str, since: datetime, until: datetime | None = None, device: str | None = None
    ) -> AsyncIterator[ReceivedEvent]:
        """Read events that were stored between two instants, oldest first. Arguments and errors as of `events`."""
        wanted = wanted_subjects([] if device is None else [device], names)
        return stored_events(self.connection, wanted, since, until=until)

    def take_events(
        self,
        durable: str,
        *names: str,
        device: str | None = None,
        deliver: Literal["all", "new"] = "new",
    ) -> AsyncIterator[ReceivedEvent]:
        """Take events under a durable name: each is done with, and acknowledged, when the next is asked for.

        What was not done comes again, after a crash too; programs with the same name share the events.

        Args:
            durable: the name.
            names: as of `events`.
            device: as of `events`.
            deliver: where a new name begins: with `all` that is kept (7 days), or with what is `new`. The same each
                time: NATS refuses another.
        """
        wanted = wanted_subjects([] if device is None else [device], names)
        return take(self.connection, durable, wanted, deliver=deliver)

    async def each(
        self, spec: EventSpec[E], *, device: str | None = None, since: datetime | None = None
    ) -> AsyncIterator[E]:
        """Follow events of one kind, typed. Arguments as of `events`."""
        async for received in self.events(spec.name, device=device, since=since):
            if isinstance(received.event, spec.model):
                yield received.event

    def alarms(
        self, *, device: str | None = None, since: datetime | None = None
    ) -> AsyncIterator[AlarmRaised]:
        """Follow alarms as they are raised. Arguments as of `events`."""
        return self.each(RAISED, device=device, since=since)

    # --- state and files --------------------------------------------------------------------------------

    async def device_records(self) -> Mapping[str, DeviceRecord]:
        """Return the devices there are to be, by id. Raises BusError."""
        return {device: entry.value for device, entry in (await self.devices.items()).items()}

    async def presences(self) -> Mapping[str, Presence]:
        """Return what is known of each device now, by id. Raises BusError."""
        return {device: entry.value for device, entry in (await self.presence.items()).items()}

    async def snapshot(
        self, device: str, channel: int = 0, *, stream: StreamName = "main", within_s: float | None = None
    ) -> bytes:
        """Take a still picture, JPEG as a rule. Raises CambusError, and as `fetch`."""
        picture = await self.device(device).snapshot.take(channel=channel, stream=stream, within_s=within_s)
        return await self.fetch(picture)

    async def fetch(self, ref: ObjectRef, *, max_bytes: int = pictures.MAX_BYTES) -> bytes:
        """Return the picture or file a reply or an event refers to; its digest is checked.

        Raises:
            KeyError: it is no longer kept.
            ValueError: it is larger than `max_bytes`.
            ObjectDamaged, BusError: it cannot be had.
        """
        return await pictures.fetch(self.connection, ref, max_bytes=max_bytes)

    def frames(self, device: str, channel: int = 0, stream: StreamName = "main") -> LiveFrames:
        """Return the frames of a camera, to be read by `async for`: access units and packets of sound.

        The device sends as long as somebody reads. Errors: see `LiveFrames`.
        """
        return LiveFrames(self.connection, self.client, device, channel, stream)

    def frames_on(self, subject: str) -> Frames:
        """Return the frames of a media subject that somebody else keeps up, such as a playback's, until its end."""
        return Frames(self.connection, subject)

    def transfer(self, subject: str, *, offset: int = 0) -> TransferReader:
        """Return what reads the chunks of a file a device hands out: the `subject` of a reply such as a download's."""
        return TransferReader(self.connection, subject, offset=offset)


def _path(given: Path | str | None) -> Path | None:
    return None if given is None else Path(given)
