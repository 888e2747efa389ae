"""Still pictures, out of the keyframes of live streams."""

from typing import TYPE_CHECKING

from cambus.bus.calls import CallContext
from cambus.connector.handlers import HandlerTable
from cambus.connector.picture import picture_of
from cambus.connector.snapshots import decoded, next_keyframe, stored
from cambus.schemas.commands import snapshot as commands
from cambus.schemas.objects import PictureRef

if TYPE_CHECKING:
    from cambus.connector_rtsp.driver import AnySession


def register(table: "HandlerTable[AnySession]") -> None:
    """Add the commands of this noun."""
    table.add(commands.TAKE, take, exclusive=False)


async def take(
    session: "AnySession", _context: CallContext, request: commands.SnapshotTakeRequest
) -> PictureRef:
    """Decode the next keyframe of the stream, which comes by itself: there is no way to ask for one."""
    context = session.device.context
    frame = await next_keyframe(context, session.taps, request.channel, request.stream, lambda: None)
    picture = await decoded(
        session.device.shared.decoding, lambda: picture_of(frame.codec, frame.payload, request.width)
    )
    return await stored(context, request.channel, picture, cause=request.cause, alarm=request.alarm)
