"""New firmware, which a device fetches from us (2022, GB-227)."""

from cambus.connector.handlers import HandlerTable
from cambus.connector_gb28181.handlers.guarded import add
from cambus.connector_gb28181.mapping.device import with_info
from cambus.connector_gb28181.session import GbSession
from cambus.gb28181.errors import GbError
from cambus.schemas.commands import upgrade as commands
from cambus.schemas.errors import Unsupported
from cambus.schemas.model import Done, Empty
from cambus.schemas.upgrades import UpgradeState


def register(table: HandlerTable[GbSession]) -> None:
    """Add the commands of this noun."""
    add(table, commands.INFO, info, exclusive=False)
    # The same job joins the one under way, so whether it disturbs an upgrade is its own question.
    add(table, commands.START, start, destructive=False)
    add(table, commands.CANCEL, cancel, exclusive=False)


async def info(session: GbSession, _request: Empty) -> commands.UpgradeInfoReply:
    """What the device runs; during an upgrade it is not asked."""
    upgrades, watched = session.device.upgrades, session.device.upgrade
    if not upgrades.busy:
        try:
            session.known = with_info(session.known, await session.remote.info())
        except GbError:
            pass  # what it said last is good enough
        else:
            session.described()
    return commands.UpgradeInfoReply(
        software_version=session.known.software_version,
        vendor=session.known.vendor,
        model=session.known.model,
        state=upgrades.state,
        job=upgrades.job,
        percent=upgrades.percent,
        supported=session.remote.version.is_2022,
        native={} if watched is None else {"Step": watched.steps.step.value},
    )


async def start(session: GbSession, request: commands.UpgradeStartRequest) -> commands.UpgradeStartReply:
    """Begin an upgrade; it goes on after this has been answered."""
    if not session.remote.version.is_2022:
        raise Unsupported("devices fetch firmware since the edition of 2022", reason="unsupported-version")
    upgrades = session.device.upgrades
    joined = await upgrades.start(request)
    return commands.UpgradeStartReply(
        job=request.job, state=upgrades.state or UpgradeState.PREPARING, joined=joined
    )


async def cancel(session: GbSession, request: commands.UpgradeCancelRequest) -> Done:
    """Withdraw the image before all of it went out."""
    session.device.upgrades.cancel(request.job)
    return Done()
