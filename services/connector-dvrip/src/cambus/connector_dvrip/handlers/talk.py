"""Talking through the device (DVRIP §10.2)."""

from typing import Final

from cambus.connector.handlers import HandlerTable
from cambus.connector.talk_line import TalkLine
from cambus.connector_dvrip.handlers.guarded import add
from cambus.connector_dvrip.session import DvripSession
from cambus.connector_dvrip.talk import DvripTalkLine
from cambus.schemas.commands import talk as commands
from cambus.schemas.errors import Unsupported
from cambus.schemas.model import Done

MUTE: Final = ("OtherFunction", "NotSupportTalk")


def register(table: HandlerTable[DvripSession]) -> None:
    """Add the commands of this noun; they run on a connection of their own."""
    add(table, commands.START, start, exclusive=False, during_upgrade=False)
    add(table, commands.STOP, stop, exclusive=False)


async def start(session: DvripSession, request: commands.TalkStartRequest) -> commands.TalkStartReply:
    """Take the loudspeaker; the protocol knows but one, whatever the number of cameras."""
    if request.channel:
        raise Unsupported("channel: these devices have one loudspeaker; leave the channel out")
    if session.facts.has(*MUTE):
        raise Unsupported("the device says that nobody can talk through it")

    async def open_line() -> TalkLine:
        return DvripTalkLine(session, await session.client.open_talk())

    return await session.talks.start(request, open_line)


async def stop(session: DvripSession, request: commands.TalkStopRequest) -> Done:
    """Give the loudspeaker back."""
    await session.talks.stop(request.session)
    return Done()
