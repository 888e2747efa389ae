"""A publisher that speaks RTMP: connect, publish with its key, then tags."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from cambus.connector.errors import EndReason
from cambus.connector_rtsp.publish.door import SILENCE_S, Door, House
from cambus.connector_rtsp.publish.gate import RefusedError
from cambus.connector_rtsp.publish.places import rtmp_place
from cambus.connector_rtsp.publish.publication import Publication
from cambus.media.frame import Codec
from cambus.media.mpegps import StreamUnit
from cambus.rtmp import Closed, Media, Publish, RtmpServerConnection, TagReader, Unpublished

_CODES: Final = {
    "not-found": ("NetStream.Publish.BadName", "there is no such stream"),
    "already-published": ("NetStream.Publish.BadName", "somebody publishes this stream already"),
    "full": ("NetStream.Publish.Failed", "too many streams are published"),
    "wrong-credentials": ("NetStream.Publish.Denied", "the key is wrong"),
}
_ENCODINGS: Final = {
    Codec.H264: "H264",
    Codec.H265: "H265",
    Codec.AAC: "AAC",
    Codec.PCMA: "PCMA",
    Codec.PCMU: "PCMU",
}


class RtmpDoor(Door):
    """One publisher's connection.

    Args:
        house: where it lives.
    """

    by = "rtmp"

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self._dialog = RtmpServerConnection(self._loop.time(), silence_s=SILENCE_S)
        self._tags = TagReader()

    def _heard(self, data: bytes, now: float) -> None:
        self._dialog.receive_data(data, now)
        self._work(now)

    def _work(self, now: float) -> None:
        units: list[StreamUnit] = []
        while events := self._dialog.events_received():
            for event in events:
                if isinstance(event, Media):
                    unit = self._tags.read(event.body, event.timestamp, video=event.video)
                    if unit is not None:
                        units.append(unit)
                elif isinstance(event, Publish):
                    self._asked(event, now)
                elif isinstance(event, Unpublished):
                    self.deliver(units)
                    self.unpublish(EndReason.FORCED_LOGOUT, "the publisher has ended the stream")
                elif isinstance(event, Closed) and self._publication is not None:
                    self._gate.metrics.attempt(self.by, "broken")
                    self.unpublish(EndReason.PROTOCOL_ERROR, event.reason)
        if self._publication is not None:
            self._know(self._publication)
            self.deliver(units)

    def _tick(self, now: float) -> None:
        self._dialog.handle_timeout(now)
        if self._dialog.closed:
            self.unpublish(EndReason.TIMEOUT, "nothing came from the publisher")

    def _to_send(self) -> Sequence[bytes]:
        return self._dialog.data_to_send()

    @property
    def _over(self) -> bool:
        return self._dialog.closed

    def _asked(self, event: Publish, now: float) -> None:
        try:
            self._admit(event, now)
        except RefusedError as refused:
            self._gate.metrics.attempt(self.by, refused.reason)
            self._dialog.reject_publish(*_CODES[refused.reason])
        else:
            self._dialog.accept_publish()

    def _admit(self, event: Publish, now: float) -> None:
        place = rtmp_place(event.app, event.name)
        if place is None:
            raise RefusedError("not-found")
        known = self._gate.known(place, self._address)
        account = self._gate.account_of_key(known, place.key)
        if account is None or known is None:
            self._gate.failed(known, place, self._address, now, by=self.by)
            raise RefusedError("wrong-credentials")
        self._gate.check(known, place)
        self.publish(known, account, self.new_publication(known, place.channel, place.stream, event.software))

    def _know(self, publication: Publication) -> None:
        """What the tags have told of the stream."""
        video, sound = self._tags.video, self._tags.sound
        publication.sets = [] if video is None else [(video.sets, video.codec)]
        publication.sound = sound
        codecs = [each.codec for each in (video, sound) if each is not None]
        if len(codecs) != len(publication.tracks):
            publication.tracks = [
                {
                    "kind": "video" if codec.is_video else "audio",
                    "encoding": _ENCODINGS.get(codec, ""),
                    "taken": True,
                }
                for codec in codecs
            ]
            publication.told()
        self._count(publication)

    def _count(self, publication: Publication) -> None:
        faults = {each: self._tags.counts[each] for each in ("foreign", "malformed")}
        publication.faults |= Counter(faults)
