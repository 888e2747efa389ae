"""Recordings on the device, played onto the bus (DVRIP §10.1)."""

from cambus.connector.handlers import HandlerTable
from cambus.connector_dvrip.handlers.guarded import add
from cambus.connector_dvrip.handlers.recording import clips_of, stream_number
from cambus.connector_dvrip.playback_session import SLOWEST, Show
from cambus.connector_dvrip.session import DvripSession
from cambus.schemas.commands import recording as commands
from cambus.schemas.errors import BadRequest, Unsupported
from cambus.schemas.model import Done


def register(table: HandlerTable[DvripSession]) -> None:
    """Add the commands of this noun that concern playing."""
    add(table, commands.PLAY, play, during_upgrade=False)
    add(table, commands.TOUCH, touch, exclusive=False)
    add(table, commands.PAUSE, pause)
    add(table, commands.RESUME, resume)
    add(table, commands.SEEK, seek)
    add(table, commands.SPEED, speed)
    add(table, commands.STOP, stop, exclusive=False)


async def play(session: DvripSession, request: commands.RecordingPlayRequest) -> commands.RecordingPlayReply:
    """Play a recording, or what was recorded in a span of time, onto the bus."""
    _check_speed(request.speed)
    clips = await clips_of(session, request)
    show = Show(
        request.channel,
        clips,
        stream_number(request.stream),
        request.speed,
        request.ttl_s,
        request.on_touch,
    )
    name, subject = await session.playbacks.start(show)
    return commands.RecordingPlayReply(session=name, subject=subject, ttl_s=request.ttl_s)


async def touch(session: DvripSession, request: commands.RecordingSessionRequest) -> Done:
    """Keep a playback from lapsing."""
    session.playbacks.get(request.session).touch()
    return Done()


async def pause(session: DvripSession, request: commands.RecordingSessionRequest) -> Done:
    """Hold a playback."""
    await session.playbacks.get(request.session).pause()
    return Done()


async def resume(session: DvripSession, request: commands.RecordingSessionRequest) -> Done:
    """Go on with a playback."""
    await session.playbacks.get(request.session).resume()
    return Done()


async def seek(session: DvripSession, request: commands.RecordingSeekRequest) -> Done:
    """Play from another instant; a device that can not is stopped and started there."""
    await session.playbacks.get(request.session).seek(session.zone.to_local(request.at))
    return Done()


async def speed(
    session: DvripSession, request: commands.RecordingSpeedRequest
) -> commands.RecordingSpeedReply:
    """Play faster or slower; any speed can be had, for the connector sets the pace."""
    _check_speed(request.speed)
    if request.at is not None or request.until is not None:
        raise BadRequest("at, until: wanted only with a speed below 0; recording.seek goes on from elsewhere")
    playback = session.playbacks.get(request.session)
    await playback.set_speed(request.speed)
    return commands.RecordingSpeedReply(speed=playback.speed)


async def stop(session: DvripSession, request: commands.RecordingSessionRequest) -> Done:
    """End a playback or a download."""
    await session.playbacks.stop(request.session)
    await session.downloads.stop(request.session)
    return Done()


def _check_speed(speed: float) -> None:
    if speed < 0:
        raise Unsupported("these devices play forwards only")
    if speed < SLOWEST:
        raise BadRequest(f"speed: wanted at least {SLOWEST}; recording.pause holds a playback")
