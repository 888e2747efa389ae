"""A camera on the bus without a device behind it: what clients talk to."""

import hashlib
from datetime import UTC, datetime

from cambus.bus.calls import CallContext
from cambus.bus.connection import Bus
from cambus.bus.endpoints import Endpoints
from cambus.client.objects import ObjectStore
from cambus.media.frame import Codec, Flag, Frame, Kind, encode_frame
from cambus.schemas import subjects
from cambus.schemas.alarms import AlarmType, Severity
from cambus.schemas.assets import OBJECTS_PICTURES
from cambus.schemas.codec import encode
from cambus.schemas.commands import device, live, ptz, snapshot
from cambus.schemas.errors import DeviceRefused
from cambus.schemas.events.alarm import RAISED, AlarmRaised
from cambus.schemas.ids import new_ulid
from cambus.schemas.model import Done, Empty
from cambus.schemas.objects import PictureRef

PICTURE = b"\x00\x00\x00\x01\x65 an access unit"
JPEG = b"\xff\xd8\xff\xe0 a picture \xff\xd9"


class BusCamera:
    """Answers `device.info`, `ptz.move`, `ptz.stop` (refused), `snapshot.take` and claims of its live stream.

    Raises alarms, and sends pictures, when told to.
    """

    def __init__(self, bus: Bus, endpoints: Endpoints, name: str) -> None:
        self.name = name
        self.moves: list[ptz.PtzMoveRequest] = []
        self.callers: list[str] = []
        self.claims: set[str] = set()
        self.sent = 0
        self._bus = bus
        self._endpoints = endpoints

    async def start(self) -> None:
        """Answer from now on."""
        self._endpoints.add(device.INFO, self._info)
        self._endpoints.add(ptz.MOVE, self._move)
        self._endpoints.add(ptz.STOP, self._stop)
        self._endpoints.add(snapshot.TAKE, self._take)
        for spec in (live.START, live.TOUCH):
            self._endpoints.add(spec, self._claim)
        self._endpoints.add(live.STOP, self._give_back)
        await self._endpoints.start()
        await self._endpoints.hold(self.name)

    async def raise_alarm(self, channel: int = 0) -> AlarmRaised:
        """Publish an alarm; returns once it is kept."""
        now = datetime.now(UTC)
        alarm = AlarmRaised(
            id=new_ulid(),
            device=self.name,
            protocol="dvrip",
            at=now,
            channel=channel,
            type=AlarmType.MOTION,
            severity=Severity.MINOR,
            key=f"motion-{channel}",
        )
        headers = {"Nats-Msg-Id": alarm.id}
        await self._bus.jetstream.publish(RAISED.subject(self.name), encode(alarm), headers=headers)
        return alarm

    async def send_picture(self) -> None:
        """Publish a keyframe on the first channel's main stream."""
        self.sent += 1
        pts = self.sent * 3600
        frame = Frame(Kind.VIDEO, Codec.H264, Flag.KEYFRAME, self.sent, pts, pts, pts, PICTURE)
        for message in encode_frame(frame, self._bus.max_payload):
            await self._bus.publish(subjects.media_subject(self.name, 0, "main"), message)

    async def _claim(self, context: CallContext, request: live.LiveStartRequest) -> live.LiveStartReply:
        self.claims.add(request.claimant)
        subject = subjects.media_subject(self.name, request.channel, request.stream)
        return live.LiveStartReply(subject=subject, ttl_s=request.ttl_s)

    async def _give_back(self, context: CallContext, request: live.LiveStopRequest) -> Done:
        self.claims.discard(request.claimant)
        return Done()

    async def _info(self, context: CallContext, request: Empty) -> device.DeviceInfoReply:
        return device.DeviceInfoReply(vendor="Cambus", model="Stand-in")

    async def _move(self, context: CallContext, request: ptz.PtzMoveRequest) -> Done:
        self.moves.append(request)
        self.callers.append(context.caller)
        return Done()

    async def _stop(self, context: CallContext, request: ptz.PtzChannelRequest) -> Done:
        raise DeviceRefused("it does not stop", device_code="119")

    async def _take(self, context: CallContext, request: snapshot.SnapshotTakeRequest) -> PictureRef:
        stored = await ObjectStore(self._bus, OBJECTS_PICTURES).put(f"{self.name}/0.jpg", JPEG)
        return PictureRef(
            bucket=stored.bucket,
            object=stored.name,
            sha256=hashlib.sha256(JPEG).hexdigest(),
            bytes=len(JPEG),
            content_type="image/jpeg",
            taken_at=datetime.now(UTC),
        )
