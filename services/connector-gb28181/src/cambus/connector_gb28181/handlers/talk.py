"""Talking through the device (§8.5)."""

from cambus.connector.handlers import HandlerTable
from cambus.connector.talk_line import TalkLine
from cambus.connector_gb28181.handlers.guarded import add
from cambus.connector_gb28181.ordering import open_media, order_of
from cambus.connector_gb28181.session import GbSession
from cambus.connector_gb28181.talk import BroadcastLine, TalkSessionLine
from cambus.connector_gb28181.unit_queue import UnitQueue
from cambus.gb28181.broadcast import target_of
from cambus.gb28181.codes import NodeKind
from cambus.gb28181.errors import GbError
from cambus.gb28181.sdp import Purpose
from cambus.gb28181.talk import Talk
from cambus.schemas.commands import talk as commands
from cambus.schemas.model import Done


def register(table: HandlerTable[GbSession]) -> None:
    """Add the commands of this noun."""
    add(table, commands.START, start, exclusive=False)
    add(table, commands.STOP, stop, exclusive=False)


async def start(session: GbSession, request: commands.TalkStartRequest) -> commands.TalkStartReply:
    """Take the loudspeaker of a channel, or that of the device."""
    if request.channel is not None:
        session.code_of(request.channel)

    async def open_line() -> TalkLine:
        if session.device.options.talk == "session":
            return await _session_line(session, request.channel or 0)
        return await _broadcast_line(session, request)

    return await session.talks.start(request, open_line)


async def stop(session: GbSession, request: commands.TalkStopRequest) -> Done:
    """Give the loudspeaker back."""
    await session.talks.stop(request.session)
    return Done()


async def _broadcast_line(session: GbSession, request: commands.TalkStartRequest) -> TalkLine:
    code = session.code_of(request.channel) if request.channel is not None else None
    outputs = {
        item.code: item.parents[-1] if item.parents else None
        for item in session.channels.tree.items.values()
        if item.kind is NodeKind.AUDIO_OUTPUT
    }
    target = target_of(session.code, code, outputs)
    try:
        speech = await session.device.hub.signalling.broadcasts.open(session.code, target)
    except GbError as error:
        raise session.failed(error) from error
    return BroadcastLine(session, request.channel or 0, speech)


async def _session_line(session: GbSession, channel: int) -> TalkLine:
    units = UnitQueue()
    media = await open_media(session, order_of(session, channel, purpose=Purpose.TALK), units.put)
    return TalkSessionLine(session, Talk(media), units)
