"""The device as a whole: what it is, how it is, and its power."""

from cambus.connector.handlers import HandlerTable
from cambus.connector_gb28181.handlers.guarded import add
from cambus.connector_gb28181.mapping.device import info_reply, with_info
from cambus.connector_gb28181.session import GbSession
from cambus.gb28181.manscdp.control import DeviceControl
from cambus.schemas.commands import device as commands
from cambus.schemas.model import Done, Empty


def register(table: HandlerTable[GbSession]) -> None:
    """Add the commands of this noun."""
    add(table, commands.INFO, info)
    add(table, commands.REBOOT, reboot)


async def info(session: GbSession, _request: Empty) -> commands.DeviceInfoReply:
    """Read anew what the device is."""
    answer = await session.remote.info()
    session.known = with_info(session.known, answer)
    session.described()
    return info_reply(answer, session.description)


async def reboot(session: GbSession, _request: commands.DeviceRebootRequest) -> Done:
    """Restart the device; it answers nothing (GB-089)."""
    await session.remote.control(DeviceControl(boot="Boot"), session.code)
    return Done()
