"""The encoders, through `Simplify.Encode` (DVRIP §8)."""

from cambus.connector.handlers import HandlerTable
from cambus.connector_dvrip.handlers.guarded import add
from cambus.connector_dvrip.mapping.encoders import NAME, changed, encoders_of, settings_of
from cambus.connector_dvrip.session import DvripSession
from cambus.schemas.commands import video as commands


def register(table: HandlerTable[DvripSession]) -> None:
    """Add the commands of this noun."""
    add(table, commands.GET, get)
    add(table, commands.SET, set_, during_upgrade=False)


async def get(session: DvripSession, request: commands.VideoGetRequest) -> commands.VideoGetReply:
    """Read encoder settings."""
    value = await session.client.config.get(NAME)
    return commands.VideoGetReply(encoders=encoders_of(value, request.channel, request.stream))


async def set_(session: DvripSession, request: commands.VideoSetRequest) -> commands.VideoSetReply:
    """Change only what is given; everything else in the device's settings stays as it is."""
    config = session.client.config
    written = await config.edit(NAME, lambda value: changed(value, request))
    now = await config.get(NAME)
    settings = settings_of(now, request.channel, request.stream)
    return commands.VideoSetReply(settings=settings, restart_needed=written.restart_needed)
