"""New firmware (DVRIP §13)."""

from cambus.connector.handlers import HandlerTable
from cambus.connector_dvrip.handlers.guarded import add
from cambus.connector_dvrip.mapping.native import json_object, text
from cambus.connector_dvrip.session import DvripSession
from cambus.dvrip.errors import DeviceError
from cambus.schemas.commands import upgrade as commands
from cambus.schemas.model import Done, Empty
from cambus.schemas.upgrades import UpgradeState


def register(table: HandlerTable[DvripSession]) -> None:
    """Add the commands of this noun."""
    add(table, commands.INFO, info, exclusive=False)
    # Whether it disturbs an upgrade is its own question: the same job joins the one under way. It takes its turn
    # behind what the device is being asked already, such as an import of its configuration.
    add(table, commands.START, start, destructive=False)
    add(table, commands.CANCEL, cancel, exclusive=False)


async def info(session: DvripSession, _request: Empty) -> commands.UpgradeInfoReply:
    """Read what firmware fits; during an upgrade the device is not asked."""
    upgrades, facts = session.device.upgrades, session.facts
    base = commands.UpgradeInfoReply(
        software_version=session.description.software_version,
        hardware=text(facts.info.hardware),
        model=session.description.model,
        state=upgrades.state,
        job=upgrades.job,
        percent=upgrades.percent,
    )
    if upgrades.busy:
        return base
    try:
        native = await session.client.upgrades.info()
    except DeviceError:
        return base
    return base.model_copy(
        update={
            "hardware": text(native.hardware),
            "vendor": text(native.vendor),
            "native": json_object(native.raw),
        }
    )


async def start(session: DvripSession, request: commands.UpgradeStartRequest) -> commands.UpgradeStartReply:
    """Begin an upgrade; it goes on after this has been answered."""
    upgrades = session.device.upgrades
    joined = await upgrades.start(request)
    return commands.UpgradeStartReply(
        job=request.job, state=upgrades.state or UpgradeState.PREPARING, joined=joined
    )


async def cancel(session: DvripSession, request: commands.UpgradeCancelRequest) -> Done:
    """End an upgrade before its last byte."""
    session.device.upgrades.cancel(request.job)
    return Done()
