"""Still pictures: from the device (DVRIP §7.7), or out of its video where it gives none."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from cambus.bus.objects import ObjectStore
from cambus.connector.handlers import HandlerTable
from cambus.connector_dvrip.handlers.guarded import add
from cambus.connector_dvrip.picture import Picture, PictureError, picture_of, scaled
from cambus.connector_dvrip.session import DvripSession
from cambus.dvrip.errors import Unsupported as NativeUnsupported
from cambus.media.frame import Frame
from cambus.schemas.assets import OBJECTS_PICTURES
from cambus.schemas.commands import snapshot as commands
from cambus.schemas.errors import DeadlineExceeded, DeviceProtocolError, Unsupported
from cambus.schemas.events import picture as picture_events
from cambus.schemas.ids import StreamName, new_ulid
from cambus.schemas.objects import PictureRef

PICTURE_S: Final = 15.0
"""Seconds in which a picture comes or is given up, those in which the device kept silent about its own included."""

CLAIM_TTL_S: Final = 20.0


def register(table: HandlerTable[DvripSession]) -> None:
    """Add the commands of this noun."""
    add(table, commands.TAKE, take, exclusive=False, during_upgrade=False)


async def take(session: DvripSession, request: commands.SnapshotTakeRequest) -> PictureRef:
    """Take a picture, store it, tell of it."""
    async with session.snapshot_turn:
        picture = await _picture(session, request)
    taken_at = datetime.now(UTC)
    context = session.device.context
    name = f"{session.device.id}/{request.channel}/{taken_at:%Y%m%dT%H%M%S.%f}Z.jpg"
    stored = await ObjectStore(context.bus, OBJECTS_PICTURES).put(name, picture.data)
    reference = PictureRef(
        bucket=stored.bucket,
        object=stored.name,
        sha256=stored.sha256,
        bytes=stored.bytes,
        content_type="image/jpeg",
        taken_at=taken_at,
        width=picture.width,
        height=picture.height,
    )
    await context.events.tell(
        picture_events.STORED, channel=request.channel, picture=reference, cause="command"
    )
    return reference


async def _picture(session: DvripSession, request: commands.SnapshotTakeRequest) -> Picture:
    device = session.device
    due = asyncio.get_running_loop().time() + PICTURE_S
    if device.snapshot_supported is not False:
        try:
            jpeg = await session.client.snapshot(request.channel)
            picture = await _in_thread(session, lambda: scaled(jpeg, request.width))
        except NativeUnsupported:
            device.snapshot_supported = False
        else:
            device.snapshot_supported = True
            device.metrics.snapshot("device")
            return picture
    if device.options.snapshots == "device":
        raise Unsupported("the device gives no pictures", reason="no-snapshots")
    frame = await _keyframe(session, request.channel, request.stream, due)
    picture = await _in_thread(session, lambda: picture_of(frame.codec, frame.payload, request.width))
    device.metrics.snapshot("stream")
    return picture


async def _keyframe(session: DvripSession, channel: int, stream: StreamName, due: float) -> Frame:
    """Return the next keyframe of the live stream, which is opened for it like for any viewer (DVRIP §7.7)."""
    claimant = f"snapshot-{new_ulid()}"
    hooks = session.device.context.hooks
    waiting = asyncio.ensure_future(session.taps.next(channel, stream))
    try:
        async with asyncio.timeout_at(due), hooks.claimed(channel, stream, claimant, CLAIM_TTL_S):
            session.client.force_key_frame(channel, session.wire_stream(stream))
            return await waiting
    except TimeoutError:
        raise DeadlineExceeded("no keyframe came in time", reason="no-keyframe") from None
    finally:
        waiting.cancel()


async def _in_thread(session: DvripSession, work: Callable[[], Picture]) -> Picture:
    """Decode beside the event loop, a few pictures at a time."""
    async with session.device.decoding:
        try:
            return await asyncio.to_thread(work)
        except PictureError as error:
            raise DeviceProtocolError(str(error), reason="no-picture") from error
