"""Still pictures: from the device (DVRIP §7.7), or out of its video where it gives none."""

import asyncio
from functools import partial
from typing import Final

from cambus.connector.handlers import HandlerTable
from cambus.connector.picture import Picture, picture_of, scaled
from cambus.connector.snapshots import decoded, next_keyframe, stored
from cambus.connector_dvrip.handlers.guarded import add
from cambus.connector_dvrip.session import DvripSession
from cambus.dvrip.errors import Unsupported as NativeUnsupported
from cambus.schemas.commands import snapshot as commands
from cambus.schemas.errors import Unsupported
from cambus.schemas.objects import PictureRef

PICTURE_S: Final = 15.0
"""Seconds in which a picture comes or is given up, those in which the device kept silent about its own included."""


def register(table: HandlerTable[DvripSession]) -> None:
    """Add the commands of this noun."""
    add(table, commands.TAKE, take, exclusive=False, during_upgrade=False)


async def take(session: DvripSession, request: commands.SnapshotTakeRequest) -> PictureRef:
    """Take a picture, store it, tell of it."""
    async with session.snapshot_turn:
        picture = await _picture(session, request)
    return await stored(
        session.device.context, request.channel, picture, cause=request.cause, alarm=request.alarm
    )


async def _picture(session: DvripSession, request: commands.SnapshotTakeRequest) -> Picture:
    device = session.device
    due = asyncio.get_running_loop().time() + PICTURE_S
    if device.snapshot_supported is not False:
        try:
            jpeg = await session.client.snapshot(request.channel)
            picture = await decoded(device.decoding, lambda: scaled(jpeg, request.width))
        except NativeUnsupported:
            device.snapshot_supported = False
        else:
            device.snapshot_supported = True
            device.metrics.snapshot("device")
            return picture
    if device.options.snapshots == "device":
        raise Unsupported("the device gives no pictures", reason="no-snapshots")
    return await _from_stream(session, request, due)


async def _from_stream(session: DvripSession, request: commands.SnapshotTakeRequest, due: float) -> Picture:
    """Decode the next keyframe of the live stream (DVRIP §7.7)."""
    channel, stream = request.channel, request.stream

    def ask() -> None:
        session.client.force_key_frame(channel, session.wire_stream(stream))

    frame = await next_keyframe(session.device.context, session.taps, channel, stream, ask, due=due)
    work = partial(picture_of, frame.codec, frame.payload, request.width)
    picture = await decoded(session.device.decoding, work)
    session.device.metrics.snapshot("stream")
    return picture
