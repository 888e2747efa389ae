"""A publisher that speaks RTSP: ANNOUNCE, SETUP, RECORD, then packets in the connection or by UDP."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Final

from cambus.connector.errors import EndReason
from cambus.connector_rtsp.mapping.device import track_facts
from cambus.connector_rtsp.publish.door import SILENCE_S, Door, House
from cambus.connector_rtsp.publish.gate import Known, RefusedError
from cambus.connector_rtsp.publish.places import Place, rtsp_place
from cambus.connector_rtsp.publish.publication import Publication
from cambus.media.mpegps import StreamUnit
from cambus.rtsp import (
    Announced,
    Authenticator,
    Closed,
    Event,
    Lower,
    Record,
    Response,
    RtspRecordConnection,
    SetUp,
    Status,
    Teardown,
    TrackData,
)
from cambus.rtsp.client_errors import Unreachable
from cambus.rtsp.description import Track
from cambus.rtsp.track_readers import TrackReaders
from cambus.rtsp.udp_ports import UdpPorts
from cambus.schemas.state.credentials import Credentials

REALM: Final = "Cambus"
REPORT_S: Final = 5.0
"""How often a publisher over UDP hears that we are there (RFC 3550 §6.2)."""
REASON: Final = "X-Cambus-Reason"
_STATUS: Final = {
    "not-found": Status.NOT_FOUND,
    "already-published": Status.FORBIDDEN,
    "full": Status.NOT_ENOUGH_BANDWIDTH,
    "no-picture": Status.UNSUPPORTED_MEDIA_TYPE,
}


class RtspDoor(Door):
    """One publisher's connection.

    Args:
        house: where it lives.
        udp: whether packets may come by UDP.
    """

    by = "rtsp"

    def __init__(self, house: House, *, udp: bool) -> None:
        super().__init__(house)
        transports = (Lower.TCP, Lower.UDP) if udp else (Lower.TCP,)
        self._dialog = RtspRecordConnection(
            self._loop.time(), transports=transports, session_timeout_s=SILENCE_S
        )
        self._accounts: Sequence[Credentials] = ()
        self._tried: Credentials | None = None
        self._auth = Authenticator(REALM, self._password_of)
        self._place: Place | None = None
        self._account: Credentials | None = None
        self._readers: TrackReaders | None = None
        self._ports: dict[int, UdpPorts] = {}
        self._report_at = 0.0
        self._opening: asyncio.Task[None] | None = None

    # --- the connection

    def _heard(self, data: bytes, now: float) -> None:
        self._dialog.receive_data(data, now)
        self._work(now)

    def _work(self, now: float) -> None:
        """Work off what the dialog has; a reply may make it go on."""
        units: list[StreamUnit] = []
        while events := self._dialog.events_received():
            for event in events:
                if isinstance(event, TrackData):
                    units += self._packet(event.track, event.data, now, rtcp=event.rtcp)
                else:
                    self._react(event, now)
        self.deliver(units)

    def _react(self, event: Event, now: float) -> None:
        try:
            if isinstance(event, Announced):
                self._announced(event, now)
            elif isinstance(event, SetUp):
                self._set_up(event)
            elif isinstance(event, Record):
                self._record()
            elif isinstance(event, Teardown):
                self.unpublish(EndReason.FORCED_LOGOUT, "the publisher has ended the stream")
            elif isinstance(event, Closed) and event.context:
                self._gate.metrics.attempt(self.by, "broken")
                self.unpublish(EndReason.PROTOCOL_ERROR, event.reason)
        except RefusedError as refused:
            self._gate.metrics.attempt(self.by, refused.reason)
            self._dialog.reject(_STATUS[refused.reason], ((REASON, refused.reason),))

    def _tick(self, now: float) -> None:
        self._dialog.handle_timeout(now)
        if self._dialog.closed:
            self.unpublish(EndReason.TIMEOUT, "nothing came from the publisher")
        if self._readers is not None:
            self.deliver(self._readers.due(now, self._arrival_us))
        if self._ports and now >= self._report_at:
            self._report_at = now + REPORT_S
            for track, ports in self._ports.items():
                transport = self._dialog.tracks.get(track)
                ports.report(None if transport is None else transport.client_ports)

    def _to_send(self) -> Sequence[bytes]:
        return self._dialog.data_to_send()

    @property
    def _over(self) -> bool:
        return self._dialog.closed

    def _turn_away(self, transport: asyncio.Transport) -> None:
        transport.write(Response(Status.NOT_ENOUGH_BANDWIDTH, ((REASON, "full"),)).serialize())

    def _cleaned(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
        for ports in self._ports.values():
            ports.close()

    # --- what is asked

    def _announced(self, event: Announced, now: float) -> None:
        place = rtsp_place(event.url.path)
        if place is None:
            raise RefusedError("not-found")
        known = self._gate.known(place, self._address)
        self._account = self._logged_in(event, known, place, now)
        if self._account is None or known is None:
            return
        self._gate.check(known, place)
        if event.description.video is None:
            raise RefusedError("no-picture")
        self._known, self._place = known, place
        self._dialog.accept_announce()

    def _logged_in(
        self, event: Announced, known: Known | None, place: Place, now: float
    ) -> Credentials | None:
        """The account that was shown; None: it was not, and that has been answered."""
        stale = False
        for account in (known.accounts if known is not None else ()) or (None,):
            self._tried = account
            verdict = self._auth.check(event.request, now)
            if verdict.user is not None and account is not None:
                return account
            stale = stale or verdict.stale
        if "authorization" in event.request.headers and not stale:
            self._gate.failed(known, place, self._address, now, by=self.by)
            self._gate.metrics.attempt(self.by, "wrong-credentials")
        self._dialog.reject(Status.UNAUTHORIZED, self._auth.challenges(now, stale=stale))
        return None

    def _password_of(self, user: str) -> str | None:
        account = self._tried
        if account is None or account.password is None or user != account.username:
            return None
        return account.password.get_secret_value()

    def _set_up(self, event: SetUp) -> None:
        if event.transport.lower is Lower.TCP:
            self._dialog.accept_setup()
            return
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open_ports(event), name="publisher's ports")

    async def _open_ports(self, event: SetUp) -> None:
        """Take a pair of ports for a track; what comes there from the publisher's host is its."""
        transport = self._transport
        if transport is None:
            return
        before = self._ports.pop(event.track, None)
        if before is not None:
            before.close()
        try:
            ports = await UdpPorts.open(str(transport.get_extra_info("sockname")[0]), self._address)
        except Unreachable:
            self._dialog.reject(Status.UNSUPPORTED_TRANSPORT, ((REASON, "no-ports"),))
        else:
            self._ports[event.track] = ports
            ports.on_data = partial(self._datagrams, event.track, ports)
            self._dialog.accept_setup(server_ports=ports.numbers)
        self._work(self._loop.time())
        self._flush()

    def _record(self) -> None:
        known, place, description = self._known, self._place, self._dialog.description
        if known is None or place is None or description is None or self._account is None:
            raise RefusedError("not-found")
        wanted = [description.video, description.audio if known.options.audio else None]
        taken = [track for track in wanted if track is not None and track.number in self._dialog.tracks]
        if not taken or taken[0] is not description.video:
            raise RefusedError("no-picture")
        if self._publication is None:
            self._gate.check(known, place)  # somebody may have been faster
            self._begin(known, place, taken, description.server, self._account)
        self._dialog.accept_record()

    def _begin(
        self, known: Known, place: Place, tracks: list[Track], software: str, account: Credentials
    ) -> None:
        self._readers = TrackReaders(tracks, datagrams=bool(self._ports))
        publication = self.new_publication(known, place.channel, place.stream, software)
        publication.sets = [
            (each.sets, each.codec) for each in tracks if each.sets and each.codec is not None
        ]
        publication.sound = next((each.sound for each in tracks if each.sound is not None), None)
        publication.tracks = [track_facts(each) for each in tracks]
        self.publish(known, account, publication)

    # --- media

    @property
    def _arrival_us(self) -> int:
        return self._publication.clock.now_us() if self._publication is not None else 0

    def _packet(self, track: int, data: bytes, now: float, *, rtcp: bool) -> list[StreamUnit]:
        readers, publication = self._readers, self._publication
        if readers is None or publication is None:
            return []
        units = readers.push(track, data, now, self._arrival_us, rtcp=rtcp)
        if rtcp:
            publication.drift_s = readers.drift_s
        elif units and units[0].codec.is_video:
            self._count(publication)
        return units

    def _datagrams(self, track: int, ports: UdpPorts) -> None:
        """Packets wait at the ports of a track."""
        now = self._loop.time()
        self._dialog.heard(now)
        units: list[StreamUnit] = []
        for rtcp, data in ports.take():
            units += self._packet(track, data, now, rtcp=rtcp)
        if self._readers is not None:
            units += self._readers.due(now, self._arrival_us)
        self.deliver(units)

    def _count(self, publication: Publication) -> None:
        counts = self._readers.counts if self._readers is not None else {}
        publication.faults |= Counter(counts)
        publication.faults["strays"] = self._dialog.strays
        publication.faults["strangers"] = sum(ports.strangers for ports in self._ports.values())
