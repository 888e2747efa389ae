"""Still pictures: uploaded by devices of 2022 (§10), out of the video of all others (GB-226)."""

import contextlib
from functools import partial

from cambus.connector.handlers import HandlerTable
from cambus.connector.picture import Picture, picture_of, scaled
from cambus.connector.snapshots import decoded, next_keyframe, stored
from cambus.connector_gb28181.handlers.guarded import add
from cambus.connector_gb28181.session import GbSession
from cambus.gb28181.errors import GbError
from cambus.gb28181.manscdp.control import keyframe
from cambus.schemas.commands import snapshot as commands
from cambus.schemas.objects import PictureRef


def register(table: HandlerTable[GbSession]) -> None:
    """Add the commands of this noun."""
    add(table, commands.TAKE, take, exclusive=False)
    add(table, commands.SERIES, series, exclusive=False)


async def take(session: GbSession, request: commands.SnapshotTakeRequest) -> PictureRef:
    """Take a picture, store it, tell of it."""
    code = session.code_of(request.channel)
    async with session.picture_turn:
        picture = await _uploaded(session, request) or await _from_stream(session, request, code)
    return await stored(
        session.device.context, request.channel, picture, cause=request.cause, alarm=request.alarm
    )


async def _uploaded(session: GbSession, request: commands.SnapshotTakeRequest) -> Picture | None:
    """A picture the device takes itself, where it can; None where its stream has to give it."""
    if not session.pictures.wanted:
        return None
    jpeg = await session.pictures.picture(request.channel)
    if jpeg is None:
        return None
    return await decoded(session.device.hub.decoding, lambda: scaled(jpeg.data, request.width))


async def _from_stream(session: GbSession, request: commands.SnapshotTakeRequest, code: str) -> Picture:
    """Decode the next keyframe of the live stream."""
    context, remote = session.device.context, session.remote

    async def order() -> None:
        with contextlib.suppress(GbError):  # the next one comes by itself
            await remote.control(keyframe(remote.version), code)

    frame = await next_keyframe(
        context,
        session.taps,
        request.channel,
        request.stream,
        lambda: context.hooks.spawn(order(), "keyframe"),
    )
    return await decoded(
        session.device.hub.decoding, lambda: picture_of(frame.codec, frame.payload, request.width)
    )


async def series(session: GbSession, request: commands.SnapshotSeriesRequest) -> commands.SnapshotSeriesReply:
    """Have the device take several pictures; those that came are kept, however many that are (GB-224)."""
    context, gate = session.device.context, session.device.hub.decoding
    uploaded = await session.pictures.series(request.channel, request.count, request.interval_s)
    references = []
    for each in uploaded:
        picture = await decoded(gate, partial(scaled, each.data, None))
        references.append(await stored(context, request.channel, picture))
    return commands.SnapshotSeriesReply(pictures=references, missing=request.count - len(references))
