"""The encoders, through `VideoParamAttribute` (2022, GB-222)."""

import asyncio
import contextlib
from typing import Final

from cambus.connector.handlers import HandlerTable
from cambus.connector_gb28181.handlers.guarded import add
from cambus.connector_gb28181.mapping.config import element_for
from cambus.connector_gb28181.mapping.video import BLOCK, changed, encoders_of
from cambus.connector_gb28181.session import GbSession
from cambus.gb28181.errors import GbError
from cambus.gb28181.manscdp.config import ConfigAnswer
from cambus.schemas.commands import video as commands
from cambus.schemas.encoding import EncoderSettings
from cambus.schemas.errors import NotFound

ALL_S: Final = 25.0
"""For so long all channels are asked; what has not answered by then is left out."""
MAX_ASKED: Final = 64


def register(table: HandlerTable[GbSession]) -> None:
    """Add the commands of this noun."""
    add(table, commands.GET, get, exclusive=False)  # it may ask many channels
    add(table, commands.SET, set_, destructive=True)


async def get(session: GbSession, request: commands.VideoGetRequest) -> commands.VideoGetReply:
    """Read encoder settings of one channel, or of the first `MAX_ASKED` that answer."""
    if request.channel is not None:
        answer = await _read(session, request.channel)
        return commands.VideoGetReply(encoders=encoders_of(answer, request.channel, request.stream))
    numbers = [channel.channel for channel in session.description.channels[:MAX_ASKED]]
    found: dict[int, list[EncoderSettings]] = {}
    failed: list[GbError] = []

    async def ask(number: int) -> None:
        try:
            found[number] = encoders_of(await _read(session, number), number, request.stream)
        except GbError as error:
            failed.append(error)

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ALL_S), asyncio.TaskGroup() as tasks:
            for number in numbers:
                tasks.create_task(ask(number), name=f"encoders {session.device.id}")
    if failed and not found:
        raise failed[0]
    return commands.VideoGetReply(encoders=[each for number in sorted(found) for each in found[number]])


async def set_(session: GbSession, request: commands.VideoSetRequest) -> commands.VideoSetReply:
    """Change only what is given; the other encoders of the channel are written back as they are."""
    answer = await _read(session, request.channel)
    block = element_for(BLOCK, changed(answer.values(), request))
    await session.remote.configure(block, session.code_of(request.channel))
    now = encoders_of(await _read(session, request.channel), request.channel, request.stream)
    if not now:
        raise NotFound(f"channel {request.channel} has no encoder {request.stream}", reason="no-such-stream")
    return commands.VideoSetReply(settings=now[0])


async def _read(session: GbSession, channel: int) -> ConfigAnswer:
    (answer, *_) = await session.remote.config([BLOCK], session.code_of(channel))
    return answer
