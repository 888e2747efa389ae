"""Recordings on the device, played onto the bus (§8.4)."""

from cambus.connector.handlers import HandlerTable
from cambus.connector_gb28181.handlers.guarded import add
from cambus.connector_gb28181.handlers.recording import span_of
from cambus.connector_gb28181.playback_session import Show
from cambus.connector_gb28181.session import GbSession
from cambus.schemas.commands import recording as commands
from cambus.schemas.model import Done


def register(table: HandlerTable[GbSession]) -> None:
    """Add the commands of this noun that concern playing; each playback deals with its own in turn."""
    add(table, commands.PLAY, play, exclusive=False)
    add(table, commands.TOUCH, touch, exclusive=False)
    add(table, commands.PAUSE, pause, exclusive=False)
    add(table, commands.RESUME, resume, exclusive=False)
    add(table, commands.SEEK, seek, exclusive=False)
    add(table, commands.SPEED, speed, exclusive=False)
    add(table, commands.STOP, stop, exclusive=False)


async def play(session: GbSession, request: commands.RecordingPlayRequest) -> commands.RecordingPlayReply:
    """Play a recording, or what was recorded in a span of time, onto the bus."""
    show = Show(request.channel, request.stream, span_of(request), request.ttl_s, request.on_touch)
    name, subject, route = await session.playbacks.start(show, request.speed)
    return commands.RecordingPlayReply(session=name, subject=subject, ttl_s=request.ttl_s, route=route)


async def touch(session: GbSession, request: commands.RecordingSessionRequest) -> Done:
    """Keep a playback from lapsing."""
    session.playbacks.get(request.session).touch()
    return Done()


async def pause(session: GbSession, request: commands.RecordingSessionRequest) -> Done:
    """Hold a playback."""
    await session.playbacks.get(request.session).pause()
    return Done()


async def resume(session: GbSession, request: commands.RecordingSessionRequest) -> Done:
    """Go on with a playback."""
    await session.playbacks.get(request.session).resume()
    return Done()


async def seek(session: GbSession, request: commands.RecordingSeekRequest) -> Done:
    """Play from another instant."""
    await session.playbacks.get(request.session).seek(request.at)
    return Done()


async def speed(session: GbSession, request: commands.RecordingSpeedRequest) -> commands.RecordingSpeedReply:
    """Play faster, slower or backwards, also between two instants; the device says what it settled on."""
    playback = session.playbacks.get(request.session)
    if request.at is None and request.until is None:
        return commands.RecordingSpeedReply(speed=await playback.set_speed(request.speed))
    settled, at, until = await playback.reverse(request.speed, request.at, request.until)
    return commands.RecordingSpeedReply(speed=settled, at=at, until=until)


async def stop(session: GbSession, request: commands.RecordingSessionRequest) -> Done:
    """End a playback or a download."""
    await session.playbacks.stop(request.session)
    await session.downloads.stop(request.session)
    return Done()
