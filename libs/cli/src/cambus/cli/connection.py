"""The connection of one command: open within seconds, or a reason why not."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from pydantic import ValidationError

from cambus.bus.connection import Bus
from cambus.bus.describe import explain_invalid
from cambus.bus.logging import configure_logging
from cambus.bus.settings import BusSettings
from cambus.cli.failures import NO_NATS, CliError, UsageError
from cambus.cli.invocation import Options

CONNECT_S: Final = 5.0
LOOK_S: Final = 0.02


@asynccontextmanager
async def connected(options: Options) -> AsyncIterator[Bus]:
    """Connect for one command.

    Raises:
        CliError: NATS does not answer, or does not let us in.
        UsageError: the settings are not right.
    """
    quiet = "info" if options.verbose else "error"
    configure_logging("cambusctl", level=quiet, log_format="console")
    if not options.verbose:
        logging.getLogger("cambus.client.connection").setLevel(logging.CRITICAL)  # told as an error instead
    bus = Bus(settings_of(options), name="cambusctl")
    await _open(bus, min(CONNECT_S, options.timeout_s or CONNECT_S))
    try:
        yield bus
    finally:
        await bus.close()


def settings_of(options: Options) -> BusSettings:
    """The settings of the connection: the environment, and the option over it.

    Raises:
        UsageError: they are not right.
    """
    try:
        settings = BusSettings() if options.nats is None else BusSettings(nats_url=options.nats)
    except ValidationError as error:
        raise UsageError(explain_invalid(BusSettings, error).strip()) from None
    problems = settings.check_files()
    if problems:
        raise UsageError("\n".join(problems))
    return settings


async def _open(bus: Bus, within_s: float) -> None:
    """Open the connection; nats-py would try for ever, and tells why not on the side only."""
    opening = asyncio.ensure_future(bus.open())
    alone = len(bus.login.servers) == 1
    deadline = asyncio.get_running_loop().time() + within_s
    try:
        while not opening.done() and asyncio.get_running_loop().time() < deadline:
            await asyncio.wait({opening}, timeout=LOOK_S)
            if alone and (isinstance(bus.nc.last_error, OSError) or _refused(bus.nc.last_error)):
                break
        if not opening.done():
            raise _unreachable(bus)
        opening.result()
    except (ValueError, OSError) as error:
        raise UsageError(f"cannot connect to NATS: {error}") from None
    finally:
        if not bus.connected:
            opening.cancel()
            await asyncio.wait({opening})
            with suppress(Exception):
                await bus.nc.close()


def _unreachable(bus: Bus) -> CliError:
    error, servers = bus.nc.last_error, ", ".join(bus.login.servers)
    if _refused(error):
        return CliError(
            f"NATS at {servers} does not let us in",
            hint="set CAMBUS_NATS_USER and CAMBUS_NATS_PASSWORD_FILE, or CAMBUS_NATS_CREDS_FILE",
            exit_code=NO_NATS,
            reason="nats-refused",
        )
    why = "" if error is None else f" ({_short(error)})"
    return CliError(
        f"NATS at {servers} does not answer{why}",
        hint="is it running? `cambusctl up` starts one; --nats or CAMBUS_NATS_URL says where it is",
        exit_code=NO_NATS,
        reason="nats-unreachable",
    )


def _refused(error: Exception | None) -> bool:
    """Whether the server did not like our credentials."""
    return error is not None and "authorization" in str(error).lower()


def _short(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return str(error).removeprefix("nats: ") or type(error).__name__
