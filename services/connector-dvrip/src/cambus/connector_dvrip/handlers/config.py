"""The device's settings, by its own names (DVRIP §8)."""

from datetime import UTC, datetime
from typing import Any, Final

from cambus.client.objects import ObjectStore
from cambus.connector.handlers import HandlerTable
from cambus.connector_dvrip.files import store_file
from cambus.connector_dvrip.handlers.guarded import add
from cambus.connector_dvrip.mapping.native import json_value
from cambus.connector_dvrip.session import DvripSession
from cambus.dvrip.errors import DeviceError, Refused
from cambus.dvrip.operations.config import CHANNEL_TITLE, element
from cambus.dvrip.operations.machine import DEFAULT_GROUPS
from cambus.dvrip.redaction import REDACTED, SECRET_KEYS
from cambus.schemas.commands import config as commands
from cambus.schemas.errors import BadRequest, NotFound
from cambus.schemas.objects import ObjectRef

MAX_ARCHIVE_BYTES: Final = 8 << 20
LATER_GROUPS: Final = ("CameraPARAM", "Factory")
"""Groups of defaults that newer firmware has beside the others."""


def register(table: HandlerTable[DvripSession]) -> None:
    """Add the commands of this noun."""
    add(table, commands.GET, get)
    add(table, commands.SET, set_, during_upgrade=False)
    add(table, commands.RESET, reset)
    add(table, commands.EXPORT, export, during_upgrade=False)
    add(table, commands.IMPORT, import_)


async def get(session: DvripSession, request: commands.ConfigGetRequest) -> commands.ConfigGetReply:
    """Read a setting; its secrets are blanked."""
    config = session.client.config
    name = _wire_name(request.name, request.channel)
    if request.name == CHANNEL_TITLE and not request.default:
        value: Any = await config.channel_titles()
        if request.channel is not None:
            value = _title(value, request.channel)
    else:
        value = await (config.default(name) if request.default else config.get(name))
    return commands.ConfigGetReply(name=request.name, channel=request.channel, value=json_value(value))


async def set_(session: DvripSession, request: commands.ConfigSetRequest) -> commands.ConfigSetReply:
    """Write a setting: by default only the fields given, the others keep what they have."""
    if request.name == CHANNEL_TITLE:
        return await _set_titles(session, request)
    config = session.client.config
    name = _wire_name(request.name, request.channel)
    value = without_blanks(request.value)
    checked = not request.unchecked
    moves = session.device.write_address(name, value)  # some are gone before they answer
    try:
        if request.merge and isinstance(value, dict):
            written = await config.merge(name, value, checked=checked)
        else:
            written = await config.set(name, value, checked=checked)
    except (DeviceError, Refused):
        if moves:
            session.device.stay()
        raise
    if moves and not written.restart_needed:
        session.restarting("the device was given another address")
        return commands.ConfigSetReply(name=request.name, value=None)  # it is gone from here
    now = json_value(await config.get(name))
    return commands.ConfigSetReply(name=request.name, value=now, restart_needed=written.restart_needed)


async def _set_titles(session: DvripSession, request: commands.ConfigSetRequest) -> commands.ConfigSetReply:
    """Write channel titles: the device takes only the whole list (DVRIP §8)."""
    config = session.client.config
    titles = await config.channel_titles()
    if request.channel is not None and isinstance(request.value, str):
        _title(titles, request.channel)
        titles[request.channel] = request.value
    elif isinstance(request.value, list) and all(isinstance(title, str) for title in request.value):
        titles = [str(title) for title in request.value] + titles[len(request.value) :]
    else:
        raise BadRequest("value: wanted a list of titles, or one title and a channel")
    await config.set_channel_titles(titles)
    titles = await config.channel_titles()
    session.titled(titles)
    return commands.ConfigSetReply(name=request.name, value=json_value(titles))


async def reset(session: DvripSession, request: commands.ConfigResetRequest) -> commands.ConfigResetReply:
    """Bring groups (`Encode`, `Record` …) or settings by name back to what the factory set."""
    known = {group.lower(): {group} for group in (*DEFAULT_GROUPS, *LATER_GROUPS)} | {
        "all": set(DEFAULT_GROUPS)
    }
    groups: set[str] = set()
    names = []
    for section in request.sections:
        groups |= known.get(section.lower(), set())
        if section.lower() not in known:
            names.append(section)
    if any("." not in name for name in names):
        raise BadRequest(f"sections: wanted all, {', '.join(DEFAULT_GROUPS)}, or names of settings")
    restart = False
    if groups:
        restart = (await session.client.machine.restore_defaults(groups, confirm=True)).restart_needed
    for name in names:
        restart |= (await session.client.config.reset(name, confirm=True)).restart_needed
    return commands.ConfigResetReply(restart_needed=restart)


async def export(session: DvripSession, request: commands.ConfigExportRequest) -> ObjectRef:
    """Fetch the configuration as the device packs it; it is stored as received."""
    if request.passphrase is not None:
        raise BadRequest("passphrase: these devices encrypt no exports")
    archive = await session.client.transfers.export_config()
    return await store_file(session.device, "config", "zip", archive, datetime.now(UTC))


async def import_(session: DvripSession, request: commands.ConfigImportRequest) -> commands.ConfigImportReply:
    """Replace the configuration by an exported one."""
    store = ObjectStore(session.device.context.bus, request.file.bucket)
    try:
        archive = await store.get_bytes(request.file.object, MAX_ARCHIVE_BYTES)
    except KeyError:
        raise NotFound("file: there is no such object", reason="no-such-object") from None
    except ValueError:
        raise BadRequest(f"file: wanted at most {MAX_ARCHIVE_BYTES} bytes") from None
    info = await store.info(request.file.object)
    if info is None or info.sha256 != request.file.sha256:
        raise BadRequest("file: the digest is not the one given")
    written = await session.client.transfers.import_config(archive, confirm=True)
    return commands.ConfigImportReply(restart_needed=written.restart_needed)


def without_blanks(value: Any) -> Any:
    """Return a value without the secrets that were blanked when it was read: those are to stay as they are."""
    if isinstance(value, dict):
        return {
            key: without_blanks(item)
            for key, item in value.items()
            if not (item == REDACTED and key.strip().lower() in SECRET_KEYS)
        }
    return [without_blanks(item) for item in value] if isinstance(value, list) else value


def _wire_name(name: str, channel: int | None) -> str:
    return name if channel is None else element(name, channel)


def _title(titles: list[str], channel: int) -> str:
    if channel >= len(titles):
        raise NotFound(f"there is no title of channel {channel}", reason="no-such-channel")
    return titles[channel]
