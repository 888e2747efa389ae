"""The device's settings, by the blocks of the protocol (§10, GB-220 to GB-223)."""

from typing import Any

from cambus.connector.handlers import HandlerTable
from cambus.connector_gb28181.handlers.guarded import add
from cambus.connector_gb28181.mapping.config import (
    blocks_in,
    element_for,
    merged,
    value_of,
    without_blanks,
)
from cambus.connector_gb28181.session import GbSession
from cambus.gb28181.manscdp.config import ConfigAnswer
from cambus.schemas.commands import config as commands
from cambus.schemas.errors import BadRequest, DeviceRefused, Unsupported
from cambus.schemas.model import FreeJson


def register(table: HandlerTable[GbSession]) -> None:
    """Add the commands of this noun."""
    add(table, commands.GET, get)
    add(table, commands.SET, set_, destructive=True)
    table.refuse(commands.RESET, "the protocol can not bring settings back to what the factory set")
    for spec in (commands.EXPORT, commands.IMPORT):
        table.refuse(spec, "the protocol reads and writes settings block by block: device.config.get")


async def get(session: GbSession, request: commands.ConfigGetRequest) -> commands.ConfigGetReply:
    """Read a block, or several with slashes between; of those the ones that came, the others are null."""
    if request.default:
        raise Unsupported("the protocol does not tell what the factory set")
    names = blocks_in(request.name)
    answers = await _read(session, names, request.channel)
    value: FreeJson
    if len(names) == 1:
        value = _block(answers, names[0])
    else:
        value = dict.fromkeys(names)
        value |= {answer.block: value_of(answer) for answer in answers if answer.block}
    return commands.ConfigGetReply(name=request.name, channel=request.channel, value=value)


async def set_(session: GbSession, request: commands.ConfigSetRequest) -> commands.ConfigSetReply:
    """Write a block: by default only the fields given, the others keep what they have."""
    names = blocks_in(request.name)
    if len(names) != 1:
        raise BadRequest("name: wanted one block; each is written by itself")
    name, value = names[0], without_blanks(request.value)
    if request.merge and isinstance(value, dict):
        value = merged(without_blanks(_block(await _read(session, [name], request.channel), name)), value)
    element = element_for(name, value)
    code = None if request.channel is None else session.code_of(request.channel)
    await session.remote.configure(element, code, checked=not request.unchecked)
    now = _block(await _read(session, [name], request.channel), name)
    return commands.ConfigSetReply(name=request.name, value=now)


async def _read(session: GbSession, names: list[str], channel: int | None) -> list[ConfigAnswer]:
    code = None if channel is None else session.code_of(channel)
    return await session.remote.config(names, code)


def _block(answers: list[ConfigAnswer], name: str) -> Any:
    """The value of the one block that was asked for, whatever the device calls it. Raises DeviceRefused."""
    answer = next((each for each in answers if each.block == name), answers[0])
    if answer.element is None:
        raise DeviceRefused(f"the device has no settings {name}", reason="no-such-block")
    return value_of(answer)
